"""Replies of an endpoint on disk, each written before it is used, so that nothing is paid for twice: the judges'
mechanism, for texts.

One SQLite file in WAL mode (several processes of one machine may share it; a killed one loses at most the calls in
flight), one row a call. An answer, a reply that was cut off and a refusal are final and found again by their key; what
failed on the way is recorded and asked again. A key is a hash of all that decides a reply (`request_key`); neither address
nor key of an endpoint is ever in it.
"""

import hashlib
import json
import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from pathlib import Path

from sp3f_lib.runs import StageError

ANSWERED, CUT_OFF, REFUSED, FAILED = "answered", "cut off", "refused", "failed"
_AT_ONCE = 500  # keys in one query; SQLite allows 999 variables in old builds


@dataclass(frozen=True)
class Call:
    """One call: what was asked (hashed in `key`), what came back, what it cost. `usd` is None where the price is unknown.

    `about` tells people what it was: a language, say. `asked` is when the reply was written, local time.
    """

    key: str
    status: str
    text: str
    reason: str
    model: str
    endpoint: str
    prompt: str
    about: str
    sampling: str
    candidate: int
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


_COLUMNS = [field.name for field in fields(Call)]
_TYPES = {int: "INTEGER NOT NULL", float: "REAL NOT NULL", str: "TEXT NOT NULL", float | None: "REAL"}
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS replies (
  id INTEGER PRIMARY KEY, {", ".join(f"{field.name} {_TYPES[field.type]}" for field in fields(Call))},
  CHECK (status IN {(ANSWERED, CUT_OFF, REFUSED, FAILED)})
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS replied ON replies (key) WHERE status != '{FAILED}';
CREATE INDEX IF NOT EXISTS reply_runs ON replies (run);
"""


def request_key(*decides) -> str:
    """What a request is found by: equal exactly if all that decides the reply (JSON-like) is equal."""
    return hashlib.sha256(json.dumps(decides, ensure_ascii=True, sort_keys=True).encode()).hexdigest()


class Ledger:
    """Replies at `path` (made if it is not there). `StageError` if it cannot be used; `setting` names where the path comes from."""

    def __init__(self, path: str | Path, setting: str):
        self.path, self._setting = str(path), setting
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(self.path, timeout=60, isolation_level=None, check_same_thread=False)
            if self._db.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
                raise StageError(f"ledger {self.path}: this file system has no WAL; set {setting} to a local disk")
            # A killed process loses nothing; a power cut may lose the last commits, never the file.
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.executescript(_SCHEMA)
        except (sqlite3.Error, OSError) as error:
            raise StageError(f"ledger {self.path} cannot be used: {error}; move the file away, or set {setting}") from None

    def find(self, keys: Iterable[str]) -> dict[str, Call]:
        """The final replies among `keys`; failures are none."""
        keys, found = list(dict.fromkeys(keys)), {}
        for start in range(0, len(keys), _AT_ONCE):
            some = keys[start : start + _AT_ONCE]
            query = f"SELECT {','.join(_COLUMNS)} FROM replies WHERE status != ? AND key IN ({','.join('?' * len(some))})"
            try:
                found |= {row[0]: Call(*row) for row in self._db.execute(query, [FAILED, *some])}
            except sqlite3.Error as error:
                raise StageError(f"ledger {self.path} cannot be read: {error}") from None
        return found

    def write(self, call: Call) -> Call:
        """Records a call and returns what counts for its key: this one, or the reply that another process wrote first.

        In that case both were paid for: what the later one cost is kept as a failure.
        """
        row = vars(call) | {"asked": call.asked or time.strftime("%Y-%m-%dT%H:%M:%S%z")}
        names, marks = ",".join(_COLUMNS), ",".join(f":{name}" for name in _COLUMNS)
        try:
            self._db.execute(f"INSERT INTO replies ({names}) VALUES ({marks})", row)
        except sqlite3.IntegrityError:
            if call.status == FAILED or call.key not in (found := self.find([call.key])):
                raise
            self.write(replace(call, status=FAILED, reason="another process had the reply first"))
            return found[call.key]
        except sqlite3.Error as error:
            raise StageError(f"ledger {self.path}: a reply could not be written: {error}; is the disk full?") from None
        return Call(**row)

    def spent(self, run: str) -> Spent:
        """What the calls of one run have cost."""
        row = self._db.execute(
            "SELECT COUNT(*) FILTER (WHERE status != ?), COUNT(*) FILTER (WHERE status = ?), COALESCE(SUM(tokens_in), 0), "
            "COALESCE(SUM(tokens_out), 0), COALESCE(SUM(usd), 0.0) FROM replies WHERE run = ?",
            (FAILED, FAILED, run),
        ).fetchone()
        return Spent(*row)

    def means(self, model: str, prompt: str) -> tuple[float, float, float] | None:
        """Mean tokens in, tokens out and seconds of a reply of `model` to this prompt; None if there is none yet."""
        row = self._db.execute(
            "SELECT AVG(tokens_in), AVG(tokens_out), AVG(seconds) FROM replies WHERE model = ? AND prompt = ? AND status = ?",
            (model, prompt, ANSWERED),
        ).fetchone()
        return None if row[0] is None else row

    def other_prompts(self, prompt: str) -> dict[str, int]:
        """How many final replies there are to other versions of a prompt (`name-2` of `name-3`): they are kept, and not used."""
        query = "SELECT prompt, COUNT(*) FROM replies WHERE prompt LIKE ? AND prompt != ? AND status != ? GROUP BY prompt"
        return dict(self._db.execute(query, (f"{prompt.rpartition('-')[0]}-%", prompt, FAILED)).fetchall())

    def close(self) -> None:
        """Closes the file; what was written is safe without it."""
        self._db.close()
