"""What ICR and LIDR make before they train, as stages: prompts, answers, scores, translations, pairs.

    rl rows or a folder -> prompts
    ICR     responses (policy) -> scores (policy, reference) -> pairs (reward, penalty, bound)
    LIDR    answers (policy)   -> translations (policy)      -> pairs, controls, rows of the SFT baseline

What is sampled and scored is kept apart from what is made of it: another reward, penalty or bound needs no new pass of a model, and
arms with the same policy share its answers. Which model is the policy is decided in preference_stages.py.
"""

import json
from pathlib import Path

from sp3f_lib.data.schema import read_rows
from sp3f_lib.generators import generation_settings, generator, which_model
from sp3f_lib.profiles import Profile, ProfileError
from sp3f_lib.stages import data, label, make_stage

PAIRS = "pairs.jsonl"
# ICR's sampling seed (arXiv 2503.04647, released code); the profile's is added.
_SEED = 42
_SAMPLED = ("samples", "temperature", "top_p", "max_new_tokens")
_GENERATION_CODE = ("methods/sampling.py", "methods/parts.py", "evaluation/generate.py", "generation")


def prompts(profile: Profile) -> Path:
    """`prompts.jsonl`: the parallel prompts of both methods, with their ids and all languages; `missing.json`: ids by language."""
    methods, languages = profile.methods, profile.data.rl_languages or profile.data.languages
    source = Path(methods.prompts) if methods.prompts else data(profile) / "rl.parquet"

    def work(directory: Path) -> None:
        from sp3f_lib.methods.prompts import prompts_from_rows, read_prompts, save_prompts
        from sp3f_lib.runs import write_text

        read, where = (read_prompts, source) if methods.prompts else (prompts_from_rows, read_rows(source))
        found, missing = read(where, languages, methods.problems, methods.intersect)
        save_prompts(found, directory / "prompts.jsonl")
        write_text(directory / "missing.json", json.dumps(missing))
        left_out = ", ".join(f"{lang} {count}" for lang, count in missing.items() if count)
        print(
            f"prompts: {len(found)} in each of {', '.join(languages)}" + (f"; ids missing: {left_out}" if left_out else "")
        )

    settings = {"languages": languages, "problems": methods.problems, "intersect": methods.intersect}
    code = ("methods/prompts.py", "data/schema.py", "languages.py")
    inputs = {"source": source}
    if (
        methods.prompts and (beside := source.parent / "gsm8k" / "train.jsonl").is_file()
    ):  # English GSM8K may come from there
        inputs |= {"gsm8k": beside}
    return make_stage(profile, f"prompts-{profile.regime}", work, settings, inputs, code, ("prompts.jsonl",))


def dpo_pairs(profile: Profile, start: Path) -> Path:
    """English answers of the model `start`, verified and paired: `pairs.jsonl` and `report.csv`."""
    methods = profile.methods
    if methods.prompts:
        raise ProfileError("methods.start: dpo is made from problems with known answers; with methods.prompts, name a model")
    rows = data(profile) / "rl.parquet"

    def work(directory: Path) -> None:
        from sp3f_lib.methods.english_start import english_pairs
        from sp3f_lib.methods.export import export_pairs
        from sp3f_lib.methods.icr_scores import sample_responses
        from sp3f_lib.methods.prompts import prompts_from_rows

        # All English problems of the split, not only those of the methods' prompts.
        found = prompts_from_rows(read_rows(rows), ("en",))[0]
        where, show = directory / "parts", _progress(profile, "dpo answers")
        with generator(profile, start) as generate:
            said = sample_responses(where, generate, found, ("en",), _sampling(profile), profile.seed, progress=show)
        pairs, report = english_pairs(said, read_rows(rows), profile.rewards.threshold, methods.english_pairs, profile.seed)
        report.to_csv(directory / "report.csv", index=False)
        export_pairs(pairs, directory / PAIRS)

    settings = generation_settings(profile, start, "english_pairs", *_SAMPLED) | {
        "threshold": profile.rewards.threshold,
        "seed": profile.seed,
    }
    code = ("methods/english_start.py", *_GENERATION_CODE, "rewards", "evaluation/evaluate.py", "languages.py")
    return make_stage(
        profile, f"dpo-pairs-{profile.regime}", work, settings, {"policy": start, "rows": rows}, code, ("*.jsonl", "*.csv")
    )


def icr_responses(profile: Profile, policy: Path | str, iteration: int) -> Path:
    """The sampled responses of an iteration's policy to all prompts: `responses/*.parquet`."""
    source = prompts(profile)

    def work(directory: Path) -> None:
        from sp3f_lib.methods.icr_scores import sample_responses

        found, languages = load(source)
        show = _progress(profile, f"ICR {iteration} answers")
        where, seed = directory / "responses", _SEED + profile.seed
        with generator(profile, policy) as generate:
            sample_responses(where, generate, found, languages, _sampling(profile), seed, progress=show)

    settings = generation_settings(profile, policy, *_SAMPLED) | {"seed": profile.seed}
    inputs = {"policy": policy, "prompts": source}
    return make_stage(
        profile, f"icr-responses-{iteration}-{profile.regime}", work, settings, inputs, _GENERATION_CODE, ("responses/*",)
    )


def icr_scores(profile: Profile, policy: Path | str, reference: Path | str, iteration: int, reward: str) -> Path:
    """The responses with one implicit reward of the policy against the reference: `scores/*.parquet`."""
    source = prompts(profile)
    responses = icr_responses(profile, policy, iteration)

    job = {"policy": str(policy), "reference": str(reference), "prompts": str(source), "responses": str(responses)}
    job |= {"reward": reward, "label": label(profile, f"ICR {iteration} {reward} scores")}

    def work(directory: Path) -> None:
        from sp3f_lib.scoring_job import make_scores

        make_scores(directory, profile, job)

    translated = (
        generation_settings(profile, policy, "translation_tokens") if reward == "R_t" else {"threads": profile.threads}
    )
    settings = translated | {"reward": reward, "models": [which_model(profile, path) for path in (policy, reference)]}
    inputs = {"policy": policy, "reference": reference, "prompts": source, "responses": responses}
    # Not icr_scores.py: its other half makes pairs, which may change without a new pass of the models.
    code = ("methods/icr.py", "methods/scoring.py", "methods/translation.py", *_GENERATION_CODE, "languages.py")
    name = f"icr-scores-{iteration}-{reward}-{profile.regime}"
    return make_stage(profile, name, work, settings, inputs, code, ("scores/*",))


def icr_pairs(profile: Profile, policy: Path | str, reference: Path | str, iteration: int, reward: str) -> Path:
    """`pairs.jsonl` by one reward, and `report.csv` on how they came about, by language."""
    methods, source = profile.methods, prompts(profile)
    scores = icr_scores(profile, policy, reference, iteration, reward)

    def work(directory: Path) -> None:
        from sp3f_lib.methods.export import export_pairs
        from sp3f_lib.methods.icr_scores import icr_pairs as make_pairs
        from sp3f_lib.methods.parts import read_parts

        table = read_parts(scores / "scores")
        pairs, report = make_pairs(table, load(source)[0], reward, methods.upper_bound(iteration), methods.length_control)
        report.to_csv(directory / "report.csv", index=False)
        export_pairs(pairs, directory / PAIRS)
        print(
            f"{label(profile, f'ICR {iteration} {reward}')}: {len(pairs)} pairs of {report['prompts'].sum()} prompts",
            flush=True,
        )

    settings = {"reward": reward, "upper_bound": methods.upper_bound(iteration), "length_control": methods.length_control}
    inputs = {"scores": scores, "prompts": source}
    code = ("methods/icr.py", "methods/icr_scores.py", "methods/export.py")
    return make_stage(profile, f"icr-pairs-{iteration}-{profile.regime}", work, settings, inputs, code, ("*.jsonl", "*.csv"))


def lidr_answers(profile: Profile, policy: Path | str, iteration: int) -> Path:
    """Greedy answers of an iteration's policy to all prompts: `answers/*.parquet`."""
    methods, source = profile.methods, prompts(profile)

    def work(directory: Path) -> None:
        from sp3f_lib.methods.lidr import answer_prompts
        from sp3f_lib.methods.sampling import Sampling

        found, languages = load(source)
        sampling = Sampling(
            repetition_penalty=methods.repetition_penalty,
            max_new_tokens=methods.max_new_tokens,
            batch_size=methods.batch_size,
        )
        show = _progress(profile, f"LIDR {iteration} answers")
        with generator(profile, policy) as generate:
            answer_prompts(directory / "answers", generate, found, languages, sampling, progress=show)

    settings = generation_settings(profile, policy, "repetition_penalty", "max_new_tokens")
    inputs = {"policy": policy, "prompts": source}
    return make_stage(
        profile, f"lidr-answers-{iteration}-{profile.regime}", work, settings, inputs, _GENERATION_CODE, ("answers/*",)
    )


def lidr_translations(profile: Profile, policy: Path | str, iteration: int) -> Path:
    """The answers translated by the policy itself, in both directions: `translations/*.parquet`."""
    methods, source = profile.methods, prompts(profile)
    answers = lidr_answers(profile, policy, iteration)

    def work(directory: Path) -> None:
        from dataclasses import replace

        from sp3f_lib.methods.lidr import translate_answers
        from sp3f_lib.methods.parts import read_parts
        from sp3f_lib.methods.sampling import TRANSLATION

        sampling = replace(TRANSLATION, max_new_tokens=methods.translation_tokens, batch_size=methods.batch_size)
        show = _progress(profile, f"LIDR {iteration} translations")
        said = read_parts(answers / "answers")
        with generator(profile, policy) as generate:
            translate_answers(directory / "translations", generate, load(source)[0], said, sampling, progress=show)

    settings = generation_settings(profile, policy, "translation_tokens")
    inputs = {"policy": policy, "prompts": source, "answers": answers}
    code = ("methods/translation.py", "methods/translation_requests.py", *_GENERATION_CODE, "languages.py")
    return make_stage(
        profile, f"lidr-translations-{iteration}-{profile.regime}", work, settings, inputs, code, ("translations/*",)
    )


def lidr_pairs(profile: Profile, policy: Path | str, iteration: int) -> Path:
    """LIDR's pairs and what else is made of the same answers.

    `pairs.jsonl` with `report.csv`; the controls `content.jsonl` and `language.jsonl`, of equal size, with `controls.csv`;
    `alignment.jsonl`, the rows of the SFT baseline.
    """
    source, answers = prompts(profile), lidr_answers(profile, policy, iteration)
    translations = lidr_translations(profile, policy, iteration)

    def work(directory: Path) -> None:
        from sp3f_lib.methods import lidr
        from sp3f_lib.methods.export import export_pairs
        from sp3f_lib.methods.lidr_controls import equal_numbers, fidelity_control_pairs
        from sp3f_lib.methods.parts import read_parts
        from sp3f_lib.runs import write_text

        found = load(source)[0]
        said, translated = read_parts(answers / "answers"), read_parts(translations / "translations")
        pairs, report = lidr.lidr_pairs(found, said, translated)
        controls, counts = fidelity_control_pairs(found, pairs, said, translated, profile.rewards.threshold)
        for kind, kept in equal_numbers(controls, seed=profile.seed).items():
            if kept:
                export_pairs(kept, directory / f"{kind}.jsonl")
        rows = lidr.alignment_rows(found, said, translated)
        lines = (json.dumps(row | {"lang": row["extra_info"]["lang"]}, ensure_ascii=False) for row in rows)
        write_text(directory / "alignment.jsonl", "\n".join(lines) + "\n")
        report.to_csv(directory / "report.csv", index=False)
        counts.to_csv(directory / "controls.csv", index=False)
        export_pairs(pairs, directory / PAIRS)
        print(f"{label(profile, f'LIDR {iteration}')}: {len(pairs)} pairs of {report['prompts'].sum()} prompts", flush=True)

    settings = {"threshold": profile.rewards.threshold, "seed": profile.seed}
    inputs = {"prompts": source, "answers": answers, "translations": translations}
    code = (
        "methods/lidr.py",
        "methods/lidr_controls.py",
        "methods/translation_requests.py",
        "methods/export.py",
        "rewards",
        "languages.py",
    )
    return make_stage(
        profile, f"lidr-pairs-{iteration}-{profile.regime}", work, settings, inputs, code, ("*.jsonl", "*.csv")
    )


def load(source: Path):
    """(the prompts of a finished stage, their languages)."""
    from sp3f_lib.methods.prompts import load_prompts

    found = load_prompts(source / "prompts.jsonl")
    return found, tuple(found[0].messages)


def _sampling(profile: Profile):
    from sp3f_lib.methods.sampling import Sampling

    return Sampling(**profile.methods.model_dump(include={*_SAMPLED, "batch_size"}))


def _progress(profile: Profile, what: str):
    from sp3f_lib.training.common import progress_printer

    return progress_printer(label(profile, what), "parts")
