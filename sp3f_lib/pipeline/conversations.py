"""A model's answers to instructions or conversations in several languages, a stage each; what judged evaluations begin with."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from sp3f_lib.generation.conversations import Conversation, converse
from sp3f_lib.generation.engines import EVALUATION, check_generator, generation_settings, generator
from sp3f_lib.methods.models import find, is_model
from sp3f_lib.methods.shared import GENERATION_CODE, progress_of
from sp3f_lib.pipeline.models import model
from sp3f_lib.profiles import Profile
from sp3f_lib.runs import atomic_path
from sp3f_lib.stages import make_stage

ANSWERS = "answers.parquet"
_CODE = ("generation/conversations.py", *GENERATION_CODE)


def name_of(name: str) -> str:
    """What a model of the table, a directory, or a hub id is called; `ProfileError` for others. Nothing is made."""
    return Path(name).name if _is_elsewhere(name) else find(name).name


def model_at(profile: Profile, name: str) -> Path | str:
    """The directory or hub id of such a model; one of the table is made if it is not there."""
    return (Path(name) if Path(name).is_dir() else name) if _is_elsewhere(name) else model(profile, name)


def file_name(*parts: str) -> str:
    """A file's name from what it is about; of a path its last part.

    >>> file_name("mt-bench", "sft", "judges/gpt-4o-mini", "warm")
    'mt-bench-sft-gpt-4o-mini-warm.csv'
    """
    return "-".join(part.rsplit("/", 1)[-1] for part in parts) + ".csv"


def _is_elsewhere(name: str) -> bool:
    return not is_model(name) and (Path(name).is_dir() or name.count("/") == 1)


def conversations(
    profile: Profile,
    name: str,
    task: str,
    asked: Mapping[str, Sequence[Conversation]],
    files: Mapping[str, Path],
) -> dict[str, Path]:
    """{language: file of answers}: id, turn, text, finished, tokens. The model is loaded once, and only where answers are missing.

    `asked`: the conversations of each language, `files`: where they come from.
    """
    from sp3f_lib.generation.sampling import Sampling

    check_generator(profile, EVALUATION)
    called, path = name_of(name), model_at(profile, name)
    sampling = Sampling(max_new_tokens=profile.evaluation.max_new_tokens, batch_size=profile.evaluation.batch_size)
    found = {}
    with _loaded_when_needed(profile, path) as generate:
        for lang, some in asked.items():

            def work(directory: Path, lang=lang, some=some) -> None:
                show = progress_of(profile, f"{task} {called} {lang}", directory)
                answers = converse(directory / "parts", generate, some, sampling, profile.seed, show)
                with atomic_path(directory / ANSWERS) as temporary:
                    answers.to_parquet(temporary, index=False)

            settings = generation_settings(profile, path, section=EVALUATION) | {
                "sampling": asdict(sampling),
                "seed": profile.seed,
            }
            settings |= {"temperatures": sorted({one.temperature for one in some}), "conversations": len(some)}
            inputs = {"questions": files[lang], "model": path}
            stage = f"answers-{task}-{called}-{lang}-{profile.regime}"
            found[lang] = make_stage(profile, stage, work, settings, inputs, _CODE, (ANSWERS,)) / ANSWERS
    return found


def read_answers(path: Path) -> pd.DataFrame:
    """Answers that were made here."""
    return pd.read_parquet(path)


@contextmanager
def _loaded_when_needed(profile: Profile, path: Path | str):
    """A generator whose model is loaded by its first call."""
    with ExitStack() as stack:
        opened = []

        def generate(*given, **options):
            if not opened:
                opened.append(stack.enter_context(generator(profile, path, section=EVALUATION)))
            return opened[0](*given, **options)

        yield generate
