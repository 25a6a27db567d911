"""The ledger: every reply of a judge on disk, in the store of calls that endpoint/store.py describes.

What was answered is final: a verdict, but also a reply without a verdict, a reply that was cut off, a refusal, all of which were
paid for.

    ledger = Ledger("runs/verdicts.sqlite")
    ledger.spent()                        what it all cost
    ledger.parse_again()                  verdicts from the stored replies, after a change of the parser
    ledger.export("verdicts.parquet")

The key is a hash of all that decides a reply: model, endpoint kind, prompt version and level, question, reference, the
responses in their order (two, one, or a whole group: asks.py, face.py), sampling, and the number of the sample.

What was asked is kept as that hash only: the texts are in the pairs file or in the run's `samples/`, and would make the file many
times as large.
"""

import os
import secrets
from dataclasses import dataclass, fields, replace
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from sp3f_lib.endpoint import store
from sp3f_lib.endpoint.store import FAILED, Store
from sp3f_lib.judges.base import Asked, JudgeError
from sp3f_lib.judges.face import KINDS, read, texts, version
from sp3f_lib.runs import atomic_path

# What a call came to. All but the last are answers: paid for and final.
STATUSES = ("verdict", "unreadable", "cut off", "refused", FAILED)
AT_STEP = " at step "  # in the name of a judge that is a policy in training


@dataclass(frozen=True)
class Entry:
    """One call: what was asked (hashed in `key`), what came back, what it cost. `usd` is None where the price is unknown.

    `preference` is that of slot A, a tenth of a score from 0 to 10, or None (no verdict, or a ranking, which `text` holds).
    `graded` is the preference from log-probabilities, where the server gave them. `seconds` are those of the last attempt.
    """

    key: str
    status: str
    preference: float | None
    reason: str
    text: str
    judge: str
    endpoint: str
    prompt: str
    level: str
    sampling: str
    sample: int
    graded: float | None = None
    tokens_in: int = 0
    tokens_out: int = 0
    usd: float | None = 0.0
    seconds: float = 0.0
    attempt: int = 1
    run: str = ""
    asked: str = ""


@dataclass(frozen=True)
class Spent(store.Spent):
    """What calls have cost, and how many of them gave a verdict."""

    verdicts: int = 0


_COLUMNS = [field.name for field in fields(Entry)]
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS calls (
  id INTEGER PRIMARY KEY, key TEXT NOT NULL, status TEXT NOT NULL CHECK (status IN {STATUSES}),
  preference REAL CHECK (preference BETWEEN 0 AND 1), reason TEXT NOT NULL, text TEXT NOT NULL, judge TEXT NOT NULL,
  endpoint TEXT NOT NULL, prompt TEXT NOT NULL, level TEXT NOT NULL, sampling TEXT NOT NULL, sample INTEGER NOT NULL,
  graded REAL, tokens_in INTEGER NOT NULL, tokens_out INTEGER NOT NULL, usd REAL, seconds REAL NOT NULL,
  attempt INTEGER NOT NULL, run TEXT NOT NULL, asked TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS answered ON calls (key) WHERE status != 'failed';
CREATE INDEX IF NOT EXISTS runs ON calls (run);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
"""


def request_key(asked: Asked, judge: str, endpoint: str, sampling: str) -> str:
    """What a request is found by: equal exactly if everything that decides the reply is equal."""
    parts = (judge, endpoint, version(asked), asked.shown, asked.question, asked.reference, *texts(asked))
    return store.request_key(*parts, sampling, asked.sample)


class Ledger(Store[Entry]):
    """Verdicts at `path` (made if it is not there; `:memory:` for none on disk). `JudgeError` if it cannot be used."""

    row_type, table_name, schema, noun, error = Entry, "calls", _SCHEMA, "verdict", JudgeError

    def __init__(self, path: str | Path):
        super().__init__(path, "judge.ledger")

    def _prepare(self) -> None:
        # One secret for all that share the ledger: the same request has the same text, in every process.
        self._db.execute("INSERT OR IGNORE INTO facts VALUES ('secret', ?)", (secrets.token_hex(16),))
        (found,) = self._db.execute("SELECT value FROM facts WHERE name = 'secret'").fetchone()
        self.secret = bytes.fromhex(found)

    def _late(self, row: Entry) -> Entry:
        return replace(super()._late(row), preference=None)

    def spent(self, run: str | None = None) -> Spent:
        """What the calls of one run (or of all) have cost."""
        where, given = ("AND run = ?", (run,)) if run is not None else ("", ())
        (verdicts,) = self._db.execute(f"SELECT COUNT(*) FROM calls WHERE status = 'verdict' {where}", given).fetchone()
        return Spent(**vars(super().spent(run)), verdicts=verdicts)

    def mean_tokens(self, judge: str, schedule: str = "balanced") -> tuple[float, float] | None:
        """Mean tokens (in, out) of an answered call of `judge` in this kind of schedule, or None if there is none yet.

        Pairs, responses alone, groups, and what evaluations ask (face.py) are of different length, and counted apart.
        """
        kinds = [f"{kind}-%" for kind in ("score", "listwise", *KINDS)]
        where, given = "judge = ? AND tokens_in > 0" + " AND prompt NOT LIKE ?" * len(kinds), kinds
        if (kind := f"{schedule}-%") in kinds:
            where, given = "judge = ? AND tokens_in > 0 AND prompt LIKE ?", [kind]
        return self.means(("tokens_in", "tokens_out"), where, (judge, *given))

    def table(self):
        """A pandas table, a row for each run and judge: calls, verdicts, failures, tokens, USD.

        A policy that judges itself is one judge, whatever the step.
        """
        judge = f"iif(instr(judge, '{AT_STEP}'), substr(judge, 1, instr(judge, '{AT_STEP}') - 1), judge)"
        query = (
            f"SELECT run, {judge} AS judge, prompt, level, COUNT(*) AS calls, SUM(status = 'verdict') AS verdicts, "
            "SUM(status = 'failed') AS failed, SUM(tokens_in) AS tokens_in, SUM(tokens_out) AS tokens_out, "
            "ROUND(SUM(usd), 4) AS usd, MAX(asked) AS last FROM calls GROUP BY 1, 2, 3, 4 ORDER BY last"
        )
        return pd.read_sql_query(query, self._db)

    def parse_again(self) -> int:
        """Reads every stored reply once more with the parser as it is now; returns how many verdicts changed."""
        changed = []
        query = "SELECT id, prompt, text, status, preference, graded FROM calls WHERE status IN ('verdict', 'unreadable')"
        for number, prompt, text, *before, graded in self._db.execute(query):
            found = {"preference": None, "reason": ""} | read(prompt, text)
            if graded is not None and found["preference"] in (0.0, 1.0) and (graded >= 0.5) == (found["preference"] == 1.0):
                found["preference"] = graded
            if [found["status"], found["preference"]] != before:
                changed.append((found["status"], found["preference"], found["reason"], number))
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany("UPDATE calls SET status = ?, preference = ?, reason = ? WHERE id = ?", changed)
        return len(changed)

    def export(self, path: str | Path) -> int:
        """Writes all calls as parquet (replies, no texts of prompts, not the secret); returns their number. In constant memory."""
        integers, numbers = {"sample", "tokens_in", "tokens_out", "attempt"}, {"preference", "graded", "usd", "seconds"}
        kinds = {
            name: pa.int64() if name in integers else pa.float64() if name in numbers else pa.string() for name in _COLUMNS
        }
        schema, count = pa.schema(kinds), 0
        cursor = self._db.execute(f"SELECT {','.join(_COLUMNS)} FROM calls ORDER BY id")
        with atomic_path(Path(path)) as temporary, pq.ParquetWriter(temporary, schema) as writer:
            while rows := cursor.fetchmany(10_000):
                columns = dict(zip(_COLUMNS, zip(*rows, strict=True), strict=True))
                writer.write_table(pa.table({name: pa.array(columns[name], kinds[name]) for name in _COLUMNS}, schema))
                count += len(rows)
        return count


def open_ledger(path: str | Path) -> Ledger:
    """The ledger at `path`, for reading: `JudgeError` if there is none."""
    if not os.path.isfile(path):
        raise JudgeError(f"there is no ledger at {path}")
    return Ledger(path)
