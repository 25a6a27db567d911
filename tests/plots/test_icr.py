"""The figures of ICR and LIDR show what their tables hold, to the number, and are drawn from nothing else."""

import pandas as pd
import pytest

from sp3f_lib.audits.icr import ALL, DECIDED, EQUAL
from sp3f_lib.audits.lidr import EVERY, OWN, TRANSLATED
from sp3f_lib.plots import icr, lidr
from sp3f_lib.plots.theme import METHOD_COLOURS, METHOD_NAMES, PUBLISHED, save_figure


def drawn(axis):
    """{legend label: values} of the error bars of an axis."""
    return {bar.get_label(): list(bar.lines[0].get_ydata()) for bar in axis.containers}


def ends(bar):
    return [tuple(segment[:, 1]) for segment in bar.lines[2][0].get_segments()]


def labels(axis):
    return [label.get_text() for label in axis.get_xticklabels()]


def accuracy(truths=("good",)):
    lines = [
        (reward, truth, lang, mean, mean - 0.1, mean + 0.05, n, 12)
        for truth in truths
        for reward, lang, mean, n in [
            *[("R_c", "en", 0.8, 40), ("R_c", "de", 0.7, 1040), ("R_c", ALL, 0.75, 1080)],
            *[("R_t", "en", float("nan"), 0), ("R_t", "de", 0.4, 30), ("R_t", ALL, 0.4, 30)],
        ]
    ]
    return pd.DataFrame(lines, columns=["reward", "truth", "lang", "mean", "low", "high", "n", "problems"])


def test_reward_accuracy_beside_the_published_figure():
    published = pd.read_csv(PUBLISHED / "icr_figure3.csv")
    ours, theirs = icr.plot_reward_accuracy(accuracy(), published).axes
    names = {reward: icr.REWARDS[reward][0] for reward in icr.REWARDS}
    assert drawn(ours) == {names["R_c"]: pytest.approx([80, 70, 75]), names["R_t"]: pytest.approx([40, 40])}
    assert ends(ours.containers[0]) == [pytest.approx(pair) for pair in ((70, 85), (60, 75), (65, 80))]
    assert labels(ours) == ["English\n(en)\n12\n40", "German\n(de)\n12\n30–1,040", "all\nlanguages\n12\n30–1,080"]
    assert drawn(theirs)[names["R_m"]] == published[published.reward == "R_m"].lc.tolist()
    assert len(drawn(theirs)) == 4


def test_reward_accuracy_has_a_panel_for_each_truth():
    titles = [axis.get_title() for axis in icr.plot_reward_accuracy(accuracy(("correct", "faithful", "good"))).axes]
    assert [name in title for name, title in zip(icr.TRUTH_NAMES.values(), titles, strict=True)] == [True] * 3


def test_the_alpha_curve_marks_the_penalty_taken():
    lines = [(lang, a, gap, a == 0.02) for lang in ("en", "de") for a, gap in ((0.0, 30.0), (0.02, 1.0), (0.5, -40.0))]
    table = pd.DataFrame(lines, columns=["lang", "alpha", "gap", "fitted"])
    table = table.assign(reward="R_c", low=table.gap - 5, high=table.gap + 5, problems=50)
    (axis,) = icr.plot_alpha_curve(table).axes
    curves = {line.get_label(): line for line in axis.lines if not line.get_label().startswith("_")}
    assert list(curves) == [f"{name}, n = 50, penalty 0.020" for name in ("English", "German")]
    assert all(list(line.get_ydata()) == [30, 1, -40] for line in curves.values())
    dots = [line for line in axis.lines if line.get_marker() == "o"]
    assert [(list(dot.get_xdata()), list(dot.get_ydata())) for dot in dots] == [([0.02], [1])] * 2


def results(methods):
    lines = [
        (method, group, metric, (k + 1) / 10 + shift, (k + 1) / 10 + shift - 0.05, (k + 1) / 10 + shift + 0.05)
        for k, method in enumerate(methods)
        for group, shift in ((icr.ENGLISH, 0.2), (icr.OTHER, 0.0))
        for metric in ("accuracy", "fidelity")
    ]
    table = pd.DataFrame(lines, columns=["method", "group", "metric", "mean", "low", "high"])
    return table.assign(answers=[40, 40, 160, 160] * len(methods), problems=10)


def test_results_over_iterations_beside_the_published_ones():
    published = icr.published_results(pd.read_csv(PUBLISHED / "icr_main.csv"), "wr")
    figure = icr.plot_results(results(["sft", "dpo", "icr_1", "lidr_2"]), published, "win rate (arXiv 2503.04647)")
    accuracies, _, theirs = figure.axes
    assert labels(accuracies) == ["SFT", "DPO", "ICR 1", "LIDR 2"]
    values = [bar.lines[0].get_ydata()[0] for bar in accuracies.containers]
    assert values == pytest.approx([30, 10, 40, 20, 50, 30, 60, 40])
    assert [bar.lines[0].get_markerfacecolor() for bar in accuracies.containers][1::2] == ["white"] * 4
    assert ends(accuracies.containers[0]) == [pytest.approx((25, 35))]
    assert [bar.lines[0].get_ydata()[0] for bar in theirs.containers] == pytest.approx(published.value.tolist())
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["English: 10 problems, 40 answers", "other languages: 10 problems, 160 answers"]


def test_published_results_leave_out_models_of_which_only_the_mean_is_published():
    found = icr.published_results(pd.read_csv(PUBLISHED / "icr_main.csv"), "lc").set_index(["model", "group"]).value
    assert set(found.index.get_level_values(0)) == {"pi0", "icr_1", "icr_2"}
    assert found["pi0", icr.ENGLISH] == 17.24
    assert found["pi0", icr.OTHER] == pytest.approx((11.32 + 11.05 + 10.17 + 11.56) / 4)


def test_names_and_colours_of_models():
    assert [METHOD_NAMES[m] for m in ("sft", "icr_2", "lidr", "lidr_content", "dpo", "mine_1")] == [
        *("SFT", "ICR 2", "LIDR", "LIDR content", "DPO", "mine 1")
    ]
    assert METHOD_COLOURS["icr_1"] == METHOD_COLOURS["icr_2"] != METHOD_COLOURS["lidr_1"]


def test_agreement_beside_the_published_one():
    lines = [
        (truth, lang, partner, outcome, mean, mean - 0.1, mean + 0.1, 30)
        for truth, mean in (("correct", 0.6), ("faithful", 0.9), ("good", 0.7))
        for lang in ("en", "de")
        for partner in (EVERY, "de")
        for outcome in (DECIDED, EQUAL)
    ]
    table = pd.DataFrame(lines, columns=["truth", "lang", "partner", "outcome", "mean", "low", "high", "n"])
    table.loc[(table.partner != EVERY) | (table.outcome != DECIDED), "mean"] = 0.5  # not to be drawn
    published = pd.read_csv(PUBLISHED / "lidr_agreement.csv")
    ours, theirs = lidr.plot_agreement(table, published).axes
    assert drawn(ours) == {
        "correct": pytest.approx([60, 60]), "in the language": pytest.approx([90, 90]), "both": pytest.approx([70, 70])
    }  # fmt: skip
    assert labels(ours)[0] == "English\n(en)\n30\n30\n30"
    assert list(theirs.lines[0].get_ydata()) == published.agreement.tolist()


def test_own_and_translated_answers():
    lines = [
        (truth, lang, side, mean, mean - 0.1, mean + 0.1, 20)
        for truth in ("correct", "faithful", "good")
        for side, mean in ((OWN, 0.3), (TRANSLATED, 0.8))
        for lang in ("de", "ru")
    ]
    table = pd.DataFrame(lines, columns=["truth", "lang", "side", "mean", "low", "high", "n"])
    axes = lidr.plot_own_and_translated(table).axes
    assert len(axes) == 3
    for axis in axes:
        assert drawn(axis) == {"own answer": pytest.approx([30, 30]), "translated from English": pytest.approx([80, 80])}
        assert labels(axis) == ["German\n(de)\nn = 20", "Russian\n(ru)\nn = 20"]


def test_failures_by_length_and_direction(tmp_path):
    lines = [
        *[("en", "de", "0+", 10, 0.1), ("en", "ru", "0+", 30, 0.2), ("en", "de", "1000+", 1500, 0.5)],
        *[("de", "en", "250+", 12, 0.3), ("ru", "en", "0+", 12, 0.4)],
    ]
    table = pd.DataFrame(lines, columns=["source", "target", "length", "translations", "share"])
    table = table.assign(low=table.share - 0.1, high=table.share + 0.1)
    figure = lidr.plot_failures(table)
    into, back = figure.axes
    assert drawn(into) == {"German (de)": pytest.approx([10, 50]), "Russian (ru)": pytest.approx([20])}
    assert drawn(back) == {"German (de)": pytest.approx([30]), "Russian (ru)": pytest.approx([40])}
    assert labels(into) == ["0+\nn = 10–30", "250+\nn = 0", "1000+\nn = 1,500"]
    assert save_figure(figure, table, "failures", tmp_path).stat().st_size > 10_000
