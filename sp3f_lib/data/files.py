"""What all sources share: the names of the splits, the languages of each, and a file found in a folder."""

from pathlib import Path

from sp3f_lib.data.schema import RowError
from sp3f_lib.profiles.sections import Data

SPLITS = ("sft", "rl", "eval")


def split_languages(data: Data) -> dict[str, tuple[str, ...]]:
    """The languages of each split: `languages` unless `rl_languages` or `eval_languages` say otherwise."""
    return {
        "sft": data.languages,
        "rl": data.rl_languages or data.languages,
        "eval": data.eval_languages or data.languages,
    }


def find_file(folder: Path, *names: str) -> Path:
    """The first of `names` that is in `folder`; `RowError` if none is."""
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise RowError(f"{folder}: there is no {' or '.join(names)} in it")
