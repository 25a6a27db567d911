"""The questions of notebook 04, each as the models that answer it: who sees the English reference, and what it is worth.

    runs(["who"], load, seeds=range(5))         what `sp3f seeds --question who` trains and scores
    QUESTIONS["who"].pairs()                    which of them are compared

All of them are arms of the table (methods/models.py), some under changed settings. The settings are the lab's: what they are worth
for another profile nobody has tried.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from sp3f_lib.methods.sp3f import arm_of_terms, subsets_of_terms
from sp3f_lib.pipeline.seeds import Run
from sp3f_lib.profiles import Profile, ProfileError, nearest


@dataclass(frozen=True)
class Cell:
    """A model under some settings: `changes` of the profile, `name` and `setting` in tables (default: the method, the regime)."""

    method: str
    regime: str = "cold"
    changes: Mapping[str, object] = field(default_factory=dict)
    name: str = ""
    setting: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """(setting, name): unique over all questions, or the same model."""
        return self.setting or self.regime, self.name or self.method


@dataclass(frozen=True)
class Question:
    """What is asked, and the cells that answer it. Each is compared with the cell `other` of its setting."""

    asked: str
    cells: tuple[Cell, ...]
    other: str

    def pairs(self) -> tuple[tuple[str, str], ...]:
        """(one, other) names, as `evaluation.seeds.differences` takes them."""
        names = dict.fromkeys(cell.key[1] for cell in self.cells)
        return tuple((name, self.other) for name in names if name not in (self.other, "sft"))


_SFT = Cell("sft")
# How many of the 64 completions of a step are answers to one problem, at the same number of completions.
_GROUP_SIZES = (2, 4, 16)
# Mixes of steps in the problems of stage 2, from starts where nearly every group is without a right answer to starts where few are.
_STARTS = {
    "only 4 steps": [4],
    "cold": None,  # one of six problems has 2 steps, the others 4
    "2 and 4 steps": [2, 4, 4],
    "2, 3 and 4 steps": [2, 3, 4],
    "2 and 3 steps": [2, 3],
}


def _start(setting: str, operations: list[int] | None) -> tuple[Cell, ...]:
    changes = {} if operations is None else {"data.rl_operations": operations}
    return tuple(Cell(method, changes=changes, setting=setting) for method in ("sft", "rlvr", "sp3f", "hint"))


QUESTIONS: dict[str, Question] = {
    "headline": Question(
        "Who should see the English reference, in short?",
        (
            _SFT,
            *map(Cell, ("rlvr", "judge_unprivileged", "sp3f", "process", "hint", "opsd", "self_translate_sft")),
        ),
        "rlvr",
    ),
    "terms": Question(
        "Which of the four terms of SP3F's reward does the work?",
        (_SFT, *(Cell(arm_of_terms(letters)) for letters in subsets_of_terms())),
        "rlvr",
    ),
    "privilege": Question(
        "What must the judge be shown?",
        (
            _SFT,
            *map(Cell, ("rlvr", "judge_unprivileged", "judge_wrong", "judge_answer", "judge_translated", "sp3f")),
        ),
        "judge_unprivileged",
    ),
    "who": Question(
        "Who should see the English reference?",
        (
            _SFT,
            *map(
                Cell,
                ("rlvr", "judge_unprivileged", "sp3f", "process", "process_matched", "score", "score_ranked", "listwise"),
            ),
            *map(Cell, ("listwise_3", "hint", "sp3f_hint", "opsd", "rlvr_opsd", "rlvr_opsd_unsolved", "self_translate_sft")),
        ),
        "sp3f",
    ),
    "accuracy": Question(
        "How good must a judge be?",
        (
            _SFT,
            Cell("rlvr"),
            Cell("sp3f"),
            *(Cell("sp3f", changes={"judge.accuracy": one / 100}, name=f"sp3f at {one} %") for one in (50, 60, 70, 80, 90)),
        ),
        "rlvr",
    ),
    "schedule": Question(
        "Which comparisons, and how large a group?",
        (
            _SFT,
            Cell("sp3f"),
            Cell("sp3f", changes={"judge.schedule": "all_ordered"}, name="sp3f, both orders"),
            Cell("sp3f", changes={"judge.schedule": "sampled", "judge.calls": 8}, name="sp3f, 8 sampled pairs"),
            Cell("sp3f", changes={"judge.schedule": "adaptive", "judge.calls": 8}, name="sp3f, 8 adaptive pairs"),
            *(Cell("sp3f", changes={"grpo.num_generations": n}, name=f"sp3f, groups of {n}") for n in _GROUP_SIZES),
        ),
        "sp3f",
    ),
    "start": Question(
        "When does privilege pay?",
        tuple(cell for setting, operations in _STARTS.items() for cell in _start(setting, operations)),
        "rlvr",
    ),
    "language": Question(
        "What shape should the language term have?",
        tuple(
            Cell(method, regime="tempted")
            for method in ("sft", "rlvr", "sp3f", "rlvr_without_fidelity", "rlvr_gated", "sp3f_gated", "rlvr_adaptive")
        ),
        "rlvr",
    ),
}


def find_questions(names: str | Iterable[str]) -> dict[str, Question]:
    """Questions by name, or names; `all` is all of them. `ProfileError` names the nearest one to a name that is none.

    >>> list(find_questions("who")), list(find_questions([]))
    (['who'], [])
    """
    names = [names] if isinstance(names, str) else list(names)
    for name in names:
        if name not in QUESTIONS and name != "all":
            raise ProfileError(f"unknown question {name!r}{nearest(name, [*QUESTIONS, 'all'])}")
    return {name: question for name, question in QUESTIONS.items() if name in names or "all" in names}


def runs(
    questions: Iterable[Question], load: Callable[[int, str, Mapping[str, object]], Profile], seeds: Iterable[int]
) -> list[Run]:
    """The runs of some questions, each once, whole seeds one after the other, so that every question has an answer early.

    `load(seed, regime, changes)` gives the profile.
    """
    cells = list({cell.key: cell for question in questions for cell in question.cells}.values())
    return [Run(load(seed, cell.regime, cell.changes), cell.method, *cell.key) for seed in seeds for cell in cells]
