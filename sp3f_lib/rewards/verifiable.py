r"""The three terms of SP3F's reward that need no judge, each 0 or 1, and one's own (own.py), in the form that TRL calls.

    R_i = accuracy + parseable + fidelity + win rate        (arXiv 2601.18722, reward of stage 2; all weights 1)

TRL passes completions as lists of chat messages and every column of the rows as a keyword argument.
"""

from collections.abc import Callable

from sp3f_lib.profiles import ProfileError, nearest
from sp3f_lib.profiles.sections import Rewards
from sp3f_lib.rewards.answers import extract_answer, is_correct
from sp3f_lib.rewards.fidelity import is_faithful
from sp3f_lib.rewards.own import OWN, text_of
from sp3f_lib.rewards.shapes import shape


def accuracy(completions, reward_model, extra_info, **_) -> list[float]:
    """1 where the boxed answer equals the row's ground truth."""
    rows = zip(completions, reward_model, extra_info, strict=True)
    return [float(is_correct(text_of(c), m["ground_truth"], info["lang"])) for c, m, info in rows]


def parseable(completions, **_) -> list[float]:
    r"""1 where a balanced `\boxed{...}` with something in it can be read."""
    return [float(extract_answer(text_of(c)) is not None) for c in completions]


def fidelity_at(threshold: float) -> Callable[..., list[float]]:
    """The fidelity term: 1 where at least `threshold` of the response is in the row's language."""

    def fidelity(completions, extra_info, **_) -> list[float]:
        rows = zip(completions, extra_info, strict=True)
        return [float(is_faithful(text_of(c), info["lang"], threshold)) for c, info in rows]

    return fidelity


def verifiable_terms(rewards: Rewards) -> list[Callable[..., list[float]]]:
    """The reward functions: accuracy, parseable, fidelity, those of `rewards.more`, and `shape` where fidelity is not just added.

    All are computed and logged, also those whose weight is 0. `ProfileError` names a term that own.py does not have.
    """
    for name in rewards.more:
        if name not in OWN:
            raise ProfileError(
                f"rewards.more: no term {name!r} in sp3f_lib/rewards/own.py{nearest(name, OWN) if OWN else ''}"
            )
    own, shaped = (_named(name, OWN[name]) for name in rewards.more), [shape] if rewards.language_shape != "add" else []
    return [accuracy, parseable, fidelity_at(rewards.threshold), *own, *shaped]


def term_weights(rewards: Rewards, judged: bool) -> list[float]:
    """The weights of `verifiable_terms`, and of the win rate behind them where there is a judge."""
    win_rate, shaped = [rewards.win_rate] if judged else [], [1.0] if rewards.language_shape != "add" else []
    return [rewards.accuracy, rewards.parseable, rewards.fidelity, *rewards.more.values(), *shaped, *win_rate]


def _named(name: str, term: Callable[..., list[float]]) -> Callable[..., list[float]]:
    """The term under its name in the profile, which is what the metrics show."""

    def own(**columns) -> list[float]:
        return term(**columns)

    own.__name__ = name
    return own
