"""Reward terms of one's own: a function here, by name, and a weight in the profile (`rewards.more`) or in an arm.

    def short(completions, **_):
        return [max(0.0, 1 - len(text_of(completion)) / 200) for completion in completions]  # 0 from 200 characters on

    OWN = {"short": short}                                    sp3f train rlvr --set rewards.more='{short: 0.5}'

A term is asked about a whole batch: `completions` (chat messages, or texts: read them with `text_of`), and every column of the rows
as a keyword (`reward_model`, `extra_info`, `question`, `reference`), one entry a completion. It gives one finite number each. It is
logged as `rewards/<name>/mean`. docs/own_arm.md walks through an arm.
"""

from collections.abc import Callable

OWN: dict[str, Callable[..., list[float]]] = {}


def text_of(completion) -> str:
    """The text of a completion, which TRL gives as chat messages."""
    return completion if isinstance(completion, str) else completion[-1]["content"]
