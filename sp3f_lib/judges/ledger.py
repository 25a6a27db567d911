"""The ledger: every reply of a judge on disk, written before it is used, so that nothing is paid for twice.

One SQLite file (WAL: several processes of one machine may share it, and a killed one loses at most the calls in flight), one
row a call. What was answered is final and found again by its key: a verdict, but also a reply without a verdict, a reply that
was cut off, a refusal, all of which were paid for. What failed on the way is recorded too, and asked again next time.

    ledger = Ledger("runs/verdicts.sqlite")
    ledger.spent()                        what it all cost
    ledger.parse_again()                  verdicts from the stored replies, after a change of the parser
    ledger.export("verdicts.parquet")

The key is a hash of all that decides a reply: model, endpoint kind, prompt version and level, question, reference, the
responses in their order (two, one, or a whole group: asks.py), sampling, and the number of the sample. Neither address nor key of
an endpoint is ever in it.

What was asked is kept as that hash only: the texts are in the pairs file or in the run's `samples/`, and would make the file many
times as large.
"""

import hashlib
import json
import os
import secrets
import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from sp3f_lib.judges.asks import read, texts, version
from sp3f_lib.judges.base import Asked, JudgeError
from sp3f_lib.runs import atomic_path

# What a call came to. All but the last are answers: paid for and final.
STATUSES = ("verdict", "unreadable", "cut off", "refused", "failed")
AT_STEP = " at step "  # in the name of a judge that is a policy in training
_AT_ONCE = 500  # keys in one query; SQLite allows 999 variables in old builds


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
class Spent:
    """What calls have cost: answered and failed calls, tokens, USD of those with a known price."""

    calls: int = 0
    failed: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    usd: float = 0.0
    unpriced: int = 0
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
    text = json.dumps([*parts, sampling, asked.sample], ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


class Ledger:
    """Verdicts at `path` (made if it is not there; `:memory:` for none on disk). `JudgeError` if it cannot be used."""

    def __init__(self, path: str | Path):
        self.path = str(path)
        try:
            if self.path != ":memory:":
                Path(path).parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(self.path, timeout=60, isolation_level=None, check_same_thread=False)
            mode = self._db.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            if mode not in ("wal", "memory"):
                raise JudgeError(f"ledger {self.path}: this file system has no WAL; set judge.ledger to a local disk")
            # A killed process loses nothing; a power cut may lose the last commits, never the file.
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.executescript(_SCHEMA)
            self._db.execute("INSERT OR IGNORE INTO facts VALUES ('secret', ?)", (secrets.token_hex(16),))
            (found,) = self._db.execute("SELECT value FROM facts WHERE name = 'secret'").fetchone()
        except (sqlite3.Error, OSError) as error:
            raise JudgeError(
                f"ledger {self.path} cannot be used: {error}; move the file away, or set judge.ledger"
            ) from None
        # One secret for all that share the ledger: the same request has the same text, in every process.
        self.secret = bytes.fromhex(found)

    def find(self, keys: Iterable[str]) -> dict[str, Entry]:
        """The answered calls among `keys`; failures are not answers."""
        keys, found = list(dict.fromkeys(keys)), {}
        for start in range(0, len(keys), _AT_ONCE):
            some = keys[start : start + _AT_ONCE]
            marks = ",".join("?" * len(some))
            query = f"SELECT {','.join(_COLUMNS)} FROM calls WHERE status != 'failed' AND key IN ({marks})"
            try:
                found |= {row[0]: Entry(*row) for row in self._db.execute(query, some)}
            except sqlite3.Error as error:
                raise JudgeError(f"ledger {self.path} cannot be read: {error}") from None
        return found

    def write(self, entry: Entry) -> Entry:
        """Records a call and returns what counts for its key: the entry, or the answer that another process wrote first.

        In that case both were paid for: what the later one cost is kept as a failure.
        """
        row = vars(entry) | {"asked": entry.asked or time.strftime("%Y-%m-%dT%H:%M:%S%z")}
        names = ",".join(_COLUMNS)
        marks = ",".join(f":{name}" for name in _COLUMNS)
        try:
            self._db.execute(f"INSERT INTO calls ({names}) VALUES ({marks})", row)
        except sqlite3.IntegrityError:
            if entry.status == "failed" or entry.key not in (found := self.find([entry.key])):
                raise
            late = {"status": "failed", "preference": None, "reason": "another process had the answer first"}
            self.write(replace(entry, **late))
            return found[entry.key]
        except sqlite3.Error as error:
            raise JudgeError(f"ledger {self.path}: a verdict could not be written: {error}; is the disk full?") from None
        return entry

    def spent(self, run: str | None = None) -> Spent:
        """What the calls of one run (or of all) have cost."""
        where, given = ("WHERE run = ?", (run,)) if run is not None else ("", ())
        row = self._db.execute(
            "SELECT COUNT(*) FILTER (WHERE status != 'failed'), COUNT(*) FILTER (WHERE status = 'failed'), "
            "COALESCE(SUM(tokens_in), 0), COALESCE(SUM(tokens_out), 0), COALESCE(SUM(usd), 0.0), "
            f"COUNT(*) FILTER (WHERE usd IS NULL), COUNT(*) FILTER (WHERE status = 'verdict') FROM calls {where}",
            given,
        ).fetchone()
        return Spent(*row)

    def mean_tokens(self, judge: str, schedule: str = "balanced") -> tuple[float, float] | None:
        """Mean tokens (in, out) of an answered call of `judge` in this kind of schedule, or None if there is none yet.

        Pairs, responses alone and groups are of different length, and counted apart.
        """
        query = "SELECT AVG(tokens_in), AVG(tokens_out) FROM calls WHERE judge = ? AND status != 'failed' AND tokens_in > 0"
        kinds = [f"{kind}-%" for kind in ("score", "listwise")]
        if (kind := f"{schedule}-%") in kinds:
            query, given = f"{query} AND prompt LIKE ?", [kind]
        else:
            query, given = f"{query} AND prompt NOT LIKE ? AND prompt NOT LIKE ?", kinds
        row = self._db.execute(query, (judge, *given)).fetchone()
        return None if row[0] is None else row

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

    def close(self) -> None:
        """Closes the file; what was written is safe without it."""
        self._db.close()


def open_ledger(path: str | Path) -> Ledger:
    """The ledger at `path`, for reading: `JudgeError` if there is none."""
    if not os.path.isfile(path):
        raise JudgeError(f"there is no ledger at {path}")
    return Ledger(path)
