"""What the three papers claim, one line each, and what the lab says of it: `figures/claims.csv` and the README's table.

    table = verdicts(read_committed())        the lines, with an effect over seeds, a verdict and the command that makes the numbers
    print(markdown(table))                    python -m sp3f_lib.report.claims_table writes it into the README

An effect is a difference between two models within a seed, in percentage points, with Student's 95 % interval over seeds. The
verdict is "reproduced" or "contradicted" where the effect, after Holm's correction for all claims together, is not chance; or where
the whole interval lies below the smallest effect that matters: then there is none to speak of, and a claim of one is contradicted.
"no room" where so large an effect is impossible, because the other model is nearly at 100 % already. Otherwise "undecided",
with the number of seeds that would make the interval as narrow.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from sp3f_lib.evaluation.seeds import mean_and_half_width
from sp3f_lib.evaluation.statistics import sign_test
from sp3f_lib.runs import write_text

SMALLEST = 5.0  # percentage points that matter
LEAST_SEEDS = 5
FIGURES = Path(__file__).parents[2] / "figures"
_PREFERENCE = "".join(
    f" --arm {name}"
    for name in ("start", "icr_1", "icr_2", "icr_m_1", "icr_t_1", "lidr_1", "lidr_2", "lidr_sft", "lidr_content_1")
)
# The committed tables, a line per regime, method and seed, and the commands that make them.
TABLES = {
    "seeds/seeds.csv": "sp3f seeds --seeds cold=0-9 --seeds warm=0-9 --seeds tempted=0-9 --out figures/seeds",
    "ablations/cells.csv": "sp3f ablations --seeds 0-4 --out figures/ablations",
    "preference_seeds/seeds.csv": f"sp3f seeds --seeds common=0-4{_PREFERENCE} --out figures/preference_seeds",
}
_MARKS = ("<!-- claims: python -m sp3f_lib.report.claims_table -->", "<!-- end of claims -->")
REPRODUCED, CONTRADICTED, UNDECIDED, UNMEASURED = "reproduced", "contradicted", "undecided", "not measured"
NO_ROOM = "no room"


@dataclass(frozen=True)
class Claim:
    """That `one` is above `other` in `value` (a column of the tables) and `regime`.

    `minus` is another place of the same difference: (regime, value); then the claim is that it is larger here than there.
    """

    paper: str
    said: str
    regime: str
    one: str
    other: str
    value: str = "accuracy"
    minus: tuple[str, str] | None = None


CLAIMS = (
    Claim("SP3F", "RL with verifiable rewards improves on SFT", "warm", "rlvr", "sft"),
    Claim("SP3F", "RL with verifiable rewards improves on SFT", "tempted", "rlvr", "sft"),
    Claim("SP3F", "RL with verifiable rewards improves on SFT", "cold", "rlvr", "sft"),
    Claim("SP3F", "the privileged judge improves on verifiable rewards", "cold", "sp3f", "rlvr"),
    Claim("SP3F", "the privileged judge improves on verifiable rewards", "warm", "sp3f", "rlvr"),
    Claim("SP3F", "the privileged judge improves on verifiable rewards", "tempted", "sp3f", "rlvr"),
    Claim("SP3F", "a judge that sees the reference teaches more than one that does not", "cold", "sp3f", "judge_unprivileged"),
    Claim(
        "SP3F", "the privileged judge pays most where no answer is right (cold against warm)", "cold", "sp3f", "rlvr",
        minus=("warm", "accuracy"),
    ),
    Claim("SP3F", "language fidelity rises together with accuracy (against SFT)", "tempted", "sp3f", "sft", "fidelity"),
    Claim("SP3F", "the language term keeps answers in the language", "tempted", "rlvr", "rlvr_without_fidelity", "fidelity"),
    Claim(
        "SP3F", "gains are larger in weaker languages than in English", "warm", "sp3f", "sft", "accuracy others",
        minus=("warm", "accuracy en"),
    ),
    Claim("ICR", "the implicit reward improves the other languages", "common", "icr_1", "start", "accuracy others"),
    Claim("ICR", "a second iteration improves further", "common", "icr_2", "icr_1", "accuracy others"),
    Claim("ICR", "conditioning on English beats the own language (R_c > R_m)", "common", "icr_1", "icr_m_1", "accuracy others"),
    Claim("ICR", "the own language beats translation (R_m > R_t)", "common", "icr_m_1", "icr_t_1", "accuracy others"),
    Claim("LIDR", "other languages improve", "common", "lidr_1", "start", "accuracy others"),
    Claim("LIDR", "the dominant language improves too", "common", "lidr_1", "start", "accuracy en"),
    Claim("LIDR", "a second iteration improves further", "common", "lidr_2", "lidr_1", "accuracy others"),
    Claim("LIDR", "answers keep to the language more often", "common", "lidr_1", "start", "fidelity others"),
    Claim("LIDR", "preferences beat SFT on the same translations", "common", "lidr_1", "lidr_sft", "accuracy others"),
    Claim(
        "LIDR", "pairs teach more than the language (content pairs alone)", "common", "lidr_content_1", "start", "accuracy others"
    ),
)  # fmt: skip


def read_committed(folder: Path = FIGURES) -> pd.DataFrame:
    """The lines of all committed tables, with columns `table` (file and processor) and `command`: models are compared within one
    `table` alone, for on another kind of processor equal seeds make no pairs."""
    parts = [
        pd.read_csv(folder / name).assign(table=lambda lines, name=name: f"{name}, " + lines.processor, command=command)
        for name, command in TABLES.items()
        if (folder / name).is_file()
    ]
    return pd.concat(parts, ignore_index=True)


def verdicts(results: pd.DataFrame, claims: tuple[Claim, ...] = CLAIMS) -> pd.DataFrame:
    """A line per claim, in their order.

    Columns: paper, claim, regime, one, other, value, start (mean of `other`, percent; of a difference of differences none), mean,
    low, high (points), seeds, p, p_sign, p_holm (over all claims that were measured), verdict, seeds_needed (of undecided ones
    whose interval is wider: for a half width of `SMALLEST`), command.
    """
    from statsmodels.stats.multitest import multipletests

    rows = [_row(results, claim) for claim in claims]
    measured = [row for row in rows if row["verdict"] != UNMEASURED]
    if measured:
        _, corrected, *_ = multipletests([row["p"] for row in measured], method="holm")
        for row, p in zip(measured, corrected, strict=True):
            row["p_holm"] = float(p)
            row["verdict"] = _verdict(row)
            if row["verdict"] == UNDECIDED and row["high"] - row["mean"] > SMALLEST:
                row["seeds_needed"] = _seeds_needed(row)
    return pd.DataFrame(rows)


def markdown(table: pd.DataFrame) -> str:
    """The README's table, and a sentence on the claims that were not measured."""
    lines = ["| paper | claim | regime | from, % | effect, points [95 %] | seeds | verdict |", f"|{' --- |' * 7}"]
    for row in table[table.verdict != UNMEASURED].itertuples():
        effect = f"{row.mean:+.1f} [{row.low:+.1f}, {row.high:+.1f}]"
        more = f" (±{SMALLEST:.0f} would take {row.seeds_needed:.0f} seeds)" if row.seeds_needed == row.seeds_needed else ""
        more = more or (f" (p {row.p_holm:.2f} after Holm)" if row.verdict == UNDECIDED else "")
        what = "" if row.value == "accuracy" else f", {row.value}"
        start = f"{row.start:.0f}" if row.start == row.start else ""
        lines.append(
            f"| {row.paper} | {row.claim} | {row.regime}{what} | {start} | {effect} | {row.seeds} | {row.verdict}{more} |"
        )
    left = table[table.verdict == UNMEASURED].groupby("paper", sort=False).size()
    if len(left):
        named = " and ".join(f"{count} of {paper}" for paper, count in left.items())
        lines += ["", f"Not measured yet, for that takes {LEAST_SEEDS} seeds: {named}."]
    return "\n".join(lines)


def write_readme(table: pd.DataFrame, readme: Path = FIGURES.parent / "README.md") -> None:
    """Puts the table between its two marks."""
    before, _, rest = readme.read_text(encoding="utf-8").partition(_MARKS[0])
    _, _, after = rest.partition(_MARKS[1])
    write_text(readme, f"{before}{_MARKS[0]}\n{markdown(table)}\n{_MARKS[1]}{after}")


def _row(results: pd.DataFrame, claim: Claim) -> dict:
    found = _pairs(results, claim, claim.regime, claim.value)
    gaps, start = found.one - found.other, 100.0 if found.empty else found.other.mean()
    if claim.minus:
        other = _pairs(results, claim, *claim.minus)
        gaps, start = gaps - (other.one - other.other), math.nan
    gaps = gaps.dropna().to_numpy()
    row = {"paper": claim.paper, "claim": claim.said, "regime": claim.regime, "one": claim.one, "other": claim.other}
    row |= {"value": claim.value, "start": start, "mean": math.nan, "low": math.nan, "high": math.nan, "seeds": len(gaps)}
    row |= {"p": math.nan, "p_sign": math.nan, "p_holm": math.nan, "verdict": UNMEASURED, "seeds_needed": math.nan}
    row["command"] = _command(results, claim)
    if len(gaps) < LEAST_SEEDS:
        return row
    mean, half = mean_and_half_width(gaps)
    row |= {"mean": mean, "low": mean - half, "high": mean + half, "p_sign": sign_test(gaps), "verdict": UNDECIDED}
    return row | {"p": _p(gaps)}


def _pairs(results: pd.DataFrame, claim: Claim, regime: str, value: str) -> pd.DataFrame:
    """Both models in percent (columns one, other) by seed, from the first table that has them."""
    for _, table in results[results.regime == regime].groupby("table", sort=False):
        part = table.pivot(index="seed", columns="method", values=value)
        if claim.one in part and claim.other in part:
            return 100 * pd.DataFrame({"one": part[claim.one], "other": part[claim.other]})
    return pd.DataFrame({"one": [], "other": []}, dtype=float)


def _command(results: pd.DataFrame, claim: Claim) -> str:
    """What makes the numbers; empty where there are none."""
    for _, table in results[results.regime == claim.regime].groupby("table", sort=False):
        if {claim.one, claim.other} <= set(table.method):
            return table.command.iloc[0]
    return ""


def _p(gaps: np.ndarray) -> float:
    """Student's p; of seeds that all differ by the same, which have no spread, that of the sign test."""
    from scipy import stats

    return float(stats.ttest_1samp(gaps, 0).pvalue) if np.ptp(gaps) > 0 else sign_test(gaps)


def _verdict(row: dict) -> str:
    if row["p_holm"] < 0.05 and row["mean"] > 0:
        return REPRODUCED
    if 100 - row["start"] < SMALLEST:
        return NO_ROOM
    if (row["p_holm"] < 0.05 and row["mean"] < 0) or row["high"] < SMALLEST:
        return CONTRADICTED
    return UNDECIDED


def _seeds_needed(row: dict) -> int:
    """Seeds at which an interval with this spread would be `SMALLEST` to either side."""
    from scipy import stats

    spread = (row["high"] - row["mean"]) / stats.t.ppf(0.975, row["seeds"] - 1) * math.sqrt(row["seeds"])
    n = row["seeds"]
    while stats.t.ppf(0.975, n - 1) * spread / math.sqrt(n) > SMALLEST:
        n += 1
    return n


if __name__ == "__main__":
    write_readme(verdicts(read_committed()))
