"""Which preference pairs fit into the model, and are pairs at all."""

from sp3f_lib.runs import StageError


def fitting_pairs(pairs: list[dict], tokenizer, max_length: int | None, label: str) -> list[dict]:
    """The pairs whose prompt and longer response have at most `max_length` tokens (None: all), without their other columns.

    `StageError` names the first pair without two different, non-empty responses; it is also raised if no pair is left.
    """
    if not pairs:
        raise StageError(f"{label}: there are no pairs to train on; look at the stage that makes them")
    kept = []
    for number, pair in enumerate(pairs):
        place = f"{label}: pair {number}" + (f" (id {pair['id']})" if "id" in pair else "")
        if missing := {"prompt", "chosen", "rejected"} - pair.keys():
            raise StageError(f"{place} has no {', '.join(sorted(missing))}; it has {', '.join(pair)}")
        if not _are_messages(pair["prompt"]):
            raise StageError(
                f"{place}: 'prompt' must be a list of messages with role and content, not {_start(pair['prompt'])}"
            )
        for side in ("chosen", "rejected"):
            if not _ends_with_an_answer(pair[side]):
                raise StageError(
                    f"{place}: {side!r} must be a list of messages whose last one is the assistant's and not empty, not "
                    f"{_start(pair[side])}; leave such pairs out where they are made"
                )
        chosen, rejected = (
            tokenizer.apply_chat_template(pair["prompt"] + pair[side], return_dict=True)["input_ids"]
            for side in ("chosen", "rejected")
        )
        if chosen == rejected:
            raise StageError(f"{place}: 'chosen' and 'rejected' are the same text; leave such pairs out where they are made")
        if max_length is None or max(len(chosen), len(rejected)) <= max_length:
            kept.append({column: pair[column] for column in ("prompt", "chosen", "rejected")})
    if not kept:
        raise StageError(
            f"{label}: none of {len(pairs)} pairs fits into {max_length} tokens; raise preference.max_length, or make shorter ones"
        )
    return kept


def _are_messages(messages) -> bool:
    """Whether this is a chat with at least one message, each with a role and a text."""
    whole = isinstance(messages, list) and all(isinstance(message, dict) for message in messages)
    return whole and bool(messages) and all(isinstance(m.get(key), str) for m in messages for key in ("role", "content"))


def _ends_with_an_answer(messages) -> bool:
    return _are_messages(messages) and messages[-1]["role"] == "assistant" and bool(messages[-1]["content"].strip())


def _start(value) -> str:
    return repr(str(value)[:80])
