r"""Hints: the first part of the translated solution stands before what the policy writes, less and less of it (section `hint`).

    l = floor(u (1 + (n - 1) max(0, 1 - t / (until T))))       chunks of n at step t of T; u in [0, 1) by hash of seed, t, problem

The other place for an English reference: the policy's prompt instead of the judge's (UFT, arXiv 2505.16984; POPE, arXiv
2601.18779). At first l is any number of chunks but all, with equal chances; from `until` on it is 0. Nothing is drawn from a
stream, so a run that was killed gives the same prompts again. All completions of a group have the same hint.

- The hint begins the assistant's turn, in the language of the row; the policy goes on. Accuracy, format and language are those of
  what the policy wrote, the judge reads hint and completion as one answer.
- The last chunk is never given, nor anything from the first `\boxed{` on: nothing would be left to write.
- `rewards/accuracy/no_hint` is the accuracy where l was 0; that of all completions flatters.

Departures from UFT: its l is binomial with p falling by a cosine from 0.95 to 0.05, so that next to nothing is seen without a hint
at first, and all chunks may be given; its likelihood of the hint (weight 0.001) is left out.
"""

import hashlib
import re
from collections.abc import Sequence
from itertools import pairwise

from sp3f_lib.data.schema import RowError, problem_id
from sp3f_lib.profiles.sections import Hint

# Where a sentence ends: a stop with a space behind it, one of those that need none, a line; Thai ends with spaces only.
_ENDS = re.compile(r"[.!?؟۔।॥](?=\s)|[。！？]|\n+")
_SPACES = re.compile(r"(?<=\S)(?=\s)")
_BOX = "\\boxed"


def chunks_of(solution: str, number: int) -> list[str]:
    r"""The solution in at most `number` parts, by sentences, as equal as may be; joined they are the solution.

    Everything from the sentence of the first `\boxed` on is in the last one. Without ends of sentences, at spaces.

    >>> chunks_of(r"Leo has 5. He buys 3: 5 + 3 = 8. So \boxed{8}.", 5)
    ['Leo has 5.', ' He buys 3: 5 + 3 = 8.', ' So \\boxed{8}.']
    >>> chunks_of("a. b. c. d. e. f. g.", 3)
    ['a. b.', ' c. d.', ' e. f. g.']
    """
    box = solution.find(_BOX)
    last = len(solution.rstrip()) if box < 0 else box
    for pattern in (_ENDS, _SPACES):
        ends = [match.end() for match in pattern.finditer(solution) if 0 < match.end() < last]
        if ends:
            break
    cuts = [0, *ends, len(solution)]
    pieces = [solution[start:end] for start, end in pairwise(cuts)]
    parts = min(number, len(pieces))
    edges = [part * len(pieces) // parts for part in range(parts + 1)]
    return ["".join(pieces[start:end]) for start, end in pairwise(edges)]


def hint_length(hint: Hint, chunks: int, progress: float, seed: int, step: int, problem: str) -> int:
    """How many of `chunks` parts are given at `step`, `progress` = step / all steps; from 0 to `chunks` - 1.

    >>> [hint_length(Hint(until=0.5), 5, progress, 0, 7, "lab-3") for progress in (0, 0.2, 0.4, 0.5, 1)]
    [2, 1, 0, 0, 0]
    """
    digest = hashlib.sha256(f"hint {seed} {step} {problem}".encode()).digest()
    drawn = int.from_bytes(digest[:8], "big") / 2**64
    left = max(0.0, 1 - progress / hint.until)
    return int(drawn * (1 + (chunks - 1) * left))


def with_hints(rows: Sequence[dict], hint: Hint, seed: int, step: int, steps: int) -> list[dict]:
    """Copies of the trainer's rows of one step with `hint`, a text ("" for none), and `hint_chunks`."""
    found = []
    for row in rows:
        parts = chunks_of(row["translated_solution"], hint.chunks)
        problem = problem_id({"query": row["question"], "extra_info": row["extra_info"]})
        given = hint_length(hint, len(parts), step / max(steps, 1), seed, step, problem)
        found.append(row | {"hint": "".join(parts[:given]).rstrip(), "hint_chunks": given})
    return found


def longest_hint(row: dict, hint: Hint) -> str:
    """The most that may be given of a row's solution; `RowError` if it has none in its language."""
    if not row.get("translated_solution"):
        raise RowError(
            f"hint: row {problem_id(row)!r} ({row['extra_info']['lang']}) has no 'translated_solution' to give a part of; "
            "give one, or train an arm without hints"
        )
    return "".join(chunks_of(row["translated_solution"], hint.chunks)[:-1]).rstrip()


def add_hints(prompt_ids: Sequence[Sequence[int]], rows: Sequence[dict], tokenizer) -> list[list[int]]:
    """The token ids of each prompt, the assistant's turn begun, with those of its row's hint behind."""
    hints = [tokenizer(row["hint"], add_special_tokens=False)["input_ids"] if row["hint"] else [] for row in rows]
    return [[*ids, *hint] for ids, hint in zip(prompt_ids, hints, strict=True)]


def hint_metrics(accuracy: Sequence[float], given: Sequence[int]) -> dict[str, float]:
    """What is logged of a step, from the accuracy and the number of chunks of every completion of all processes.

    >>> hint_metrics([1.0, 0.0, 1.0, 1.0], [3, 0, 0, 1])
    {'hint/chunks': 1.0, 'rewards/accuracy/no_hint': 0.5}
    """
    without = [one for one, number in zip(accuracy, given, strict=True) if number == 0]
    found = {"hint/chunks": sum(given) / len(given)}
    return found | ({"rewards/accuracy/no_hint": sum(without) / len(without)} if without else {})
