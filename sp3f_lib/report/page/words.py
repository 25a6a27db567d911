"""What a judge wrote of a pair, an answer or a whole group, found again in the ledger: samples hold no more than numbers.

The ledger knows a call by a hash of all that was asked (`judges/ledger.py`). Model, level and texts are known here from the
manifest, the rows and the samples; endpoint and sampling are those that the ledger has ever seen.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from sp3f_lib.data.schema import RowError
from sp3f_lib.judges import JudgeError, Pair
from sp3f_lib.judges.base import Asked, Lineup
from sp3f_lib.judges.groups import Group
from sp3f_lib.judges.ledger import AT_STEP, Ledger, open_ledger, request_key
from sp3f_lib.judges.pairs import LISTWISE
from sp3f_lib.judges.privilege import privileged_text
from sp3f_lib.judges.recorded import run_label
from sp3f_lib.report.page.folder import Stage

_ASKED = ("api", "local")  # judges that keep a ledger
Goals = list[tuple[dict, str]]  # where a reply belongs: a verdict or sample of the page, and its field


class Words:
    """The replies in the ledger at `path`; where there is no ledger, or no reply of this pair, verdicts are left as they are."""

    def __init__(self, path: Path):
        self.ledger: Ledger | None = None
        self._ways: list[tuple[str, str, str, str]] = []
        if path.is_file():
            try:
                self.ledger = open_ledger(path)
                with closing(sqlite3.connect(path.absolute().as_uri() + "?mode=ro", uri=True)) as reader:
                    self._ways = sorted(reader.execute("SELECT DISTINCT judge, endpoint, level, sampling FROM calls"))
            except (JudgeError, sqlite3.Error):
                self.ledger = None  # the page says so where it shows the ledger's figures

    def add(
        self, stage: Stage, step: int, question: str, row: dict | None, samples: list[dict], verdicts: list[dict]
    ) -> None:
        """Sets what the judge replied, where it is found: `why` of each verdict (places `a` and `b` of `samples`) that came of a
        reply about a pair or of a ranking, `said` of each sample that was scored alone.
        """
        judge = stage.judge or {}
        if self.ledger is None or judge.get("name") not in _ASKED:
            return
        level = judge.get("privilege") or "none"
        try:
            reference = privileged_text(row, level) if row else None
        except RowError:
            return
        model = judge.get("model")
        model = f"policy of {run_label(stage.path)}{AT_STEP}{step}" if model == "policy" else model
        group = Group(question, [sample["text"] for sample in samples], reference, level)
        goals: dict[str, list[tuple[dict, str]]] = {}
        for asked, where in _asked(judge, group, samples, verdicts):
            for name, endpoint, shown, sampling in self._ways:
                if (name, shown) == (model, asked.shown):
                    goals.setdefault(request_key(asked, model, endpoint, sampling), []).extend(where)
        for key, entry in self.ledger.find(goals).items():
            for goal, field in goals[key] if entry.text else ():
                goal[field] = entry.text


def _asked(judge: dict, group: Group, samples: list[dict], verdicts: list[dict]) -> Iterator[tuple[Asked, Goals]]:
    """What the judge was asked about a group, each with the dictionaries and fields that its reply belongs into."""
    texts = group.responses
    if judge.get("schedule") == "score":
        for text, one in group.singles().items():
            yield one, [(sample, "said") for sample in samples if sample["text"].strip() == text]
    elif judge.get("schedule") == LISTWISE:
        yield from _rankings(group.lineups(judge.get("calls") or 1), texts, verdicts)
    else:
        for verdict in verdicts:
            a, b = verdict["a"], verdict["b"]
            pair = Pair(group.question, texts[a], texts[b], group.reference, a, b, group.level)
            yield pair, [(verdict, "why")]


def _rankings(lineups: Sequence[Lineup], texts: Sequence[str], verdicts: list[dict]) -> Iterator[tuple[Lineup, Goals]]:
    """Each lineup with the verdicts that were made of it: A stands earlier in it than B, and each pair comes once in each."""
    left = list(verdicts)
    for lineup in lineups:
        place, mine = {text: number for number, text in enumerate(lineup.responses)}, {}
        for verdict in left:
            a, b = verdict["a"], verdict["b"]
            if place[texts[a].strip()] < place[texts[b].strip()]:
                mine.setdefault((a, b), verdict)
        left = [verdict for verdict in left if all(verdict is not one for one in mine.values())]
        yield lineup, [(verdict, "why") for verdict in mine.values()]
