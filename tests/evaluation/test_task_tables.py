"""Tables of tasks on a small frame, against numbers counted by hand."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from sp3f_lib.evaluation.statistics import clustered_mean
from sp3f_lib.evaluation.task_averages import averages
from sp3f_lib.evaluation.task_report import task_report, task_tables, write_tables
from sp3f_lib.evaluation.task_tables import (
    counted,
    majority_votes,
    off_target,
    pass_at_k,
    pass_table,
    subset_table,
    task_table,
)
from sp3f_lib.evaluation.tasks import load_task

# task, lang, problem, cluster, votes of the samples (gold B), other languages
PROBLEMS = [
    ("t", "de", "1", "p", "BBA-", [None, None, "en", "none"]),
    ("t", "de", "2", "p", "AABB", [None, None, None, None]),
    ("t", "de", "3", "q", "----", ["en", "en", "es", "unknown"]),
    ("t", "en", "1", "p", "BBBB", [None, None, None, None]),
    ("t", "en", "2", "p", "ACDB", [None, None, None, None]),
    ("t", "en", "3", "q", "AAAB", [None, None, None, "de"]),
]


@pytest.fixture
def samples() -> pd.DataFrame:
    rows = []
    for task, lang, problem, cluster, votes, others in PROBLEMS:
        for sample, (vote, other) in enumerate(zip(votes, others, strict=True)):
            row = {"task": task, "lang": lang, "problem": problem, "cluster": cluster, "sample": sample, "greedy": False}
            row |= {"subset": "easy" if problem == "1" else "hard"}
            row |= {"vote": None if vote == "-" else vote, "how": "nothing" if vote == "-" else "letter", "other": other}
            row |= {"accuracy": float(vote == "B"), "authors": 1.0, "fidelity": float(other is None), "two_class": 0.0}
            rows.append(row | {"tokens": 10 * (sample + 1), "finished": sample < 3})
        rows.append(rows[-1] | {"greedy": True, "sample": 0, "accuracy": 1.0, "tokens": 99, "vote": "B"})
    return pd.DataFrame(rows)


def test_the_table_against_numbers_counted_by_hand(samples):
    table = task_table(samples, {"t": 0.25}, {"t": 26}).set_index("lang")
    assert list(table.index) == ["de", "en", "all"]
    assert table.accuracy["de"] == pytest.approx(4 / 12) and table.accuracy["en"] == pytest.approx(6 / 12)
    assert table.accuracy["all"] == pytest.approx(10 / 24) and table.fidelity["de"] == pytest.approx(6 / 12)
    assert table.majority["de"] == pytest.approx((1 + 0.5 + 0) / 3)  # B; a tie of A and B; no vote at all
    assert table.majority["en"] == pytest.approx((1 + 0.25 + 0) / 3)
    assert table.unread["de"] == pytest.approx(5 / 12) and table.ambiguous["de"] == 0
    assert table.tokens["de"] == 25 and table.cut["de"] == 0.25 and table.greedy["de"] == 1
    assert (table.problems == 3).all() and list(table.answers) == [12, 12, 24] and table.chance["all"] == 0.25
    assert list(table.coverage) == ["de: 1 of 26", "en: 1 of 26", "de en: 2 of 26"]
    sampled = samples[~samples.greedy]
    expected = clustered_mean(sampled.accuracy, sampled.cluster)  # two clusters, over both languages
    assert (table.accuracy_low["all"], table.accuracy_high["all"]) == (expected["low"], expected["high"])
    assert expected["problems"] == 2


def test_a_greedy_task_has_its_greedy_answers_in_the_table(samples):
    greedy = samples[samples.greedy].assign(task="g")
    both = pd.concat([samples, greedy])
    assert len(counted(both)) == 24 + 6 and counted(both).groupby("task").greedy.all().to_dict() == {"g": True, "t": False}
    assert task_table(both, {"t": 0.25, "g": 0}, {"t": 26, "g": 2}).set_index(["task", "lang"]).accuracy["g", "all"] == 1


def test_pass_at_k_is_the_share_of_subsets_with_a_right_answer():
    for n in range(1, 7):
        for c in range(n + 1):
            for k in range(1, n + 1):
                subsets = list(combinations([True] * c + [False] * (n - c), k))
                assert pass_at_k(n, c, k) == pytest.approx(np.mean([any(subset) for subset in subsets]))
    for wrong in ((3, 1, 4), (3, 4, 1), (3, 1, 0)):
        with pytest.raises(ValueError, match="k must be 1 to n"):
            pass_at_k(*wrong)


def test_the_table_of_pass_at_k(samples):
    table = pass_table(samples).set_index(["lang", "k"])
    assert sorted(table.loc["de"].index) == [1, 2, 3, 4]
    assert table["mean"]["de", 1] == pytest.approx(4 / 12)
    assert table["mean"]["de", 2] == pytest.approx((5 / 6 + 5 / 6 + 0) / 3)
    assert table["mean"]["de", 4] == pytest.approx(2 / 3) and table["mean"]["all", 4] == pytest.approx(5 / 6)
    assert (table.low <= table["mean"]).all() and (table["mean"] <= table.high).all()
    assert (table.problems == 3).all()


def test_a_majority_of_one_sample_is_its_accuracy(samples):
    one = samples[(samples["sample"] == 0) & ~samples.greedy]
    votes = majority_votes(one).set_index(["lang", "problem"]).majority
    assert votes.to_dict() == one.set_index(["lang", "problem"]).accuracy.to_dict()


def test_the_off_target_matrix_has_rows_that_sum_to_one(samples):
    matrix = off_target(samples, "t")
    assert list(matrix.index) == ["de", "en"] and list(matrix.columns) == ["de", "en", "es", "unknown", "none"]
    assert (matrix.sum(axis=1) == 1).all()
    assert matrix.loc["de"].tolist() == pytest.approx([6 / 12, 3 / 12, 1 / 12, 1 / 12, 1 / 12])
    assert matrix.loc["en", "de"] == pytest.approx(1 / 12)


def test_equal_answers_are_one_ballot_however_they_are_written(samples):
    rows = samples[~samples.greedy & (samples.problem == "1") & (samples.lang == "de")]
    for votes, accuracy, majority in (
        (["0.5", "1/2", "3", "3"], [1.0, 1.0, 0.0, 0.0], 0.5),  # a tie
        (["0.5", "1/2", r"\frac12", "3"], [1.0, 1.0, 1.0, 0.0], 1.0),
        (["7", "0.5", "1/2", "x"], [1.0, 0.0, 0.0, 0.0], 0.0),  # wrong ones too
        ([r"\sqrt{4}", "2", "3", "3.0"], [0.0, 0.0, 1.0, 1.0], 0.5),
        (["x+1", "1+x", "y", None], [1.0, 1.0, 0.0, 0.0], 1.0),
    ):
        found = majority_votes(rows.assign(vote=votes, accuracy=accuracy))
        assert found.majority.tolist() == [majority], votes


def test_parts_of_a_task(samples):
    table = subset_table(samples).set_index(["lang", "subset"])
    assert table.accuracy["de", "easy"] == 2 / 4 and table.accuracy["de", "hard"] == pytest.approx(2 / 8)
    assert table.accuracy["all", "hard"] == pytest.approx(4 / 16) and table.problems["all", "hard"] == 2
    assert subset_table(samples.assign(subset=None)).empty


def test_averages_by_hand(samples):
    other = samples[samples.lang == "de"].assign(task="u", cluster=lambda part: "u" + part.problem)
    table = averages(pd.concat([samples, other])).set_index("average")
    assert table.accuracy["mean of tasks"] == pytest.approx((10 / 24 + 4 / 12) / 2)
    assert table.accuracy["mean of cells"] == pytest.approx((4 / 12 + 6 / 12 + 4 / 12) / 3)
    assert table.over["mean of cells"] == "t in 2, u in 1" and list(table.cells) == [3, 3]
    # One task: its own interval. Two independent ones that are alike: 1 / sqrt(2) of its half widths.
    own = task_table(samples, {"t": 0.25}, {"t": 26}).set_index("lang").loc["all"]
    alone, twice = (averages(found).set_index("average").loc["mean of tasks"] for found in (
        samples, pd.concat([samples, samples.assign(task="u")])
    ))  # fmt: skip
    for end in ("accuracy_low", "accuracy_high"):
        assert alone[end] == pytest.approx(own[end])
        assert abs(twice[end] - twice.accuracy) == pytest.approx(abs(own[end] - own.accuracy) / 2**0.5)


def test_languages_weigh_alike_where_one_has_more_problems(samples):
    twice = samples[samples.lang == "de"].assign(problem=lambda part: part.problem + " zh-tw")
    table = task_table(pd.concat([samples, twice]), {"t": 0.25}, {"t": 26}).set_index("lang")
    assert table.accuracy["all"] == pytest.approx((4 / 12 + 6 / 12) / 2) and table.problems["de"] == 6


def test_the_tables_are_files_with_the_same_numbers(samples, tmp_path):
    tables = task_tables(samples.assign(task="belebele"), [load_task("belebele")])
    write_tables(tables, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "languages_found.csv", "pass_at_k.csv", "subsets.csv", "tasks.csv",
    ]  # fmt: skip
    found = pd.read_csv(tmp_path / "tasks.csv")
    assert found.accuracy.tolist() == pytest.approx(tables["tasks"].accuracy.tolist(), rel=1e-5)
    matrix = pd.read_csv(tmp_path / "languages_found.csv", keep_default_na=False)
    assert matrix.groupby("asked").share.sum().tolist() == pytest.approx([1, 1], abs=1e-5)


def test_what_is_printed(samples):
    tasks = [load_task("belebele"), load_task("mgsm")]
    both = pd.concat([samples.assign(task="belebele"), samples[samples.lang == "de"].assign(task="mgsm")])
    tables = task_tables(both, tasks)
    lines = [line.split() for line in task_report(tables, len(both)).splitlines()]
    table = [line for line in lines if line[:1] in (["belebele"], ["mgsm"]) and "of" in line[-2:-1]]
    assert [line[:3] for line in table] == [
        ["belebele", "de", "33.3"], ["belebele", "en", "50.0"], ["belebele", "all", "41.7"], ["mgsm", "de", "33.3"],
    ]  # fmt: skip
    assert table[2][-6:] == ["24", "de", "en:", "2", "of", "26"] and table[3][-4:] == ["de:", "1", "of", "12"]
    assert [line[8] for line in table] == ["25.0", "25.0", "25.0", "0.0"]  # chance
    assert ["belebele", "en", "50.0", "66.7", "83.3", "100.0"] in lines  # pass@k
    assert ["de", "50.0", "25.0", "8.3", "8.3", "8.3"] in lines  # languages of the answers
