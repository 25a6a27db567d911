"""How a share, a difference and an interval are put into words."""

from collections.abc import Iterable, Mapping

from sp3f_lib.languages import LANGUAGES

ONE_SEED = "one seed, which says nothing about another"


class Answer(list):
    """Sentences, one a line; a notebook shows them as text."""

    def __repr__(self) -> str:
        return "\n".join(self)

    def _repr_markdown_(self) -> str:
        return "\n".join(f"- {sentence}" for sentence in self)


def share(found: Mapping) -> str:
    """`mean`, `low` and `high`, in [0, 1], in percent; NaN is a share of nothing.

    >>> share({"mean": 0.5, "low": 0.4, "high": 0.61}), share({"mean": float("nan")})
    ('50.0 % [40.0, 61.0]', 'an unknown share')
    """
    if found["mean"] != found["mean"]:
        return "an unknown share"
    return f"{100 * found['mean']:.1f} % [{100 * found['low']:.1f}, {100 * found['high']:.1f}]"


def points(found: Mapping, unit: str = " points") -> str:
    """`mean`, `low` and `high` of a difference, in percentage points.

    >>> points({"mean": -3.4, "low": -7.0, "high": 0.1}), points({"mean": -0.04, "low": -7.0, "high": 0.1}, "")
    ('-3.4 points [-7.0, +0.1]', '+0.0 [-7.0, +0.1]')
    """
    mean, low, high = (round(found[end], 1) + 0.0 for end in ("mean", "low", "high"))  # -0.0 + 0.0 is 0.0
    return f"{mean:+.1f}{unit} [{low:+.1f}, {high:+.1f}]"


def change(found: Mapping, above: str = "a rise", below: str = "a fall") -> str:
    """A line of `comparisons.compare`: whether it is told from 0 after Holm's correction, and else what could have been.

    >>> line = {"mean": -3.4, "low": -7.0, "high": 0.1, "p_holm": 0.06, "detectable": 5.0}
    >>> change(line), change(line | {"p_holm": 0.01})
    ('-3.4 points [-7.0, +0.1] (not told from 0: less than ±5.0 would be missed)', '-3.4 points [-7.0, +0.1] (a fall)')
    """
    if found["p_holm"] < 0.05:
        return f"{points(found)} ({above if found['mean'] > 0 else below})"
    return f"{points(found)} (not told from 0: {missed(found['detectable'])})"


def missed(detectable: float) -> str:
    """What "no difference" does not exclude.

    >>> missed(8.1), missed(140.0)
    ('less than ±8.1 would be missed', 'so few problems would miss anything')
    """
    return f"less than ±{detectable:.1f} would be missed" if detectable < 100 else "so few problems would miss anything"


def against(found: Mapping, zero: float, above: str, below: str) -> str:
    """On which side of `zero` an interval lies.

    >>> against({"low": 0.4, "high": 0.6}, 0.5, "better", "worse"), against({"low": 0.51, "high": 0.6}, 0.5, "better", "worse")
    ('the interval holds 50 %', 'better')
    """
    if found["low"] > zero:
        return above
    if found["high"] < zero:
        return below
    return f"the interval holds {f'{100 * zero:.0f} %' if zero else 0}"


def spread(shares: Iterable[float]) -> str:
    """From the least to the most of several shares.

    >>> spread([0.96, 1.0]), spread([0.0, 0.0])
    ('96 to 100 %', '0 %')
    """
    least, most = (f"{100 * end(shares):.0f}" for end in (min, max))
    return f"{most} %" if least == most else f"{least} to {most} %"


def languages(codes: Iterable[str]) -> str:
    """Up to three languages by name, more by their number and codes.

    >>> languages(["sw"]), languages(["en", "sw", "zh", "ar"])
    ('Swahili', '4 languages (en sw zh ar)')
    """
    codes = list(codes)
    if len(codes) > 3:
        return f"{len(codes)} languages ({' '.join(codes)})"
    return " and ".join(LANGUAGES[code].name for code in codes)
