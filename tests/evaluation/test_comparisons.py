"""Differences between models: by hand, against statsmodels and scipy, and by how often they find what they should."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from sp3f_lib.evaluation.comparisons import COLUMNS, compare
from sp3f_lib.evaluation.statistics import clustered_difference, clustered_test, detectable, paired_difference
from sp3f_lib.evaluation.task_report import comparison_report


def simulated(
    problems: int = 60, langs: tuple = ("de", "en", "sw"), gains=(0.3, 0.0, 0.02), samples: int = 4
) -> pd.DataFrame:
    """Answers of two models `a` and `b`; a is better by `gains`; a problem is as hard in every language; two share a text."""
    rng, rows = np.random.default_rng(3), []
    ease = rng.beta(2, 3, problems)
    for lang, gain in zip(langs, gains, strict=True):
        for method in "ab":
            right = rng.random((problems, samples)) < (ease + gain * (method == "a"))[:, None]
            for problem in range(problems):
                about = {
                    "task": "t",
                    "lang": lang,
                    "problem": str(problem),
                    "cluster": f"text {problem // 2}",
                    "method": method,
                }
                rows += [about | {"greedy": False, "accuracy": float(hit), "fidelity": 1.0} for hit in right[problem]]
                rows.append(about | {"greedy": True, "accuracy": 0.0, "fidelity": 0.0})
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return compare(simulated(), "a", ["b"])


def gaps_of(samples: pd.DataFrame) -> pd.DataFrame:
    means = (
        samples[~samples.greedy]
        .groupby(["method", "lang", "problem"])
        .agg(right=("accuracy", "mean"), text=("cluster", "first"))
    )
    return pd.DataFrame({"gap": means.right["a"] - means.right["b"], "text": means.text["a"]}).reset_index()


def test_it_is_the_cluster_robust_regression_of_statsmodels(table):
    import statsmodels.formula.api as smf

    gaps = gaps_of(simulated())
    for lang in ("de", "en", "sw", "all"):
        part = gaps if lang == "all" else gaps[gaps.lang == lang]
        codes = part.text.astype("category").cat.codes
        fitted = smf.ols("gap ~ 1", part).fit(cov_type="cluster", cov_kwds={"groups": codes}, use_t=True)
        found = clustered_test(part.gap, part.text)
        assert found["se"] == pytest.approx(float(fitted.bse["Intercept"])) and found["p"] == pytest.approx(
            float(fitted.pvalues["Intercept"])
        )
        line = table[(table.lang == lang) & (table.value == "accuracy")].iloc[0]
        assert line["mean"] == pytest.approx(100 * float(fitted.params["Intercept"])) and line.p == pytest.approx(found["p"])
        assert line.problems == 30
        half = stats.t.ppf(0.975, 29) * found["se"]
        assert (line.low, line.high) == pytest.approx((line["mean"] - 100 * half, line["mean"] + 100 * half), abs=20 * half)


def test_holm_is_that_of_statsmodels_over_the_languages_of_a_task(table):
    from statsmodels.stats.multitest import multipletests

    lines = table[(table.value == "accuracy") & (table.lang != "all")]
    assert lines.p_holm.tolist() == pytest.approx(multipletests(lines.p, method="holm")[1].tolist())
    assert (lines.p_holm >= lines.p).all() and (lines.p_holm > lines.p).any()
    everything = table[(table.value == "accuracy") & (table.lang == "all")].iloc[0]
    assert everything.p_holm == everything.p
    assert tuple(table.columns) == COLUMNS and len(table) == 4 * 2


def test_the_interval_is_scipys_bootstrap_where_each_problem_is_a_cluster():
    rng = np.random.default_rng(0)
    gaps = rng.choice([-1.0, 0.0, 0.25, 1.0], 80)
    expected = stats.bootstrap((gaps,), np.mean, n_resamples=10_000, method="percentile", rng=np.random.default_rng(0))
    found = clustered_difference(gaps, range(80))
    assert (found["low"], found["high"]) == pytest.approx(tuple(expected.confidence_interval))
    paired = paired_difference(pd.Series(gaps), pd.Series(np.zeros(80)))
    assert paired == {"difference": found["mean"], "low": found["low"], "high": found["high"], "problems": 80}


def test_clusters_of_different_size_are_drawn_whole():
    gaps, clusters = [1.0, 1.0, 1.0, 0.0, -1.0], ["a", "a", "a", "b", "c"]
    found = clustered_difference(gaps, clusters)
    # All 27 draws of three clusters have the same chance: the ends are the extreme draws, of which each has 1/27 = 3.7 %.
    assert (found["mean"], found["low"], found["high"]) == (pytest.approx(0.4), -1.0, 1.0)
    assert found["problems"] == 3


def test_seeds_widen_the_interval_and_are_drawn_for_all_problems_together():
    rng = np.random.default_rng(1)
    problems, seeds = np.tile(np.arange(50), 4), np.repeat(np.arange(4), 50)
    noise = rng.normal(0, 0.1, 200)
    shifted = clustered_difference(0.2 + np.array([-0.3, -0.1, 0.1, 0.3])[seeds] + noise, problems, seeds)
    alike = clustered_difference(0.2 + noise, problems, seeds)
    assert shifted["mean"] == pytest.approx(alike["mean"]) and (shifted["seeds"], shifted["problems"]) == (4, 50)
    assert shifted["high"] - shifted["low"] > 3 * (alike["high"] - alike["low"])
    assert shifted["se"] > 3 * alike["se"] and shifted["detectable"] > 3 * alike["detectable"]


def test_four_of_five_runs_find_a_difference_as_large_as_the_detectable_one():
    rng, found, runs = np.random.default_rng(5), 0, 600
    error = np.sqrt(0.5**2 / 8 + 0.2**2) / np.sqrt(40)  # of 40 clusters with 8 gaps each, which share a part
    truth = detectable(error, 39)
    for _ in range(runs):
        gaps = truth + rng.normal(0, 0.2, 40).repeat(8) + rng.normal(0, 0.5, 320)
        found += clustered_test(gaps, np.arange(40).repeat(8))["p"] < 0.05
    assert 0.75 < found / runs < 0.85


@pytest.mark.parametrize("gap, p", [(0.0, 1.0), (1.0, 2 / 2**20)])
def test_equal_gaps_claim_no_certainty(gap, p):
    found = clustered_difference([gap] * 20, range(20))
    assert found["low"] < found["high"] and found["p"] == pytest.approx(p) and found["detectable"] > 0.1
    assert -1 <= found["low"] <= gap <= found["high"] <= 1


def test_equal_clusters_of_unequal_gaps_claim_no_certainty_either():
    found = clustered_difference([1.0, 0.0] * 8, np.arange(8).repeat(2))
    assert found["mean"] == 0.5 and found["low"] < 0.5 < found["high"] and found["p"] == pytest.approx(2 / 2**8)


def test_what_is_printed_says_what_could_have_been_found(table):
    lines = [line.split() for line in comparison_report(table).splitlines()[3:]]
    by_lang = {line[1]: line for line in lines if "accuracy" in line}
    assert "*" in " ".join(by_lang["de"]) and "±" not in " ".join(by_lang["de"])
    assert "*" not in " ".join(by_lang["en"]) and "±" in " ".join(by_lang["en"])


def test_models_without_a_common_problem_are_not_compared():
    samples = simulated(problems=4)
    samples = samples[(samples.method == "a") | (samples.problem == "9")]
    with pytest.raises(ValueError, match="t, de: a and b have no problem in common"):
        compare(samples, "a", ["b"])
