"""ICR (arXiv 2503.04647): implicit cross-lingual rewards, in iterations of sampling, scoring, pairing and DPO + NLL.

    responses (policy) -> scores (policy, reference) -> pairs (reward, penalty, bound) -> training

The policy of iteration 1 is `methods.start`, then the model of the iteration before; it answers, it is trained, and it is DPO's
reference. The model below the line of the reward is `methods.reference` in every iteration. The equations are in
generation/implicit_reward.py and icr_pairs.py. What is sampled and scored is kept apart from what is made of it: another penalty or
bound needs no new pass of a model, and models with the same policy share its responses.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd

from sp3f_lib.data.pairs import export_pairs
from sp3f_lib.generation.engines import SAMPLED, generation_settings, generator, sampling_of, which_model
from sp3f_lib.generation.parts import read_parts
from sp3f_lib.methods.icr_scoring import make_scores, makes_alone
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
from sp3f_lib.profiles import Profile, ProfileError
from sp3f_lib.stages import label, make_stage

PAPER = "2503.04647"
# The models of each reward are called `icr_1`, `icr_m_1`, ... after the iteration.
REWARDS = {"icr": "R_c", "icr_m": "R_m", "icr_t": "R_t"}
_SEED = 42  # of the released code's sampling; the profile's is added


def responses(profile: Profile, policy: Path | str, iteration: int) -> Path:
    """The sampled responses of an iteration's policy to all prompts: `responses/*.parquet`."""
    source = prompts(profile)

    def work(directory: Path) -> None:
        from sp3f_lib.methods.icr_scores import sample_responses

        found, languages = load(source)
        show = progress_of(profile, f"ICR {iteration} answers", directory)
        where, seed = directory / "responses", _SEED + profile.seed
        with generator(profile, policy) as generate:
            sample_responses(where, generate, found, languages, sampling_of(profile), seed, progress=show)

    settings = generation_settings(profile, policy, *SAMPLED) | {"seed": profile.seed}
    inputs = {"policy": policy, "prompts": source}
    return make_stage(
        profile, f"icr-responses-{iteration}-{profile.regime}", work, settings, inputs, GENERATION_CODE, ("responses/*",)
    )


def scores(
    profile: Profile,
    policy: Path | str,
    reference: Path | str,
    iteration: int,
    reward: str,
    answers_of: Path | str | None = None,
) -> Path:
    """The responses with one implicit reward of the policy against the reference: `scores/*.parquet`.

    `answers_of`: another model whose responses they are (an audit asks how far the reward knows them); ICR scores the policy's own.
    """
    source = prompts(profile)
    said = responses(profile, answers_of or policy, iteration)

    job = {"policy": str(policy), "reference": str(reference), "prompts": str(source), "responses": str(said)}
    job |= {"reward": reward, "label": label(profile, f"ICR {iteration} {reward} scores")}

    def work(directory: Path) -> None:
        make_scores(directory, profile, job)

    translated = (
        generation_settings(profile, policy, "translation_tokens") if reward == "R_t" else {"threads": profile.threads}
    )
    settings = translated | {"reward": reward, "models": [which_model(profile, path) for path in (policy, reference)]}
    inputs = {"policy": policy, "reference": reference, "prompts": source, "responses": said}
    # Not icr_scores.py: its other half makes pairs, which may change without a new pass of the models.
    code = (
        "generation/implicit_reward.py",
        "generation/scoring.py",
        "generation/translation.py",
        *GENERATION_CODE,
        "languages.py",
    )
    name = f"icr-scores-{iteration}-{reward}-{profile.regime}"
    return make_stage(profile, name, work, settings, inputs, code, ("scores/*",))


def pairs(
    profile: Profile, policy: Path | str, reference: Path | str, iteration: int, reward: str, content: bool = False
) -> Path:
    """`pairs.jsonl` by one reward, and `report.csv` on how they came about, by language.

    `content`: only among responses in the language of their prompt (icr_content.py).
    """
    methods, source = profile.methods, prompts(profile)
    scored = scores(profile, policy, reference, iteration, reward)
    same = {"threshold": profile.rewards.threshold} if content else {}
    family, what = ("icr_content", f"{reward}, one language") if content else ("icr", reward)

    def work(directory: Path) -> None:
        from sp3f_lib.methods.icr_content import content_pairs
        from sp3f_lib.methods.icr_scores import icr_pairs

        table, make_pairs = read_parts(scored / "scores"), content_pairs if content else icr_pairs
        found, report = make_pairs(
            table, load(source)[0], reward, methods.upper_bound(iteration), methods.length_control, **same
        )
        report.to_csv(directory / "report.csv", index=False)
        export_pairs(found, directory / PAIRS)
        print(
            f"{label(profile, f'ICR {iteration} {what}')}: {len(found)} pairs of {report['prompts'].sum()} prompts",
            flush=True,
        )

    settings = {
        "reward": reward,
        "upper_bound": methods.upper_bound(iteration),
        "length_control": methods.length_control,
    } | same
    inputs = {"scores": scored, "prompts": source}
    code = ("methods/icr_pairs.py", "methods/icr_scores.py", "data/pairs.py")
    code += ("methods/icr_content.py", "rewards", "languages.py") if content else ()
    name = f"{family}-pairs-{iteration}-{profile.regime}"
    return make_stage(profile, name, work, settings, inputs, code, ("*.jsonl", "*.csv"))


def steps(reward: str, content: bool, profile: Profile, given: Given) -> dict[str, Path]:
    """The stages before the training of one iteration."""
    models = (given.policy, given.reference)
    return {
        "responses": responses(profile, given.policy, given.iteration),
        "scores": scores(profile, *models, given.iteration, reward),
        "pairs": pairs(profile, *models, given.iteration, reward, content),
    }


def check(profile: Profile) -> None:
    """`ProfileError` if ICR's reward cannot be one."""
    check_shared(profile)
    methods = profile.methods
    same = [profile.model.path if name == "base" else name for name in (methods.start, methods.reference)]
    if same[0] == same[1]:
        raise ProfileError(
            f"methods.start and methods.reference are both {methods.start!r}: ICR's reward is the log-ratio of the two, so every "
            "response has the reward 0; start from a preference-tuned model, with the model that it was tuned from as reference"
        )


def work(reward: str, profile: Profile) -> Work:
    """What one iteration makes, at most."""
    languages, each, samples = languages_of(profile), count_prompts(profile), profile.methods.samples
    others = each * (len(languages) - 1)  # not English
    made = Work(each * len(languages), len(languages), responses=each * len(languages) * samples)
    numbers = (0, 2 * made.responses, made.prompts) if reward != "R_t" else (others * samples, 2 * others * samples, others)
    names = ("translations", "scores", "pairs")
    return replace(made, alone=makes_alone(profile, reward), **dict(zip(names, numbers, strict=True)))


def compared_scores(tables: dict[str, Path]) -> pd.DataFrame:
    """The responses of the first iteration with each of several rewards, one row a response (icr_scores.py).

    `tables` maps a reward to the finished stage of its scores.
    """
    read = [read_parts(path / "scores") for path in tables.values()]
    found, response = read[0], ["id", "lang", "sample"]
    for table in read[1:]:
        new = [column for column in table if column not in found]
        found = found.merge(table[response + new], on=response, how="left", validate="one_to_one")
    return found


def _model(reward: str, about: str, content: bool = False) -> Named:
    return Named(
        about,
        PAPER,
        start="methods.start",
        section="preference",
        steps=partial(steps, reward, content),
        rows=PAIRS,
        reference="methods.reference",
        iterated=True,
        check=check,
        work=partial(work, reward),
    )


MODELS = {
    "icr": _model("R_c", "ICR: DPO + NLL on pairs chosen by the implicit reward, conditioned on the English prompt"),
    "icr_m": _model("R_m", "ICR with the reward conditioned on the prompt in the language"),
    "icr_t": _model("R_t", "ICR with the reward of the translated response"),
    "icr_content": _model("R_c", "ICR on those responses alone that are in the language of their prompt", content=True),
}
