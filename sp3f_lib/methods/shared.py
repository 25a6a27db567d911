"""What ICR and LIDR share: the parallel prompts, how their texts are sampled, and what would stop either of them."""

import json
from pathlib import Path

from sp3f_lib.data.parallel import ParallelPrompt, load_prompts, prompts_from_rows, read_prompts, save_prompts
from sp3f_lib.data.schema import read_rows
from sp3f_lib.data.splits import splits
from sp3f_lib.generation.engines import check_engine
from sp3f_lib.profiles import Profile, ProfileError
from sp3f_lib.progress import progress_printer
from sp3f_lib.runs import write_text
from sp3f_lib.stages import label, make_stage

PAIRS = "pairs.jsonl"
GENERATION_CODE = (
    "generation/local.py",
    "generation/sampling.py",
    "generation/parts.py",
    "generation/decode.py",
    "generation/token_step.py",
)


def languages_of(profile: Profile) -> tuple[str, ...]:
    """The languages of both methods' prompts."""
    return profile.data.rl_languages or profile.data.languages


def prompts(profile: Profile) -> Path:
    """`prompts.jsonl`: the parallel prompts of both methods, with their ids and all languages; `missing.json`: ids by language."""
    methods, languages = profile.methods, languages_of(profile)
    source = Path(methods.prompts) if methods.prompts else splits(profile) / "rl.parquet"

    def work(directory: Path) -> None:
        read, where = (read_prompts, source) if methods.prompts else (prompts_from_rows, read_rows(source))
        found, missing = read(where, languages, methods.problems, methods.intersect)
        save_prompts(found, directory / "prompts.jsonl")
        write_text(directory / "missing.json", json.dumps(missing))
        left_out = ", ".join(f"{lang} {count}" for lang, count in missing.items() if count)
        print(
            f"prompts: {len(found)} in each of {', '.join(languages)}" + (f"; ids missing: {left_out}" if left_out else "")
        )

    settings = {"languages": languages, "problems": methods.problems, "intersect": methods.intersect}
    code = ("data/parallel.py", "data/schema.py", "languages.py")
    inputs = {"source": source}
    if (
        methods.prompts and (beside := source.parent / "gsm8k" / "train.jsonl").is_file()
    ):  # English GSM8K may come from there
        inputs |= {"gsm8k": beside}
    return make_stage(profile, f"prompts-{profile.regime}", work, settings, inputs, code, ("prompts.jsonl",))


def load(source: Path) -> tuple[list[ParallelPrompt], tuple[str, ...]]:
    """(the prompts of a finished stage, their languages)."""
    found = load_prompts(source / "prompts.jsonl")
    return found, tuple(found[0].messages)


def progress_of(profile: Profile, what: str, directory: Path):
    """A progress function that counts the parts of the stage in `directory`."""
    return progress_printer(label(profile, what), "parts", directory)


def check_shared(profile: Profile) -> None:
    """What would stop either method: no English, prompts that cannot be read, a generator that is not there."""
    languages = languages_of(profile)
    if "en" not in languages:
        raise ProfileError(
            f"data.languages: both methods start from English; add en to [{', '.join(languages)}] (or to data.rl_languages)"
        )
    check_engine(profile)


def check_prompts(profile: Profile) -> None:
    """`RowError` if prompts of a folder cannot be read."""
    methods = profile.methods
    if methods.prompts:
        read_prompts(Path(methods.prompts), languages_of(profile), methods.problems, methods.intersect)


def count_prompts(profile: Profile) -> int:
    """Prompts in one language; `ProfileError` if that cannot be known before they are read."""
    methods = profile.methods
    if not methods.prompts:
        return min(methods.problems or profile.data.rl_problems, profile.data.rl_problems)
    if Path(methods.prompts).is_dir():
        return len(read_prompts(methods.prompts, languages_of(profile), methods.problems, methods.intersect)[0])
    if methods.problems:
        return methods.problems
    raise ProfileError(
        f"methods.prompts: there is no folder {methods.prompts!r} to count its prompts; set methods.problems for a plan without it"
    )
