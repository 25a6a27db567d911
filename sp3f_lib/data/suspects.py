"""Rows are doubted as they are read: what the checks find is told in one table, dropped below a share, and stops above it.

    rows = sift(rows, "rows/sft.parquet", max_suspect=0.02)       what is left, or RowError naming file, language and reason

The rows go by once, in any number: what is kept of a row without a fault are some thirty bytes.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

from sp3f_lib.data.checks import look
from sp3f_lib.data.lengths import Look, Usuals, late_fault
from sp3f_lib.data.schema import RowError
from sp3f_lib.data.texts import REASONS, Fault, Texts, texts_of
from sp3f_lib.data.vocabulary import Vocabulary, believe

_ROWS_AT_ONCE = 1_000
_SOME = 2
_SECOND_LOOKS = 5_000  # rows that seem to be in another language, until all words are known
# What shows that a file was put together by row number, and the rows do not belong together.
_BY_POSITION = ("misaligned", "answer")
_BATCH_COLUMNS = ("query", "solution", "translated_solution", "input", "reward_model", "extra_info")


class Suspects:
    """Sees rows one after the other; `settle` tells the fault of each that has one."""

    def __init__(self):
        self._words, self._usuals, self._early = Vocabulary(), Usuals(), {}
        self._foreign: dict[int, Texts] = {}
        self._langs, self._names = array("h"), []
        self._ratios, self._marks = array("f"), array("b")

    def see(self, row: dict) -> None:
        """Looks at the next row."""
        texts = texts_of(row)
        found = look(texts, self._words.share)
        if texts.lang not in self._names:
            self._names.append(texts.lang)
        if found.fault:
            self._early[len(self._langs)] = found.fault
            if found.fault.reason == "language" and len(self._foreign) < _SECOND_LOOKS:
                self._foreign[len(self._langs)] = texts
        self._usuals.add(texts.lang, found)
        self._langs.append(self._names.index(texts.lang))
        self._ratios.extend((found.question, found.solution))
        self._marks.append(found.fewer[0] * 16 + found.fewer[1] * 2 + found.loops)

    def settle(self) -> "Findings":
        """What was found, by the number of the row from 0."""
        usual, faults = self._usuals.settle(), {}
        again = {number: look(texts, believe) for number, texts in self._foreign.items() if self._words.knows(texts)}
        for number, (place, mark) in enumerate(zip(self._langs, self._marks, strict=True)):
            early = self._early.get(number)
            question, solution = self._ratios[2 * number : 2 * number + 2]
            found = Look(early, question, solution, (mark // 16, mark // 2 % 8), bool(mark % 2))
            if fault := late_fault(self._names[place], again.get(number, found), usual):
                faults[number] = fault
        langs = [self._names[place] for place in self._langs]
        return Findings(faults, langs)

    def fault_of(self, row: dict) -> Fault | None:
        """The fault of one more row, which is not counted in, by what is usual in those that were seen."""
        texts = texts_of(row)
        found = look(texts, self._words.share)
        if found.fault and found.fault.reason == "language" and self._words.knows(texts):
            found = look(texts, believe)
        return late_fault(texts.lang, found, self._usuals.settle())


class Findings:
    """Faults by the number of the row, and how many there are by language and reason."""

    def __init__(self, faults: dict[int, Fault], langs: list[str]):
        self.faults, self.rows = faults, Counter(langs)
        self.counts: Counter[tuple[str, str]] = Counter()
        self.examples: dict[tuple[str, str], str] = {}
        for number, fault in sorted(faults.items()):
            key = (langs[number], fault.reason)
            self.counts[key] += 1
            self.examples.setdefault(key, f"row {number}: {fault.detail}")

    def count(self, lang: str) -> int:
        """How many rows of a language have a fault."""
        return sum(count for (found, _), count in self.counts.items() if found == lang)

    def share(self, lang: str) -> float:
        """Share of the rows of a language that have a fault."""
        return self.count(lang) / self.rows[lang]

    def table(self) -> str:
        """Language x reason x count, the first example of each."""
        order = {reason: place for place, reason in enumerate(REASONS)}
        lines = ["lang  reason        rows   share  first"]
        for (lang, reason), count in sorted(self.counts.items(), key=lambda item: (item[0][0], order[item[0][1]])):
            share = count / self.rows[lang]
            lines.append(f"{lang:<4}  {reason:<12}{count:>6}  {share:>6.1%}  {self.examples[lang, reason]}")
        return "\n".join(lines)


def sift(rows: list[dict], where: str | Path, max_suspect: float | None) -> list[dict]:
    """The rows without a fault; `RowError` if more than `max_suspect` of a language have one. None: rows are believed."""
    if max_suspect is None:
        return rows
    doubted = find_suspects(rows, where, max_suspect)
    return [row for number, row in enumerate(rows) if number not in doubted]


def find_suspects(rows: Iterable[dict], where: str | Path, max_suspect: float) -> dict[int, Fault]:
    """The faults by the number of the row, told in a table; `RowError` if there are too many.

    `rows` go by once: with `stream(path)` a file of any size is checked in constant memory.
    """
    suspects = Suspects()
    for row in rows:
        suspects.see(row)
    found = suspects.settle()
    if found.faults:
        told = f"{len(found.faults)} of {found.rows.total()} rows are not what they should be"
        print(f"data: {where}: {told}\n{found.table()}", flush=True)
    refuse(found, where, max_suspect)
    return found.faults


def refuse(found: Findings, where: str | Path, max_suspect: float) -> None:
    """`RowError` if more than `max_suspect` of a language have a fault: so many are no accident of single rows."""
    worst = max(found.rows, key=found.share, default=None)
    # One row is never a share: in a small file every bound would be passed by it.
    if worst is None or found.share(worst) <= max_suspect or found.count(worst) < _SOME:
        return
    counts = {reason: count for (lang, reason), count in found.counts.items() if lang == worst}
    reason = max(counts, key=counts.get)
    example = found.examples[worst, reason]
    told = f"{found.share(worst):.0%} of the rows in {worst!r} have a fault, most of them {reason!r} ({example})"
    if sum(counts.get(one, 0) for one in _BY_POSITION) > max_suspect * found.rows[worst]:
        told += "; question, solution and answer do not belong together (was the file put together by row number?)"
    raise RowError(f"{where}: {told}. data.max_suspect is {max_suspect:g}; mend the file, or raise it to drop these rows")


def stream(path: Path) -> Iterator[dict]:
    """The rows of a parquet file, as many at once as are needed for speed, with the columns that are checked."""
    with pa.parquet.ParquetFile(path) as file:
        columns = [name for name in _BATCH_COLUMNS if name in file.schema_arrow.names]
        for batch in file.iter_batches(_ROWS_AT_ONCE, columns=columns):
            yield from batch.to_pylist()
