"""The three things that a judge which reads can be asked, behind one face: its prompt, what its key holds, how a reply is read.

| asked    | schedules                          | prompt           | a call says                        |
| -------- | ---------------------------------- | ---------------- | ---------------------------------- |
| `Pair`   | all_ordered, balanced, sampled, ... | prompts.py       | which of two is better             |
| `Single` | score                              | score_prompt.py  | how good one is, 0 to 10           |
| `Lineup` | listwise                           | list_prompt.py   | the order of the whole group       |

The ledger knows what was asked by its prompt's version alone. A lineup's holds the number of its responses (`listwise-1/8`),
without which nobody could say of a stored reply whether its ranking is complete.
"""

from collections.abc import Sequence

from sp3f_lib.judges import list_prompt, prompts, score_prompt
from sp3f_lib.judges.base import Asked, Lineup, Pair, Single

PREFERENCES = {"A": 1.0, "B": 0.0, "tie": 0.5}


def version(asked: Asked) -> str:
    """The version of the prompt, with which a reply is read again."""
    match asked:
        case Pair():
            return prompts.VERSION
        case Single():
            return score_prompt.VERSION
        case Lineup():
            return f"{list_prompt.VERSION}/{len(asked.responses)}"


def version_of(schedule: str) -> str:
    """The version of the prompt of a schedule, without the size of a group."""
    return {"score": score_prompt.VERSION, "listwise": list_prompt.VERSION}.get(schedule, prompts.VERSION)


def texts(asked: Asked) -> tuple[str, ...]:
    """The responses that are shown, in order."""
    match asked:
        case Pair():
            return asked.response_a, asked.response_b
        case Single():
            return (asked.response,)
        case Lineup():
            return asked.responses


def messages(asked: Asked, secret: bytes) -> list[dict]:
    """System and user message."""
    match asked:
        case Pair():
            return prompts.messages(asked, secret)
        case Single():
            return score_prompt.messages(asked, secret)
        case Lineup():
            return list_prompt.messages(asked, secret)


def read(prompt: str, text: str, tokens: Sequence[tuple[str, dict[str, float]]] = ()) -> dict:
    """What a finished reply to a prompt of this version says, as fields of a ledger's entry: status, preference, ...

    The preference of a score is a tenth of it; that of a ranking is None, for it holds more than a number.
    """
    if prompt.startswith("listwise"):
        found = {} if list_prompt.parse_ranking(text, _size(prompt)) is not None else None
    elif prompt.startswith("score"):
        score = score_prompt.parse_score(text)
        found = None if score is None else {"preference": score / score_prompt.MOST}
    else:
        preference = PREFERENCES.get(prompts.parse_verdict(text))
        graded = prompts.graded_verdict(text, tokens) if tokens else None
        found = None if preference is None else {"preference": preference if graded is None else graded, "graded": graded}
    return {"status": "unreadable", "reason": no_verdict_in(text)} if found is None else {"status": "verdict", **found}


def said(prompt: str, status: str, preference: float | None, text: str) -> dict:
    """What a ledger's entry says, as fields of a `Verdict`: one of preference, score and ranks, or a preference of None."""
    if status == "verdict" and prompt.startswith("listwise"):
        return {"preference": None, "ranks": list_prompt.parse_ranking(text, _size(prompt))}
    if status == "verdict" and prompt.startswith("score"):
        return {"preference": None, "score": preference}
    return {"preference": preference}


def no_verdict_in(text: str) -> str:
    """The reason for a reply that holds no verdict, with its end, which is where the verdict should be."""
    return f"no verdict in the reply, which ends {text[-80:]!r}"


def _size(prompt: str) -> int:
    return int(prompt.rpartition("/")[2])
