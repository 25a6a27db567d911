"""A provider's batch interface, at half the price: requests as a file, replies from a file, in any order.

    sp3f translate ... --batch-out requests.jsonl        writes what is not in the ledger; upload it, and fetch the result
    sp3f translate ... --batch-in results.jsonl          reads the replies into the ledger, and writes rows if all are there
    sp3f translate ... --batch-in results.jsonl --batch-out more.jsonl        and what goes back (the second tries) as a new file

Lines are OpenAI's: `custom_id` is the ledger's key, so that nothing depends on the order. Endpoints without batches are
asked as usual.
"""

import json
from pathlib import Path

from sp3f_lib.data.schema import RowError, read_json_lines
from sp3f_lib.endpoint.client import BadBody
from sp3f_lib.endpoint.ledger import Ledger
from sp3f_lib.endpoint.transport import read_completion
from sp3f_lib.judges.spend import price_of
from sp3f_lib.profiles.translate_section import Translate
from sp3f_lib.runs import StageError, write_text
from sp3f_lib.translation.endpoint import EndpointTranslator, Seen, received
from sp3f_lib.translation.requests import ENDPOINT, Request, body

DISCOUNT = 0.5


class Waiting(StageError):
    """Requests are in a file, and their replies are somewhere else."""


class BatchTranslator:
    """Takes replies from `inbox`, writes what is missing to `outbox`; without one, the endpoint is asked for it."""

    def __init__(self, settings: Translate, ledger: Ledger, run: str, outbox: Path | None, inbox: Path | None):
        self.settings, self.ledger, self.run, self.outbox = settings, ledger, run, outbox
        self._replies = _read(inbox) if inbox else {}
        self._used = 0

    def ask(self, requests: list[Request], seen: Seen) -> None:
        """Hands every request's reply to `seen`, if all are there."""
        known = self.ledger.find(request.key for request in requests)
        for request in requests:
            if request.key not in known and request.key in self._replies:
                self._keep(request, self._replies[request.key])
        known = self.ledger.find(request.key for request in requests)
        missing = [request for request in requests if request.key not in known]
        if self._used:
            print(f"translate: {self._used} of the batch's {len(self._replies)} replies are new to the ledger", flush=True)
            self._used = 0
        if missing and self.outbox is None:
            EndpointTranslator(self.settings, self.ledger, self.run).ask(requests, seen)
            return
        if not missing:
            for request in requests:
                seen(request, known[request.key])
            return
        write_text(self.outbox, "".join(json.dumps(self._line(request)) + "\n" for request in missing))
        raise Waiting(
            f"{len(missing)} requests are in {self.outbox}: send it to the provider's batch interface ({ENDPOINT}), and run the "
            "same command with --batch-in and the file of results"
        )

    def _line(self, request: Request) -> dict:
        return {"custom_id": request.key, "method": "POST", "url": f"/v1/{ENDPOINT}", "body": body(request, self.settings)}

    def _keep(self, request: Request, content: bytes) -> None:
        """Writes one reply of the batch to the ledger; one that is broken is asked for again."""
        try:
            reply = read_completion(content, 0.0, 1)
        except BadBody:
            return
        price = price_of(self.settings)
        usd = DISCOUNT * price.usd(reply.tokens_in, reply.tokens_out, reply.cached) if price else None
        self.ledger.write(received(request, self.settings, self.run, reply, usd))
        self._used += 1


def _read(path: Path) -> dict[str, bytes]:
    """custom_id -> the body of its reply; lines whose request failed are left out, and said."""
    if not path.is_file():
        raise RowError(f"{path}: there is no such file")
    found, failed = {}, 0
    for line in read_json_lines(path):
        response = line.get("response") or {}
        if line.get("error") or response.get("status_code") != 200 or "custom_id" not in line:
            failed += 1
            continue
        found[line["custom_id"]] = json.dumps(response.get("body")).encode()
    if failed:
        print(f"translate: {failed} lines of {path} hold no reply (failed or expired): they are asked for again", flush=True)
    return found
