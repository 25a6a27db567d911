"""Replies of an endpoint on disk: the store of calls (store.py), for texts."""

from dataclasses import dataclass, fields

from sp3f_lib.endpoint.store import FAILED, Store

ANSWERED, CUT_OFF, REFUSED = "answered", "cut off", "refused"


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


_TYPES = {int: "INTEGER NOT NULL", float: "REAL NOT NULL", str: "TEXT NOT NULL", float | None: "REAL"}
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS replies (
  id INTEGER PRIMARY KEY, {", ".join(f"{field.name} {_TYPES[field.type]}" for field in fields(Call))},
  CHECK (status IN {(ANSWERED, CUT_OFF, REFUSED, FAILED)})
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS replied ON replies (key) WHERE status != '{FAILED}';
CREATE INDEX IF NOT EXISTS reply_runs ON replies (run);
"""


class Ledger(Store[Call]):
    """Replies at `path`, by the key of their request."""

    row_type, table_name, schema = Call, "replies", _SCHEMA

    def mean_costs(self, model: str, prompt: str) -> tuple[float, float, float] | None:
        """Mean tokens in, tokens out and seconds of a finished reply of `model` to this prompt; None if there is none yet."""
        columns = ("tokens_in", "tokens_out", "seconds")
        return self.means(columns, "model = ? AND prompt = ? AND status = ?", (model, prompt, ANSWERED))

    def other_prompts(self, prompt: str) -> dict[str, int]:
        """How many final replies there are to other versions of a prompt (`name-2` of `name-3`): they are kept, and not used."""
        query = "SELECT prompt, COUNT(*) FROM replies WHERE prompt LIKE ? AND prompt != ? AND status != ? GROUP BY prompt"
        return dict(self._db.execute(query, (f"{prompt.rpartition('-')[0]}-%", prompt, FAILED)).fetchall())
