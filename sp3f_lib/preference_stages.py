"""The flow of ICR and LIDR as stages, beside SP3F's in stages.py: iterations of answering, pairing and DPO + NLL.

The policy of iteration 1 is `methods.start`, then the model of the iteration before; it answers, it is trained, and it is DPO's
reference. The model below the line of ICR's reward is `methods.reference` in every iteration (arXiv 2503.04647).
"""

from pathlib import Path

from sp3f_lib import preference_data as make
from sp3f_lib.generators import free_gpu
from sp3f_lib.preference_checks import check_model
from sp3f_lib.profiles import Profile, ProfileError
from sp3f_lib.stages import (
    PREFERENCES,
    add_card,
    base,
    check_method,
    how_trained,
    iteration_of,
    label,
    make_stage,
    sft,
)

_CODE = {
    "preference": ("training/preference.py", "training/common.py", "evaluation/generate.py", "generation"),
    "alignment": ("training/sft.py", "training/common.py", "evaluation/generate.py", "generation"),
}


def named_model(profile: Profile, name: str) -> Path | str:
    """The model that `methods.start`, `methods.reference` or a judge names: dpo, sft, base, or a directory or hub id."""
    made = {"dpo": dpo, "sft": sft, "base": base}
    return made[name](profile) if name in made else name


def dpo(profile: Profile) -> Path:
    """The English preference-tuned model: the SFT model after DPO (section `dpo`) on verified English answers."""
    check_model(profile, "dpo", "dpo")
    return _train(profile, "dpo", sft(profile), "dpo")


def preference(profile: Profile, method: str) -> Path | str:
    """The model directory of `dpo`, `lidr_sft`, or an iteration (`icr_1`, `lidr_content_2`, ...); `start` may be a hub id."""
    if check_method(method) in ("start", "dpo"):
        return named_model(profile, profile.methods.start if method == "start" else method)
    section = section_of(method)
    check_model(profile, section, method)
    name, iteration = iteration_of(method) or ("lidr", 1)
    return _train(profile, method, policy_before(profile, name, iteration), section)


def section_of(method: str) -> str:
    """The section of the profile that `dpo`, `lidr_sft` or an iteration is trained with."""
    return {"dpo": "dpo", "lidr_sft": "alignment"}.get(method, "preference")


def policy_before(profile: Profile, name: str, iteration: int) -> Path | str:
    """The model that an iteration (from 1) starts from: it answers, it is trained, and it is DPO's reference."""
    return named_model(profile, profile.methods.start) if iteration == 1 else preference(profile, f"{name}_{iteration - 1}")


def steps_of(profile: Profile, method: str) -> dict[str, Path]:
    """The stages before the training of `dpo`, `lidr_sft` or an iteration, finished: their directories by what they hold.

    ICR: responses, scores, pairs; LIDR: answers, translations, pairs; `dpo`: pairs.
    """
    if method == "dpo":
        return {"pairs": make.dpo_pairs(profile, sft(profile))}
    name, iteration = iteration_of(method) or ("lidr", 1)
    policy = policy_before(profile, name, iteration)
    if not name.startswith("icr"):
        return {
            "answers": make.lidr_answers(profile, policy, iteration),
            "translations": make.lidr_translations(profile, policy, iteration),
            "pairs": make.lidr_pairs(profile, policy, iteration),
        }
    reference = named_model(profile, profile.methods.reference)
    return {
        "responses": make.icr_responses(profile, policy, iteration),
        "scores": make.icr_scores(profile, policy, reference, iteration, PREFERENCES[name]),
        "pairs": make.icr_pairs(profile, policy, reference, iteration, PREFERENCES[name]),
    }


def compared_scores(profile: Profile):
    """The responses of ICR's first iteration with each of `methods.rewards`, one row a response (methods/icr_scores.py)."""
    from sp3f_lib.methods.parts import read_parts

    arms = {reward: f"{name}_1" for name, reward in PREFERENCES.items() if reward in profile.methods.rewards}
    tables = [read_parts(steps_of(profile, arms[reward])["scores"] / "scores") for reward in profile.methods.rewards]
    found, response = tables[0], ["id", "lang", "sample"]
    for table in tables[1:]:
        new = [column for column in table if column not in found]
        found = found.merge(table[response + new], on=response, how="left", validate="one_to_one")
    return found


def pairs_of(profile: Profile, method: str) -> Path:
    """The file of pairs (for `lidr_sft`: of rows) that a preference model is trained on."""
    name = (iteration_of(method) or (method, 0))[0]
    file = {"lidr_sft": "alignment.jsonl", "lidr_content": "content.jsonl", "lidr_language": "language.jsonl"}
    path = steps_of(profile, method)["pairs"] / file.get(name, make.PAIRS)
    if not path.is_file():
        raise ProfileError(f"{method}: there are no pairs of this kind; {path.parent} counts those that there are")
    return path


def _train(profile: Profile, method: str, start: Path | str, name: str) -> Path:
    """The model directory of `start` trained with section `name` of the profile on the pairs or rows of `pairs_of`."""
    section, kind = getattr(profile, name), "preference" if name == "dpo" else name
    # The profile's revision is that of its base model.
    model = profile.model if str(start) == profile.model.path else profile.model.model_copy(update={"revision": None})
    changed = profile.model_copy(update={kind: section, "model": model})
    rows = pairs_of(profile, method)

    def work(directory: Path) -> None:
        from sp3f_lib.training.worker import train_stage

        free_gpu()
        train_stage(directory, changed, kind, str(start), rows, label(profile, method))

    settings = {name: section, "seed": profile.seed, "threads": profile.threads, "model": model.model_dump()}
    inputs = {"start": start, "pairs": rows}
    stage = make_stage(
        profile, f"{method}-{profile.regime}", work, settings | how_trained(profile), inputs, _CODE[kind], ("model/*",)
    )
    add_card(stage, changed, method, rows)
    return stage / "model"
