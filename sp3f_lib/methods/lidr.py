"""LIDR (arXiv 2410.08964): language imbalance driven rewarding, in iterations of answering, translating, pairing and DPO + NLL.

    answers (policy) -> translations (policy) -> pairs, controls of equal size, rows of the SFT baseline -> training

The policy of iteration 1 is `methods.start`, then the model of the iteration before; it answers, it translates, it is trained, and
it is DPO's reference. The pairs: lidr_pairs.py; the controls: lidr_controls.py.
"""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

from sp3f_lib.data.pairs import export_pairs
from sp3f_lib.generation.engines import generation_settings, generator
from sp3f_lib.generation.parts import read_parts
from sp3f_lib.methods.named import Given, Named, Work
from sp3f_lib.methods.shared import (
    GENERATION_CODE,
    PAIRS,
    check_shared,
    count_prompts,
    languages_of,
    load,
    progress_of,
    prompts,
)
from sp3f_lib.profiles import Profile
from sp3f_lib.runs import write_text
from sp3f_lib.stages import label, make_stage

PAPER = "2410.08964"
ROWS = "alignment.jsonl"  # of the SFT baseline


def answers(profile: Profile, policy: Path | str, iteration: int) -> Path:
    """Greedy answers of an iteration's policy to all prompts: `answers/*.parquet`."""
    methods, source = profile.methods, prompts(profile)

    def work(directory: Path) -> None:
        from sp3f_lib.generation.sampling import Sampling
        from sp3f_lib.methods.lidr_pairs import answer_prompts

        found, languages = load(source)
        sampling = Sampling(
            repetition_penalty=methods.repetition_penalty,
            max_new_tokens=methods.max_new_tokens,
            batch_size=methods.batch_size,
        )
        show = progress_of(profile, f"LIDR {iteration} answers", directory)
        with generator(profile, policy) as generate:
            answer_prompts(directory / "answers", generate, found, languages, sampling, progress=show)

    settings = generation_settings(profile, policy, "repetition_penalty", "max_new_tokens")
    inputs = {"policy": policy, "prompts": source}
    return make_stage(
        profile, f"lidr-answers-{iteration}-{profile.regime}", work, settings, inputs, GENERATION_CODE, ("answers/*",)
    )


def translations(profile: Profile, policy: Path | str, iteration: int) -> Path:
    """The answers translated by the policy itself, in both directions: `translations/*.parquet`."""
    methods, source = profile.methods, prompts(profile)
    said = answers(profile, policy, iteration)

    def work(directory: Path) -> None:
        from sp3f_lib.generation.sampling import TRANSLATION
        from sp3f_lib.methods.lidr_pairs import translate_answers

        sampling = replace(TRANSLATION, max_new_tokens=methods.translation_tokens, batch_size=methods.batch_size)
        show = progress_of(profile, f"LIDR {iteration} translations", directory)
        parts = read_parts(said / "answers")
        with generator(profile, policy) as generate:
            translate_answers(directory / "translations", generate, load(source)[0], parts, sampling, progress=show)

    settings = generation_settings(profile, policy, "translation_tokens")
    inputs = {"policy": policy, "prompts": source, "answers": said}
    code = ("generation/translation.py", "generation/translation_requests.py", *GENERATION_CODE, "languages.py")
    return make_stage(
        profile, f"lidr-translations-{iteration}-{profile.regime}", work, settings, inputs, code, ("translations/*",)
    )


def pairs(profile: Profile, policy: Path | str, iteration: int) -> Path:
    """LIDR's pairs and what else is made of the same answers.

    `pairs.jsonl` with `report.csv`; the controls `content.jsonl` and `language.jsonl`, of equal size, with `controls.csv`;
    `alignment.jsonl`, the rows of the SFT baseline.
    """
    source, said = prompts(profile), answers(profile, policy, iteration)
    translated = translations(profile, policy, iteration)

    def work(directory: Path) -> None:
        from sp3f_lib.methods import lidr_pairs
        from sp3f_lib.methods.lidr_controls import equal_numbers, fidelity_control_pairs

        found = load(source)[0]
        answered, parts = read_parts(said / "answers"), read_parts(translated / "translations")
        kept, report = lidr_pairs.lidr_pairs(found, answered, parts)
        controls, counts = fidelity_control_pairs(found, kept, answered, parts, profile.rewards.threshold)
        for kind, some in equal_numbers(controls, seed=profile.seed).items():
            if some:
                export_pairs(some, directory / f"{kind}.jsonl")
        rows = lidr_pairs.alignment_rows(found, answered, parts)
        lines = (json.dumps(row | {"lang": row["extra_info"]["lang"]}, ensure_ascii=False) for row in rows)
        write_text(directory / "alignment.jsonl", "\n".join(lines) + "\n")
        report.to_csv(directory / "report.csv", index=False)
        counts.to_csv(directory / "controls.csv", index=False)
        export_pairs(kept, directory / PAIRS)
        print(f"{label(profile, f'LIDR {iteration}')}: {len(kept)} pairs of {report['prompts'].sum()} prompts", flush=True)

    settings = {"threshold": profile.rewards.threshold, "seed": profile.seed}
    inputs = {"prompts": source, "answers": said, "translations": translated}
    code = (
        "methods/lidr_pairs.py",
        "methods/lidr_controls.py",
        "generation/translation_requests.py",
        "data/pairs.py",
        "rewards",
        "languages.py",
    )
    return make_stage(
        profile, f"lidr-pairs-{iteration}-{profile.regime}", work, settings, inputs, code, ("*.jsonl", "*.csv")
    )


def steps(profile: Profile, given: Given) -> dict[str, Path]:
    """The stages before the training of one iteration."""
    return {
        "answers": answers(profile, given.policy, given.iteration),
        "translations": translations(profile, given.policy, given.iteration),
        "pairs": pairs(profile, given.policy, given.iteration),
    }


def work(what: str, profile: Profile) -> Work:
    """What one iteration makes, at most; `what`: it is trained on pairs, or on rows."""
    languages, each = languages_of(profile), count_prompts(profile)
    others = each * (len(languages) - 1)  # not English
    made = {
        "responses": each * len(languages),
        "translations": 2 * others,
        "pairs": others if what == "rows" else 2 * others,
    }
    return Work(each * len(languages), len(languages), what=what, **made)


_SHARED = Named(
    "LIDR: DPO + NLL on self-translated English answers over own answers",
    PAPER,
    start="methods.start",
    section="preference",
    steps=steps,
    rows=PAIRS,
    iterated=True,
    check=check_shared,
    work=partial(work, "pairs"),
)
MODELS = {
    "lidr": _SHARED,
    "lidr_content": replace(
        _SHARED, about="LIDR on those pairs alone whose sides are in the same language", rows="content.jsonl"
    ),
    "lidr_language": replace(_SHARED, about="LIDR on pairs that differ in language alone", rows="language.jsonl"),
    "lidr_sft": replace(
        _SHARED,
        about="supervised fine-tuning on the model's own translated English answers (LIDR's baseline)",
        section="alignment",
        rows=ROWS,
        iterated=False,
        work=partial(work, "rows"),
    ),
}
