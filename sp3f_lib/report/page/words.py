"""What a judge said of a pair, found again in the ledger: its samples hold the preference only.

The ledger knows a call by a hash of all that was asked (`judges/ledger.py`). Model, level and texts are known here from the
manifest, the rows and the samples; endpoint and sampling are those that the ledger has ever seen.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from sp3f_lib.data.schema import RowError
from sp3f_lib.judges import JudgeError, Pair
from sp3f_lib.judges.ledger import AT_STEP, Ledger, open_ledger, request_key
from sp3f_lib.judges.privilege import privileged_text
from sp3f_lib.judges.recorded import run_label
from sp3f_lib.report.page.folder import Stage

_ASKED = ("api", "local")  # judges that keep a ledger


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

    def add(self, stage: Stage, step: int, question: str, row: dict | None, texts: list[str], verdicts: list[dict]) -> None:
        """Sets `why` of each verdict (places `a` and `b` of `texts`) to the reply that it was read from, where it is found."""
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
        asked = {}
        for number, verdict in enumerate(verdicts):
            a, b = verdict["a"], verdict["b"]
            pair = Pair(question, texts[a], texts[b], reference, a, b, level)
            for name, endpoint, shown, sampling in self._ways:
                if (name, shown) == (model, pair.shown):
                    asked[request_key(pair, model, endpoint, sampling)] = number
        for key, entry in self.ledger.find(asked).items():
            if entry.text:
                verdicts[asked[key]]["why"] = entry.text
