"""Calls on disk, each written before its reply is used, so that nothing is paid for twice: what both ledgers share.

One SQLite file in WAL mode (several processes of one machine may share it; a killed one loses at most the calls in flight), one
row a call. An answer of whatever kind is final and found again by its key; what failed on the way is recorded, and asked again
next time. The key is a hash of all that decides a reply; neither address nor key of an endpoint is ever in it.

A ledger is a subclass that names its row, its table and its columns: `endpoint/ledger.py` for texts, `judges/ledger.py` for
verdicts. Files of earlier versions stay on people's disks, so a schema may gain tables and indexes, never other columns.
"""

import hashlib
import json
import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

from tenacity import retry, retry_if_exception_message, stop_after_delay, wait_random

from sp3f_lib.runs import StageError

FAILED = "failed"  # the one status that is no answer
_PATIENCE = 60.0  # seconds to wait for another process
_AT_ONCE = 500  # keys in one query; SQLite allows 999 variables in old builds


@dataclass(frozen=True)
class Spent:
    """What calls have cost: answered and failed calls, tokens, USD of those with a known price, and the number without one."""

    calls: int = 0
    failed: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    usd: float = 0.0
    unpriced: int = 0


def request_key(*decides) -> str:
    """What a request is found by: equal exactly if all that decides the reply (JSON-like) is equal."""
    return hashlib.sha256(json.dumps(decides, ensure_ascii=True, sort_keys=True).encode()).hexdigest()


@retry(
    retry=retry_if_exception_message(match="database is locked"),
    wait=wait_random(0.005, 0.05),
    stop=stop_after_delay(_PATIENCE),
    reraise=True,
)
def _to_wal(db: sqlite3.Connection) -> str:
    """The mode that a file is in then. SQLite does not wait for others here, whatever the timeout: two may begin a file at once."""
    return db.execute("PRAGMA journal_mode = WAL").fetchone()[0]


Row = TypeVar("Row")


class Store(Generic[Row]):
    """Calls at `path` (made if it is not there). `error` if it cannot be used; `setting` names where the path comes from.

    `row_type` is a dataclass whose fields are the columns: `key` first, and among the others `status`, `reason`, `tokens_in`,
    `tokens_out`, `usd`, `run` and `asked` (when it was written, local time; filled in here).
    """

    row_type: ClassVar[type]
    table_name: ClassVar[str]
    schema: ClassVar[str]
    noun: ClassVar[str] = "reply"
    error: ClassVar[type[StageError]] = StageError

    def __init__(self, path: str | Path, setting: str):
        self.path, self._setting = str(path), setting
        self._columns = [field.name for field in fields(self.row_type)]
        try:
            if self.path != ":memory:":
                Path(path).parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(self.path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
            if _to_wal(self._db) not in ("wal", "memory"):
                raise self.error(f"ledger {self.path}: this file system has no WAL; set {setting} to a local disk")
            # A killed process loses nothing; a power cut may lose the last commits, never the file.
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.executescript(self.schema)
            self._prepare()
        except (sqlite3.Error, OSError) as error:
            raise self.error(f"ledger {self.path} cannot be used: {error}; move the file away, or set {setting}") from None

    def _prepare(self) -> None:
        """What a ledger does once its tables are there."""

    def find(self, keys: Iterable[str]) -> dict[str, Row]:
        """The answered calls among `keys`; failures are no answers."""
        keys, found = list(dict.fromkeys(keys)), {}
        for start in range(0, len(keys), _AT_ONCE):
            some = keys[start : start + _AT_ONCE]
            query = (
                f"SELECT {','.join(self._columns)} FROM {self.table_name} "
                f"WHERE status != '{FAILED}' AND key IN ({','.join('?' * len(some))})"
            )
            try:
                found |= {row[0]: self.row_type(*row) for row in self._db.execute(query, some)}
            except sqlite3.Error as error:
                raise self.error(f"ledger {self.path} cannot be read: {error}") from None
        return found

    def write(self, row: Row) -> Row:
        """Records a call and returns what counts for its key: this one, or the answer that another process wrote first.

        In that case both were paid for: what the later one cost is kept as a failure.
        """
        row = replace(row, asked=row.asked or time.strftime("%Y-%m-%dT%H:%M:%S%z"))
        names, marks = ",".join(self._columns), ",".join(f":{name}" for name in self._columns)
        try:
            self._db.execute(f"INSERT INTO {self.table_name} ({names}) VALUES ({marks})", vars(row))
        except sqlite3.IntegrityError:
            if row.status == FAILED or row.key not in (found := self.find([row.key])):
                raise
            self.write(self._late(row))
            return found[row.key]
        except sqlite3.Error as error:
            raise self.error(f"ledger {self.path}: a {self.noun} could not be written: {error}; is the disk full?") from None
        return row

    def _late(self, row: Row) -> Row:
        """A call whose answer another process had first."""
        return replace(row, status=FAILED, reason=f"another process had the {self.noun} first")

    def spent(self, run: str | None = None) -> Spent:
        """What the calls of one run (or of all) have cost."""
        where, given = ("WHERE run = ?", (run,)) if run is not None else ("", ())
        row = self._db.execute(
            f"SELECT COUNT(*) FILTER (WHERE status != '{FAILED}'), COUNT(*) FILTER (WHERE status = '{FAILED}'), "
            "COALESCE(SUM(tokens_in), 0), COALESCE(SUM(tokens_out), 0), COALESCE(SUM(usd), 0.0), "
            f"COUNT(*) FILTER (WHERE usd IS NULL) FROM {self.table_name} {where}",
            given,
        ).fetchone()
        return Spent(*row)

    def means(self, columns: Iterable[str], where: str, given: Iterable) -> tuple[float, ...] | None:
        """The mean of each column over the answered calls that `where` holds of; None if there is none."""
        means = ",".join(f"AVG({name})" for name in columns)
        row = self._db.execute(
            f"SELECT {means} FROM {self.table_name} WHERE status != '{FAILED}' AND {where}", tuple(given)
        ).fetchone()
        return None if row[0] is None else row

    def close(self) -> None:
        """Closes the file; what was written is safe without it."""
        self._db.close()
