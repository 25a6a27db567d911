"""What would stop ICR or LIDR, found before hours of training a base model, sampling and scoring."""

from pathlib import Path

from sp3f_lib.lab.shipped import RECIPE
from sp3f_lib.profiles import Profile, ProfileError
from sp3f_lib.runs import MANIFEST, StageError
from sp3f_lib.stages import RUNS, check_section, iteration_of
from sp3f_lib.training.checks import check_machine, check_settings


def check_model(profile: Profile, section: str, method: str) -> None:
    """Everything that `dpo`, `lidr_sft` or an iteration, trained with `section`, needs of the profile and of this machine."""
    check_profile(profile, section, method)
    _of_section(check_machine, profile, section)
    _check_sampling(profile)


def check_profile(profile: Profile, section: str, method: str) -> None:
    """What the profile alone tells: sections, languages, and models that go together."""
    check_section(profile, section, method)
    _of_section(check_settings, profile, section)
    _check_models(profile, method)


def check_pairs(profile: Profile, method: str) -> None:
    """What the pairs of a model need, without its training."""
    _check_models(profile, method)
    _check_sampling(profile)


def _of_section(check, profile: Profile, section: str) -> None:
    """A check of a training, for the section that it is configured by."""
    kind = "preference" if section == "dpo" else section
    try:
        check(profile.model_copy(update={kind: getattr(profile, section)}), kind)
    except (ProfileError, StageError) as error:
        raise type(error)(str(error).replace(f"{kind}.", f"{section}.")) from None


def _check_models(profile: Profile, method: str) -> None:
    methods, languages = profile.methods, profile.data.rl_languages or profile.data.languages
    icr = (iteration_of(method) or ("",))[0].startswith("icr")
    if "en" not in languages:
        raise ProfileError(
            f"data.languages: both methods start from English; add en to [{', '.join(languages)}] (or to data.rl_languages)"
        )
    needed = {"methods.start": methods.start} | ({"methods.reference": methods.reference} if icr else {})
    if methods.prompts and (method == "dpo" or "dpo" in needed.values()):
        raise ProfileError(
            "methods.start: dpo is made from problems with known answers, which prompts of a folder (methods.prompts) are not; "
            "name a model: --set methods.start=... (a hub id, or runs/.../dpo-.../model of a run without methods.prompts)"
        )
    for key, name in needed.items():
        if name in ("sft", "dpo"):
            check_section(profile, "sft", f"{key}: {name}")
    same = [profile.model.path if name == "base" else name for name in (methods.start, methods.reference)]
    if icr and same[0] == same[1]:
        raise ProfileError(
            f"methods.start and methods.reference are both {methods.start!r}: ICR's reward is the log-ratio of the two, so every "
            "response has the reward 0; start from a preference-tuned model, with the model that it was tuned from as reference"
        )
    parallel, launch = methods.engine.get("tensor_parallel_size", 1), profile.launch
    if methods.generator == "vllm" and launch.accelerate != "single" and parallel > launch.processes // launch.machines:
        raise ProfileError(
            f"methods.engine.tensor_parallel_size is {parallel}, but a machine has {launch.processes // launch.machines} processes "
            "(launch), one for each GPU; make it no larger"
        )


def _check_sampling(profile: Profile) -> None:
    methods = profile.methods
    if methods.prompts:
        from sp3f_lib.methods.prompts import read_prompts

        languages = profile.data.rl_languages or profile.data.languages
        read_prompts(Path(methods.prompts), languages, methods.problems, methods.intersect)
    if _start_is_there(profile):
        return  # the first stage that samples checks its generator before anything else, and finished ones need none
    if methods.generator == "vllm":
        from sp3f_lib.methods.vllm_engine import check_vllm

        check_vllm()
    if methods.generator == "server":
        from sp3f_lib.methods.server import check_server

        check_server()


def _start_is_there(profile: Profile) -> bool:
    """Whether `methods.start` is a model from elsewhere, or one that was made here with whatever settings."""
    start = profile.methods.start
    if start not in ("dpo", "sft", "base") or (start == "base" and profile.model.path != RECIPE):
        return True
    stage = start if start == "base" else f"{start}-{profile.regime}"
    return any((RUNS / profile.name).glob(f"{stage}/*/{MANIFEST}"))
