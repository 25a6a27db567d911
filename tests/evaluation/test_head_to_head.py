"""Win rates, wins, ties and losses by hand, and turned round; the length-controlled rate by the package itself."""

import hashlib
import os

import numpy as np
import pandas as pd
import pytest

from sp3f_lib.evaluation.head_to_head import head_to_head, outcomes, report
from sp3f_lib.evaluation.length_controlled import GAMED, PYTHON, length_controlled

NAN = float("nan")
# (first order, second order), both for the first model: a win, a loss, a flip, a tie in one order, no verdict in one order.
BY_HAND = {"1": (1.0, 0.8), "2": (0.0, 0.0), "3": (1.0, 0.0), "4": (0.5, 1.0), "5": (1.0, NAN)}


def verdicts(by_hand=BY_HAND, lang="de"):
    return pd.DataFrame(
        [
            {"lang": lang, "id": id, "order": order, "preference": p}
            for id, both in by_hand.items()
            for order, p in zip(("first", "second"), both, strict=True)
        ]
    )


def lengths(langs=("de",)):
    return pd.DataFrame([{"lang": lang, "id": id, "one": 10, "other": 30} for lang in langs for id in BY_HAND])


def test_outcomes_by_hand():
    found = outcomes(verdicts()).set_index("id")
    assert found["outcome"].tolist()[:4] == ["win", "loss", "tie", "tie"] and pd.isna(found["outcome"]["5"])
    assert found["flipped"].astype(bool).tolist() == [False, False, True, False, False]
    assert found["preference"].tolist()[:4] == pytest.approx([0.9, 0.0, 0.5, 0.75]) and np.isnan(found["preference"]["5"])
    assert found["slot_a"]["3"] == 1.0  # the judge chose what stood first in both orders


def test_the_order_of_the_problems_stays():
    assert outcomes(verdicts({"2": (1.0, 1.0), "10": (0.0, 0.0), "1": (1.0, 0.0)}))["id"].tolist() == ["2", "10", "1"]


def test_the_table_by_hand():
    both = pd.concat([outcomes(verdicts()), outcomes(verdicts(dict.fromkeys(BY_HAND, (1.0, 1.0)), "fr"))])
    german, french, everything = head_to_head(both, lengths(("de", "fr"))).to_dict("records")
    assert (german["problems"], german["missing"]) == (4, 1)
    assert german["win_rate"] == pytest.approx((0.9 + 0.0 + 0.5 + 0.75) / 4)
    assert (german["win"], german["tie"], german["loss"], german["flips"]) == (0.25, 0.5, 0.25, 0.25)
    assert german["low"] < german["win_rate"] < german["high"]
    # Five wins of five: p = 2 / 2^5; Holm doubles the smaller of two.
    assert french["p"] == pytest.approx(1 / 16) and french["p_holm"] == pytest.approx(1 / 8)
    assert (everything["problems"], everything["characters_other"]) == (5, 30)
    assert everything["win_rate"] == pytest.approx((2.15 + 5) / 9)
    said = report(pd.DataFrame([german, french, everything]), "sft", "base", "m", ["a note"])
    assert "sft against base, judged by m" in said and "53.8 [" in said and said.endswith("a note")


def test_turned_round_wins_are_losses():
    one = head_to_head(outcomes(verdicts()), lengths()).iloc[0]
    turned = {id: (1 - second, 1 - first) for id, (first, second) in BY_HAND.items()}
    other = head_to_head(outcomes(verdicts(turned)), lengths()).iloc[0]
    assert one["win_rate"] == pytest.approx(1 - other["win_rate"]) and one["low"] == pytest.approx(1 - other["high"])
    assert (one["win"], one["tie"], one["flips"]) == (other["loss"], other["tie"], other["flips"])


def test_a_language_without_any_verdict_has_no_win_rate():
    row = head_to_head(outcomes(verdicts({"1": (NAN, NAN)})), lengths()).iloc[0]
    assert row["problems"] == 0 and row["missing"] == 1 and np.isnan(row["win_rate"])


def annotations():
    """Of 805 instructions, in a shuffled order, a few without a verdict."""
    rng = np.random.default_rng(0)
    order = rng.permutation(805)
    ours, theirs = rng.integers(50, 2000, 805), rng.integers(50, 2000, 805)
    p = 1 / (1 + np.exp(-((ours - theirs) / 800 + rng.normal(-1, 1, 805))))
    preferences = [None if k % 100 == 3 else float(p[k]) for k in order]
    return [str(k + 1) for k in order], preferences, ["x" * ours[k] for k in order], ["y" * theirs[k] for k in order]


def test_where_it_cannot_be_computed_there_is_a_reason_and_no_number(tmp_path, monkeypatch):
    ids, preferences, ours, theirs = annotations()
    for name in (PYTHON, GAMED):
        monkeypatch.delenv(name, raising=False)
    some = length_controlled(ids[:20], preferences[:20], ours[:20], theirs[:20], python="any")
    assert some.percent is None and "805 instructions" in some.reason
    (tmp_path / "df_gamed.csv").write_text("another file")
    other = length_controlled(ids, preferences, ours, theirs, python="any", gamed=str(tmp_path / "df_gamed.csv"))
    assert other.percent is None and "is not AlpacaEval's df_gamed.csv" in other.reason
    broken = length_controlled(ids, preferences, ours, theirs, python=str(tmp_path / "no python"))
    assert broken.percent is None and PYTHON in broken.reason


def test_the_package_computes_it_in_a_process_of_its_own(tmp_path):
    """With a made-up df_gamed.csv, which tests how the package is called and nothing else."""
    if not os.environ.get(PYTHON):
        pytest.skip(f"{PYTHON} names no interpreter with alpaca_eval==0.6.6")
    rng, rows = np.random.default_rng(1), []
    difficulty = rng.normal(0, 1, 805)
    for model, sign in (("concise", -1), ("verbose", 1)):
        for k in range(805):
            rows.append(
                {
                    "model": model, "index": k, "preference": float(np.clip(0.5 + 0.2 * sign + rng.normal(0, 0.1), 0, 1)),
                    "std_delta_len": -sign * abs(rng.normal(1, 0.3)), "instruction_difficulty": difficulty[k],
                    "not_gamed_baseline": False,
                }
            )  # fmt: skip
    path = tmp_path / "df_gamed.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    ids, preferences, ours, theirs = annotations()
    found = length_controlled(ids, preferences, ours, theirs, gamed=str(path), gamed_sha256=digest)
    given = [p for p in preferences if p is not None]
    assert found.win_rate == pytest.approx(100 * sum(given) / len(given), abs=1e-6), found.reason
    # Longer answers were preferred, and ours were as long as theirs on average: the order of the rows does not matter.
    turned = [column[::-1] for column in (ids, preferences, ours, theirs)]
    again = length_controlled(*turned, gamed=str(path), gamed_sha256=digest)
    assert again.percent == pytest.approx(found.percent, abs=1e-6) and 0 < found.percent < 100 and found.error > 0
