"""Tasks: sets of questions that models are evaluated on, one YAML file each (`tasks/*.yaml`), or one of one's own.

    about: reading comprehension     # own.yaml: `sp3f evaluate sp3f --task own.yaml --folder FOLDER`
    kind: choice
    languages: {en: en, de: de}      # code of languages.py: what its file or configuration is called
    file: "{config}.jsonl"           # in the folder; also `hub` with `hub_config`, or `hub_file`
    question: "{passage}\\n{question}"
    options: [a, b, c, d]            # fields with the texts, or one field with a list
    gold: answer
    gold_is: letter                  # of the right option: letter, number (from 1), or text

MGSM, MT-MATH100, Belebele and Global-MMLU-Lite are those of SP3F (arXiv 2601.18722), asked as in its released code: question, and
options as `A) ...` a line each; that a letter is wanted is never said.
"""

from pathlib import Path
from string import Formatter
from typing import Literal

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from sp3f_lib.languages import get_language
from sp3f_lib.profiles.section import ProfileError, Section, nearest

FOLDER = Path(__file__).parent / "tasks"
_MOST_OPTIONS = 10


class Task(Section):
    """One task, as its file says it; the name is the file's. `{config}` in a name is what `languages` says of the language."""

    name: str
    about: str = Field(description="what it asks, and where it comes from")
    kind: Literal["number", "latex", "choice"] = Field(description="of answer, and so how it is scored")
    languages: dict[str, str] = Field(min_length=1)
    variants: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="further `config`s of a language, whose rows are its own too"
    )
    file: str = Field(description="in the folder: .jsonl, or .tsv with `columns`")
    files: dict[str, str] = Field(default_factory=dict, description="languages whose file has another name")
    hub: str | None = Field(None, description="data set of the hub; null: a folder must be given")
    hub_config: str = "{config}"
    hub_file: str | None = Field(None, description="one file of the data set, where it is not read by configuration")
    split: str = "test"
    columns: tuple[str, ...] = Field((), description="names of the columns of a .tsv file, which has no header")
    question: str = Field(description="text with {field}s of the row; {language}: the field named by `config`")
    options: tuple[str, ...] = ()
    gold: str
    gold_is: Literal["letter", "number", "text"] = "text"
    choices: int | None = Field(None, description="options of every row; null: as many as `options` has fields")
    id: str | None = Field(None, description="field that is equal over languages; null: the number of the row")
    cluster: str | None = Field(None, description="field that questions on one text share, for the intervals")
    subset: str | None = Field(None, description="field that parts the rows; each part has a line of its own in the tables")
    subsets: dict[str, tuple[int, ...]] = Field(
        default_factory=dict, description="in place of it, parts by numbers of rows (from 1); the rest is `the others`"
    )
    decoding: Literal["sampled", "greedy"] = Field("sampled", description="sampled ones have a greedy answer besides")
    problems: int | None = Field(None, gt=0, description="rows that a language (a variant) must have; null: any number")

    @field_validator("languages", "variants")
    @classmethod
    def _known(cls, languages):
        for code in languages:
            get_language(code)
        return languages

    @model_validator(mode="after")
    def _options_fit(self):
        if (self.kind == "choice") != bool(self.options):
            raise ValueError("a task of kind choice has `options`, others have none")
        if self.kind == "choice" and not self.count:
            raise ValueError("`options` is one field with a list: say in `choices` how many it holds")
        if self.count and not 2 <= self.count <= _MOST_OPTIONS:
            raise ValueError(f"a choice is among 2 to {_MOST_OPTIONS} options, not {self.count}")
        return self

    @property
    def count(self) -> int | None:
        """How many options a question has; None where it has none, or its number is not said."""
        return self.choices or (len(self.options) if len(self.options) > 1 else None)

    @property
    def chance(self) -> float:
        """The accuracy of guessing: 0 where there are no options."""
        return 1 / self.count if self.count else 0.0

    def configs(self, lang: str) -> tuple[str, ...]:
        """What the files or configurations of a language are called: one, and its variants."""
        return self.languages[lang], *self.variants.get(lang, ())

    def fields(self, config: str) -> tuple[str, ...]:
        """The fields of a row that the question is made of."""
        template = self.template(config)
        return tuple(name for _, name, _, _ in Formatter().parse(template) if name)

    def template(self, config: str) -> str:
        """The question's text with fields in braces, for one language."""
        return self.question.replace("{language}", "{" + config + "}")


def task_names() -> list[str]:
    """The tasks in the repository."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load_task(name: str) -> Task:
    """A task by its name or the path of its file; `ProfileError` names the nearest known one, or what is wrong in the file.

    >>> load_task("belebele").chance, len(load_task("mgsm").languages)
    (0.25, 12)
    """
    path = Path(name) if str(name).endswith((".yaml", ".yml")) else FOLDER / f"{name}.yaml"
    if not path.is_file():
        raise ProfileError(f"unknown task {str(name)!r}{nearest(str(name), task_names())}; or give a .yaml file")
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(raw, dict):
        raise ProfileError(f"{path} is not a mapping")
    try:
        return Task.model_validate({**raw, "name": path.stem})
    except ValidationError as error:
        raise ProfileError(f"task {path}: " + "; ".join(_wrong(item) for item in error.errors())) from None


def _wrong(item: dict) -> str:
    where = ".".join(map(str, item["loc"]))
    if item["type"] == "extra_forbidden":
        return f"unknown key {where}{nearest(where, Task.model_fields)}"
    message = item["msg"].removeprefix("Value error, ")
    return f"{where}: {message}" if where else message
