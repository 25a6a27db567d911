"""What is said over several seeds, against numbers worked out by hand."""

import math

import pandas as pd
import pytest
from scipy import stats

from sp3f_lib.evaluation.score import table
from sp3f_lib.evaluation.seeds import (
    differences,
    each_seed,
    estimate,
    mean_and_half_width,
    over_seeds,
    read_results,
    report,
    seed_table,
)
from sp3f_lib.evaluation.statistics import over_seeds_and_problems


def results(**by_method) -> pd.DataFrame:
    """A `seed_table` of one regime from the accuracies of each method, seed by seed."""
    rows = [
        {"regime": "warm", "method": method, "seed": seed, "accuracy": accuracy, "fidelity": 1.0, "both": accuracy}
        | {"greedy": accuracy, "steps": 2.0 + seed, "fidelity others": float("nan"), "problems": 60, "answers": 480}
        for method, values in by_method.items()
        for seed, accuracy in enumerate(values)
    ]
    return pd.DataFrame(rows)


THREE = results(base=[0.9, 0.8, 0.7], sft=[0.50, 0.70, 0.30], rlvr=[0.52, 0.74, 0.36], sp3f=[0.53, 0.73, 0.40])


# ---- over seeds


def test_the_mean_over_seeds_has_a_t_interval():
    means = over_seeds(THREE, ["accuracy"]).set_index("method")
    # mean 50, standard deviation 20, t(2) = 4.303: 4.303 * 20 / sqrt(3) = 49.7
    assert means.accuracy["sft"] == "50.0 ± 49.7"
    assert list(means.seeds) == [3, 3, 3, 3]
    assert each_seed(THREE).set_index("method").loc["sft", ["seed 0", "seed 1", "seed 2"]].tolist() == [50, 70, 30]


def test_steps_and_tokens_are_no_percentages_and_what_no_regime_has_is_left_out():
    means = over_seeds(THREE.assign(tokens=60.0), ["steps", "tokens", "fidelity others", "accuracy en"])
    assert (means.steps[0], means.tokens[0]) == ("3.0 ± 2.5", "60.0 ± 0.0")
    assert "fidelity others" not in means and "accuracy en" not in means


def test_what_a_method_lacks_is_a_dash():
    part = THREE.assign(greedy=THREE.greedy.where(THREE.method != "sft"))
    assert over_seeds(part, ["greedy"]).set_index("method").greedy["sft"] == "-"


def test_one_seed_says_nothing_of_another():
    assert mean_and_half_width(THREE.accuracy.to_numpy()[:1]) == (0.9, float("inf"))
    assert over_seeds(THREE[THREE.seed == 0], ["accuracy"]).accuracy.iloc[0] == "90.0"


def test_a_wider_confidence_makes_a_wider_interval():
    values = THREE.accuracy.to_numpy()
    assert mean_and_half_width(values, 0.99)[1] > mean_and_half_width(values, 0.9)[1]
    assert mean_and_half_width(values)[0] == pytest.approx(values.mean())


# ---- differences within a seed


def test_methods_are_compared_within_a_seed():
    first, second = differences(THREE).to_dict("records")
    # 2, 4 and 6 points: mean 4, standard deviation 2, 4.3027 * 2 / sqrt(3) = 4.9683; t = 4 sqrt(3) / 2 = 3.4641.
    assert first == {
        "regime": "warm",
        "one": "rlvr",
        "other": "sft",
        "value": "accuracy",
        "mean": pytest.approx(4),
        "low": pytest.approx(-0.9683, abs=1e-4),
        "high": pytest.approx(8.9683, abs=1e-4),
        "p": pytest.approx(2 * stats.t.sf(3.4641016, 2)),
        "p_sign": pytest.approx(2 / 2**3),
        # (t(2) at 97.5 % and at 80 %) times the standard error.
        "detectable": pytest.approx((4.302653 + 1.060660) * 2 / math.sqrt(3), abs=1e-4),
        "seeds": 3,
        "by_seed": "+2.0 +4.0 +6.0",
    }
    assert (second["one"], second["other"], second["by_seed"]) == ("sp3f", "rlvr", "+1.0 -1.0 +4.0")
    assert second["p_sign"] == 1.0  # two of three


def test_the_other_way_round_the_difference_changes_its_sign():
    (there,), (back,) = (differences(THREE, pairs=[pair]).to_dict("records") for pair in (("sp3f", "sft"), ("sft", "sp3f")))
    assert (back["mean"], back["low"], back["high"]) == pytest.approx((-there["mean"], -there["high"], -there["low"]))
    assert (back["p"], back["p_sign"]) == pytest.approx((there["p"], there["p_sign"]))


def test_only_seeds_that_have_both_methods_count():
    part = THREE[~((THREE.method == "sft") & (THREE.seed == 1))]
    (row,) = differences(part, pairs=[("rlvr", "sft")]).to_dict("records")
    assert (row["seeds"], row["by_seed"]) == (2, "+2.0 +6.0")


def test_of_one_seed_there_is_no_interval():
    row = differences(THREE[THREE.seed == 1]).iloc[0]
    assert (row["mean"], row.seeds, row.p_sign) == (pytest.approx(4), 1, 1.0)
    assert all(math.isnan(row[name]) for name in ("low", "high", "p", "detectable"))


def test_equal_differences_have_no_p_of_t():
    row = differences(results(sft=[0.25, 0.5, 0.75], rlvr=[0.5, 0.75, 1.0])).iloc[0]
    assert math.isnan(row.p) and row.p_sign == 0.25


def test_each_regime_has_its_own_lines_and_a_pair_that_it_lacks_is_left_out():
    cold = results(sft=[0.1, 0.2], rlvr=[0.2, 0.3], judge_unprivileged=[0.2, 0.4], sp3f=[0.5, 0.5]).assign(regime="cold")
    found = differences(pd.concat([cold, THREE]))
    assert list(zip(found.regime, found.one, found.other, strict=True)) == [
        ("cold", "rlvr", "sft"),
        ("cold", "sp3f", "rlvr"),
        ("cold", "sp3f", "judge_unprivileged"),
        ("warm", "rlvr", "sft"),
        ("warm", "sp3f", "rlvr"),
    ]


def test_without_any_pair_there_is_an_empty_table(tmp_path):
    found = differences(results(base=[0.1, 0.2]))
    assert len(found) == 0 and list(found) == list(differences(THREE))


# ---- from scored answers to tables


def answers(accuracy, lang="sw", fidelity=1.0, greedy=False, problem="p1", steps=2) -> list[dict]:
    common = {"problem": problem, "lang": lang, "fidelity": fidelity, "greedy": greedy, "steps": steps, "tokens": 10 * steps}
    return [common | {"accuracy": float(a)} for a in accuracy]


@pytest.fixture
def evaluations(tmp_path):
    """Two evaluations as they are on the disk."""
    sft = [*answers([1, 0, 0, 0]), *answers([1, 1], "en", problem="p2", steps=4), *answers([1], greedy=True)]
    sft += answers([1, 1], fidelity=0.0, problem="p3", steps=0)
    found = {}
    for (method, seed), rows in {("sft", 0): sft, ("sp3f", 0): answers([1, 1])}.items():
        path = tmp_path / f"{method}-{seed}"
        path.mkdir()
        pd.DataFrame(rows).to_parquet(path / "samples.parquet")
        found["cold", seed, method] = path
    return found


def test_a_seed_is_a_line_of_shares_of_the_sampled_answers(evaluations):
    lines = seed_table(read_results(evaluations)).set_index("method")
    assert lines.loc["sft"].to_dict() == {
        "regime": "cold",
        "seed": 0,
        "accuracy": pytest.approx(5 / 8),
        "fidelity": pytest.approx(6 / 8),
        "both": pytest.approx(3 / 8),
        "greedy": 1.0,
        "steps": pytest.approx((4 * 2 + 2 * 4) / 8),
        "tokens": pytest.approx(10 * (4 * 2 + 2 * 4) / 8),
        "problems": 3,
        "answers": 8,
        "accuracy en": 1.0,
        "fidelity en": 1.0,
        "accuracy others": pytest.approx(3 / 6),
        "fidelity others": pytest.approx(4 / 6),
    }
    assert math.isnan(lines.greedy["sp3f"]) and math.isnan(lines["accuracy en"]["sp3f"])


def test_the_report_shows_means_seeds_and_differences():
    text = report(THREE)
    assert "50.0 ± 49.7" in text and "0.0742" in text  # p of t(2) = 3.4641
    assert any(line.split() == ["warm", "sft", "50.0", "70.0", "30.0"] for line in text.splitlines())


def test_the_report_fits_into_a_window_with_ten_seeds_and_every_column():
    ten = results(
        **{name: [0.1 * k for k in range(10)] for name in ("sft", "rlvr_without_fidelity", "judge_unprivileged", "sp3f")}
    )
    shares = {f"{metric} {which}": ten.accuracy for metric in ("accuracy", "fidelity") for which in ("en", "others")}
    lines = report(ten.assign(tokens=123.4, **shares)).splitlines()
    assert max(map(len, lines)) <= 120
    assert not any("nan" in line.lower() for line in lines)


def test_of_one_seed_the_report_has_neither_intervals_nor_seeds():
    text = report(THREE[THREE.seed == 1])
    assert "±" not in text and "Accuracy of each seed" not in text and "nan" not in text.lower() and "p_sign" not in text
    assert any(line.split() == ["warm", "rlvr", "sft", "4.0"] for line in text.splitlines())


# ---- one interval for all tables


def scored(*shares: float) -> pd.DataFrame:
    """Four answers to each problem, so many of them right, at one seed."""
    rows = [
        {"method": "m", "seed": 0, "problem": f"p{k}", "greedy": False, "accuracy": float(n < 4 * share), "fidelity": 1.0}
        for k, share in enumerate(shares)
        for n in range(4)
    ]
    return pd.DataFrame(rows)


def test_of_one_seed_the_interval_is_that_of_the_evaluation():
    answers = scored(0.25, 0.5, 0.75, 1, 0, 0.5)
    row = table(answers).iloc[0]
    found = estimate(answers, "accuracy")
    assert [found[name] for name in ("mean", "low", "high")] == [row["mean"], row.low, row.high]
    assert (found["by_seed"], found["problems"], found["shared"]) == ({0: 0.5}, 6, True)


def test_of_two_seeds_it_is_over_seeds_and_problems():
    one = scored(0.25, 0.5, 0.75)
    both = pd.concat([one, scored(1, 1, 0.75).assign(seed=1)])
    found = estimate(both, "accuracy")
    expected = over_seeds_and_problems([[0.25, 0.5, 0.75], [1, 1, 0.75]])
    assert {name: found[name] for name in expected} == expected and found["by_seed"] == {0: 0.5, 1: pytest.approx(11 / 12)}
