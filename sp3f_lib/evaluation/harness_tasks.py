"""Tasks of EleutherAI's lm-evaluation-harness: its own, from the hub, and the same ones on local files.

| task                             | file in the folder                       | templates of lm_eval           |
| -------------------------------- | ---------------------------------------- | ------------------------------ |
| `arc_de`                         | `arc_de*.jsonl`                          | okapi/arc_multilingual         |
| `hellaswag_de`                   | `hellaswag_de*.jsonl`                    | okapi/hellaswag_multilingual   |
| `m_mmlu_de`                      | `m_mmlu_de*.jsonl`, `mmlu_de*.jsonl`     | okapi/mmlu_multilingual        |
| `truthfulqa_de_mc1`, `..._mc2`   | `truthfulqa_de*.jsonl`                   | okapi/truthfulqa_multilingual  |
| `belebele_deu_Latn`              | `deu_Latn.jsonl`                         | belebele                       |

A local task is a file of YAML that includes lm_eval's template and reads JSON, so prompt and score are the package's. Without
a folder any task of the package can be named (`arc_challenge`, `hellaswag` and `truthfulqa_mc1` are the English ones).
"""

import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import yaml

from sp3f_lib.data.schema import RowError
from sp3f_lib.profiles.section import ProfileError, nearest
from sp3f_lib.runs import StageError, write_text

VERSION = "0.4.13"
_INSTALL = f"pip install -c constraints.txt lm_eval=={VERSION} (sp3f-lib's extra `harness`)"


@dataclass(frozen=True)
class _Family:
    """Tasks that differ in their language: `names` matches them, `stems` name local files, the rest is lm_eval's."""

    names: str
    folder: str
    template: str
    split: str
    stems: tuple[str, ...]


_FAMILIES = (
    _Family(r"arc_(?P<lang>[a-z]{2})", "okapi/arc_multilingual", "_arc_yaml", "test", ("arc_{lang}",)),
    _Family(
        r"hellaswag_(?P<lang>[a-z]{2})", "okapi/hellaswag_multilingual", "_hellaswag_yaml", "val", ("hellaswag_{lang}",)
    ),
    _Family(
        r"m_mmlu_(?P<lang>[a-z]{2})", "okapi/mmlu_multilingual", "_default_yaml", "test", ("m_mmlu_{lang}", "mmlu_{lang}")
    ),
    _Family(
        r"truthfulqa_(?P<lang>[a-z]{2})_mc1",
        "okapi/truthfulqa_multilingual",
        "_truthfulqa_mc1_yaml",
        "val",
        ("truthfulqa_{lang}",),
    ),
    _Family(
        r"truthfulqa_(?P<lang>[a-z]{2})_mc2",
        "okapi/truthfulqa_multilingual",
        "_truthfulqa_mc2_yaml",
        "val",
        ("truthfulqa_{lang}",),
    ),
    _Family(r"belebele_(?P<lang>[a-z]{3}_[A-Z][a-z]{3})", "belebele", "_default_template_yaml", "test", ("{lang}",)),
)


def check_installed() -> None:
    """`StageError` if lm_eval is not there."""
    if find_spec("lm_eval") is None:
        raise StageError(f"lm-evaluation-harness is not installed: {_INSTALL}")


def package_tasks() -> Path:
    """The folder of lm_eval's own tasks."""
    return Path(find_spec("lm_eval").origin).parent / "tasks"


def local_file(task: str, folder: Path) -> Path:
    """The file of a task in a folder or one of its subfolders; an error where there is none, or more than one."""
    family, lang = _family(task)
    if family is None:
        raise ProfileError(f"--task {task}: of lm_eval's tasks only those of {_known_families()} can be read from a folder")
    if not folder.is_dir():
        raise RowError(f"{folder}: there is no such folder")
    places = [folder, *sorted(path for path in folder.iterdir() if path.is_dir())]
    stems = [stem.format(lang=lang) for stem in family.stems]
    found = sorted({path for place in places for stem in stems for path in place.glob(f"{stem}*.json*") if _is(path, stem)})
    if len(found) != 1:
        what = f"several files for {task} ({', '.join(path.name for path in found)})" if found else f"no file for {task}"
        raise RowError(f"{folder}: {what}; one is wanted, called {' or '.join(f'{stem}.jsonl' for stem in stems)}")
    return found[0]


def write_local(task: str, file: Path, folder: Path) -> None:
    """Writes the YAML of a task that reads `file` into `folder`."""
    family, _ = _family(task)
    splits = {
        f"{kind}_split": family.split if kind == _kind(family.split) else None for kind in ("training", "validation", "test")
    }
    about = {
        "include": str(package_tasks() / family.folder / family.template),
        "task": task,
        "dataset_path": "json",
        "dataset_name": None,
        "dataset_kwargs": {"data_files": {family.split: str(file.resolve())}},
        **splits,
        "fewshot_split": None,
    }
    write_text(folder / f"{task}.yaml", yaml.safe_dump(about, sort_keys=False))


def manager_of(task: str, folder: Path | None = None):
    """lm_eval's task manager that knows `task`: with the YAML files of `folder`, or with the package's own.

    `ProfileError` names the nearest known task.
    """
    from lm_eval.tasks import TaskManager

    if folder:
        return TaskManager(include_path=str(folder), include_defaults=False)
    family, _ = _family(task)
    # Looking through all of the package's tasks takes 7 seconds.
    one_folder = {"include_path": str(package_tasks() / family.folder), "include_defaults": False} if family else {}
    found = TaskManager(**one_folder)
    if task not in found.all_tasks:
        raise ProfileError(f"--task {task}: lm_eval {VERSION} has none of this name{nearest(task, found.all_tasks)}")
    return found


def _family(task: str) -> tuple[_Family | None, str]:
    for family in _FAMILIES:
        if match := re.fullmatch(family.names, task):
            return family, match["lang"]
    return None, ""


def _known_families() -> str:
    return ", ".join(re.sub(r"\(\?P<lang>.*?\)(?=_mc|$)", "<lang>", family.names) for family in _FAMILIES)


def _is(path: Path, stem: str) -> bool:
    """Whether a file's name is `stem` and suffixes, and not that of another language or task."""
    return path.name == stem or path.name.startswith(f"{stem}.")


def _kind(split: str) -> str:
    return "validation" if split == "val" else split
