"""Verdicts on claims: by an interval over seeds and Holm's correction, never from few seeds."""

import math

import numpy as np
import pandas as pd
import pytest

from sp3f_lib.report.claims_table import (
    _MARKS,
    CLAIMS,
    FIGURES,
    Claim,
    _seeds_needed,
    markdown,
    read_committed,
    verdicts,
    write_readme,
)

CLAIM = Claim("SP3F", "the judge helps", "cold", "sp3f", "rlvr")


def results(gaps, regime="cold", one="sp3f", other="rlvr", value="accuracy", start=0.2) -> pd.DataFrame:
    rows = []
    for seed, gap in enumerate(gaps):
        rows += [{"regime": regime, "seed": seed, "method": other, value: start}]
        rows += [{"regime": regime, "seed": seed, "method": one, value: start + gap / 100}]
    return pd.DataFrame(rows).assign(table="seeds.csv", command="sp3f seeds")


def verdict(gaps) -> pd.Series:
    return verdicts(results(gaps), (CLAIM,)).iloc[0]


def test_the_four_verdicts():
    assert verdict([10, 11, 12, 9, 10]).verdict == "reproduced"
    assert verdict([-10, -11, -12, -9, -10]).verdict == "contradicted"
    assert verdict([0.1, -0.2, 0.3, -0.1, 0.2]).verdict == "contradicted"  # no effect that matters
    found = verdict([10, -5, 20, -8, 3])
    assert found.verdict == "undecided" and found.seeds_needed > 5
    assert verdict([10, 11, 12, 9]).verdict == "not measured"


def test_where_an_effect_that_matters_is_impossible_none_is_contradicted():
    def near(gaps, start):
        return verdicts(results(gaps, start=start), (CLAIM,)).iloc[0]

    nothing = [0.1, -0.2, 0.3, -0.1, 0.2]
    assert near(nothing, 0.97).verdict == "no room" and near(nothing, 0.94).verdict == "contradicted"
    assert near([1.0, 1.1, 1.2, 0.9, 1.0], 0.98).verdict == "reproduced" and near(nothing, 0.94).start == pytest.approx(94)


def test_a_narrow_interval_is_not_told_to_become_narrower():
    table = verdicts(results([6, 1, 7, 2, 6.5]), (CLAIM, Claim("SP3F", "again", "cold", "sp3f", "rlvr"), CLAIM, CLAIM))
    assert table.verdict[0] == "undecided" and pd.isna(table.seeds_needed[0])
    assert "undecided (p 0." in markdown(table) and "would take" not in markdown(table)


def test_effect_and_interval_by_hand():
    # 9 to 12 points of five seeds: mean 10.4, standard deviation 1.14, t(4) 2.776
    found = verdict([10, 11, 12, 9, 10])
    assert (found["mean"], found.high - found["mean"]) == pytest.approx((10.4, 2.776 * 1.1402 / math.sqrt(5)), abs=1e-3)


def test_holm_corrects_for_all_claims_together():
    weak, strong = [2, 8, 9, 1, 10], [10, 11, 12, 9, 10]
    table = pd.concat([results(weak), results(strong, one="hint", other="sft")])
    alone = verdicts(table, (CLAIM,)).p_holm[0]
    both = verdicts(table, (CLAIM, Claim("SP3F", "hints help", "cold", "hint", "sft")))
    assert alone == pytest.approx(both.p[0]) and both.p_holm[0] == pytest.approx(both.p[0])  # the larger one
    assert both.p_holm[1] == pytest.approx(2 * both.p[1])


def test_equal_differences_have_the_p_of_the_sign_test():
    assert verdict([100] * 10).p == pytest.approx(2 / 2**10) and verdict([100] * 10).verdict == "reproduced"


def test_a_difference_of_differences_is_taken_within_a_seed():
    table = pd.concat([results([20, 21, 24, 20, 21]), results([1, 2, 3, 1, 2], regime="warm")])
    claim = Claim("SP3F", "more in cold", "cold", "sp3f", "rlvr", minus=("warm", "accuracy"))
    found = verdicts(table, (claim,)).iloc[0]
    assert found["mean"] == pytest.approx(19.4) and found.verdict == "reproduced"


def test_models_of_two_tables_are_not_compared():
    """Each table was made on one kind of processor, where equal seeds give other numbers."""
    ours = results([10, 11, 12, 9, 10])
    apart = ours.assign(table=ours.method)
    assert verdicts(apart, (CLAIM,)).verdict[0] == "not measured"
    both = pd.concat([ours, results([50] * 5).assign(table="another")])
    assert verdicts(both, (CLAIM,))["mean"][0] == pytest.approx(10.4)


def test_the_seeds_that_would_tell():
    # Standard deviation 11.6: t * 11.6 / sqrt(n) < 5 from n = 24 on
    row = verdict([10, -5, 20, -8, 3])
    n, spread = _seeds_needed(row), np.std([10, -5, 20, -8, 3], ddof=1)
    assert 1.96 * spread / math.sqrt(n) < 5 < 2.2 * spread / math.sqrt(n - 2)


def test_the_committed_tables_have_what_the_claims_ask_for():
    found = read_committed()
    table = verdicts(found)
    assert len(table) == len(CLAIMS)
    measured = table[table.verdict != "not measured"]
    assert set(measured[measured.paper == "SP3F"].regime) >= {"cold", "warm", "tempted"}
    assert (measured.seeds >= 5).all() and measured.command.str.startswith("sp3f ").all()


def test_the_readmes_table_has_a_line_for_each_claim():
    lines = markdown(verdicts(results([10, -5, 20, -8, 3]), (CLAIM,))).splitlines()
    assert len(lines) == 3 and "undecided (±5 would take" in lines[2] and "+4.0 [" in lines[2]
    few = pd.concat([verdicts(results([10, -5, 20, -8, 3]), (CLAIM,)), verdicts(results([1, 2]), (CLAIM,))])
    assert markdown(few).splitlines() == [*lines, "", "Not measured yet, for that takes 5 seeds: 1 of SP3F."]


def test_the_readme_says_what_the_committed_tables_say():
    """After new seeds: python -m sp3f_lib.report.claims_table."""
    readme = (FIGURES.parent / "README.md").read_text(encoding="utf-8")
    assert markdown(verdicts(read_committed())) in readme


def test_the_table_is_written_between_its_marks(tmp_path):
    (readme := tmp_path / "README.md").write_text(f"before\n{_MARKS[0]}\nold\n{_MARKS[1]}\nafter\n")
    table = verdicts(results([10, 11, 12, 9, 10]), (CLAIM,))
    for _ in range(2):
        write_readme(table, readme)
    said = readme.read_text()
    assert said.startswith("before\n<!--") and said.endswith("-->\nafter\n")
    assert said.count(markdown(table)) == 1 and "\nold\n" not in said
