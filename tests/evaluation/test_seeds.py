"""What is said over several seeds, against numbers worked out by hand."""

import pandas as pd
import pytest

from sp3f_lib.evaluation.seeds import differences_over_seeds, mean_and_half_width, over_seeds

RESULTS = pd.DataFrame(
    [
        {
            "seed": seed,
            "regime": "warm",
            "method": method,
            "accuracy": accuracy,
            "fidelity": 1.0,
            "greedy": accuracy,
            "reasons": 1.0,
        }
        for seed, row in enumerate([(0.9, 0.50, 0.52), (0.8, 0.70, 0.74), (0.7, 0.30, 0.36)])
        for method, accuracy in zip(("base", "sft", "sp3f"), row, strict=True)
    ]
)


def test_the_mean_over_seeds_has_a_t_interval():
    table = over_seeds(RESULTS).set_index("method")
    # mean 50, standard deviation 20, t(2) = 4.303: 4.303 * 20 / sqrt(3) = 49.7
    assert table.accuracy["sft"] == "50.0 ± 49.7"
    assert table["accuracy by seed"]["sft"] == "50.0 70.0 30.0"
    assert list(table.seeds) == [3, 3, 3]


def test_methods_are_compared_within_a_seed():
    (row,) = differences_over_seeds(RESULTS).to_dict("records")
    # 2, 4 and 6 points: mean 4, standard deviation 2: 4.303 * 2 / sqrt(3) = 5.0
    assert row == {"regime": "warm", "difference": "sp3f - sft", "accuracy": "+4.0 ± 5.0", "by seed": "+2.0 +4.0 +6.0"}


def test_one_seed_says_nothing_of_another():
    assert mean_and_half_width(RESULTS.accuracy.to_numpy()[:1]) == (0.9, float("inf"))
    assert over_seeds(RESULTS[RESULTS.seed == 0]).accuracy.iloc[0] == "90.0 ± inf"


def test_a_wider_confidence_makes_a_wider_interval():
    values = RESULTS.accuracy.to_numpy()
    assert mean_and_half_width(values, 0.99)[1] > mean_and_half_width(values, 0.9)[1]
    assert mean_and_half_width(values)[0] == pytest.approx(values.mean())
