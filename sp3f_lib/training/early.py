"""Judging beside other work: an API judge is asked about each part of the completions while the next part is generated.

    --set judge.overlap=4        completions are generated in four parts

On-policy, what can run beside the judge is the generation of the other parts, the verifiable rewards, and the forward pass for
old log-probabilities (vLLM). What cannot: the judging of the last part, and the loss, which needs every advantage. So a step
costs generation + judging of the last part + training, if a part is judged no slower than the next one is generated.
Smaller parts generate less efficiently: `overlap` pays where the judge takes long, not with the embedded judge.

A group is judged by the same comparisons in whatever part it comes, so the verdicts do not depend on when they are asked.
"""

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import Future, wait

from sp3f_lib.judges.base import Judge
from sp3f_lib.judges.groups import Group, judge_groups
from sp3f_lib.profiles.judge_section import Judge as Settings
from sp3f_lib.runs import StageError

Row = tuple[str, str | None, str, str]  # question, what the judge is shown, language, response


class Judging:
    """The groups of one step on their way through the judge, part by part. Only the main process has one."""

    def __init__(self, judge: Judge, settings: Settings):
        self._judge, self._settings = judge, settings
        self._parts: list[tuple[list[int], Future]] = []
        # Only an endpoint works beside us; other judges need this process's threads and random states.
        self._loop = asyncio.new_event_loop() if settings.name == "api" else None
        if self._loop:
            threading.Thread(target=self._loop.run_forever, daemon=True, name="judge").start()

    def ask(self, rows: Sequence[Row], group: int, places: list[int]) -> None:
        """Sends `rows`, consecutive groups of `group`, which stand at `places` among the rows of the step, to the judge."""
        work = self._work(rows, group)
        if self._loop:
            self._parts.append((places, asyncio.run_coroutine_threadsafe(work, self._loop)))
            return
        done: Future = Future()
        try:
            done.set_result(asyncio.run(work))
        except StageError as error:
            done.set_exception(error)
        self._parts.append((places, done))

    def results(self) -> list[tuple[list[int], list[Group]]]:
        """(places, judged groups) of each part since the last call; raises what the judge raised, after all parts have ended."""
        parts, self._parts = self._parts, []
        wait([future for _, future in parts])  # calls in flight are paid for: let them reach the ledger
        return [(places, future.result()) for places, future in parts]

    async def _work(self, rows: Sequence[Row], group: int) -> list[Group]:
        groups = [_group(rows[start : start + group], self._settings.privilege) for start in range(0, len(rows), group)]
        await judge_groups(self._judge, groups, self._settings)
        return groups


def _group(rows: Sequence[Row], level: str) -> Group:
    question, reference, lang, _ = rows[0]
    if any(row[:3] != (question, reference, lang) for row in rows):
        raise StageError(f"{len(rows)} rows that should be one group are not: {question[:80]!r}")
    return Group(question, [row[3] for row in rows], reference, level, lang=lang)


def parts_of(rows: int, group: int, wanted: int) -> list[slice]:
    """`rows` (of this process) in at most `wanted` equal parts of whole groups; one part where groups cannot be kept whole.

    >>> parts_of(32, 8, 3)
    [slice(0, 16, None), slice(16, 32, None)]
    """
    number = next((n for n in range(wanted, 1, -1) if rows % (n * group) == 0), 1)
    return [slice(k * rows // number, (k + 1) * rows // number) for k in range(number)]


def places_of(part: slice, rows: int, processes: int) -> list[int]:
    """Where the rows of a part, gathered from all processes, stand among all rows gathered at once.

    >>> places_of(slice(2, 4), 4, 2)
    [2, 3, 6, 7]
    """
    return [process * rows + k for process in range(processes) for k in range(part.start, part.stop)]
