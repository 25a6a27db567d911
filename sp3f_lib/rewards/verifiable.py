r"""The three terms of SP3F's reward that need no judge, each 0 or 1, in the form that TRL calls.

    R_i = accuracy + parseable + fidelity + win rate        (arXiv 2601.18722, reward of stage 2; all weights 1)

TRL passes completions as lists of chat messages and every column of the rows as a keyword argument.
"""

from collections.abc import Callable

from sp3f_lib.rewards.answers import extract_answer, is_correct
from sp3f_lib.rewards.fidelity import is_faithful
from sp3f_lib.sections import Rewards

TERMS = ("accuracy", "parseable", "fidelity", "win_rate")


def accuracy(completions, reward_model, extra_info, **_) -> list[float]:
    """1 where the boxed answer equals the row's ground truth."""
    rows = zip(completions, reward_model, extra_info, strict=True)
    return [float(is_correct(_text(c), m["ground_truth"], info["lang"])) for c, m, info in rows]


def parseable(completions, **_) -> list[float]:
    r"""1 where a balanced `\boxed{...}` with something in it can be read."""
    return [float(extract_answer(_text(c)) is not None) for c in completions]


def fidelity_at(threshold: float) -> Callable[..., list[float]]:
    """The fidelity term: 1 where at least `threshold` of the response is in the row's language."""

    def fidelity(completions, extra_info, **_) -> list[float]:
        rows = zip(completions, extra_info, strict=True)
        return [float(is_faithful(_text(c), info["lang"], threshold)) for c, info in rows]

    return fidelity


def verifiable_terms(rewards: Rewards) -> list[Callable[..., list[float]]]:
    """The three reward functions in the order of TERMS. All are computed and logged, also those whose weight is 0."""
    return [accuracy, parseable, fidelity_at(rewards.threshold)]


def _text(completion) -> str:
    return completion if isinstance(completion, str) else completion[-1]["content"]
