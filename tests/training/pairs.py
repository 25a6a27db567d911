"""Preference pairs, made by hand."""


def message(role: str, content: str) -> list[dict]:
    """A chat of one message."""
    return [{"role": role, "content": content}]


def make_pair(number: int, chosen: str, rejected: str) -> dict:
    """Two answers to "<number> + 3?"."""
    sides = {"chosen": message("assistant", chosen), "rejected": message("assistant", rejected)}
    return {"id": f"p{number}", "lang": "en", "prompt": message("user", f"{number} + 3?")} | sides


def sums(count: int) -> list[dict]:
    """Right sums over wrong ones, which are longer."""
    return [make_pair(n, f"{n} + 3 = {n + 3}.", f"{n} + 3 = {n + 4}. So it is {n + 4}.") for n in range(count)]
