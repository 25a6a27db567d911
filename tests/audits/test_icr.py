"""Tables on implicit rewards against expectations computed by hand, and properties that any reward has."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sp3f_lib.audits import icr as audit
from sp3f_lib.data.schema import make_row
from sp3f_lib.methods.icr_pairs import GRID, fit_length_penalty
from sp3f_lib.plots.theme import PUBLISHED

from .texts import TEXTS, WRONG


def row(id, lang):
    return make_row(
        id=id, lang=lang, query="q", solution=TEXTS["en"], question=f"Frage {id}", translated=None, answer="7", task="test"
    )


ROWS = [row(id, lang) for id in ("p1", "p2") for lang in ("en", "de")]


def scored(lines, lang="de"):
    """Responses from (id, good, reward, characters); `good` is also `correct` and `faithful`."""
    found = pd.DataFrame(lines, columns=["id", "good", "R_c", "characters"])
    found["sample"] = found.groupby("id").cumcount()
    return found.assign(lang=lang, correct=found["good"], faithful=found["good"], finished=True)


def test_a_response_is_good_if_it_is_right_in_the_language_of_its_prompt():
    texts = [TEXTS["de"], WRONG["de"], TEXTS["en"], WRONG["en"]]
    found = audit.verify(pd.DataFrame({"id": "p1", "lang": "de", "text": texts}), ROWS)
    assert found["correct"].tolist() == [True, False, True, False]
    assert found["faithful"].tolist() == [True, True, False, False]
    assert found["good"].tolist() == [True, False, False, False]
    english = audit.verify(pd.DataFrame({"id": ["p1"], "lang": ["en"], "text": [TEXTS["en"]]}), ROWS)
    assert english["good"].tolist() == [True]


def test_a_response_without_its_row_is_an_error_that_names_it():
    with pytest.raises(ValueError, match="no row for prompt 'p9' in 'de'"):
        audit.verify(pd.DataFrame({"id": ["p9"], "lang": ["de"], "text": ["x"]}), ROWS)


def test_accuracy_counts_the_pairs_of_a_prompt_that_differ_in_truth():
    # p1: good 2 and 1, bad 1 and 0: won, won, tie, won = 3.5 of 4. p2: good 0, bad 5: lost. p3 is all good: no pair.
    verified = scored(
        [
            *[("p1", True, 2.0, 10), ("p1", True, 1.0, 20), ("p1", False, 1.0, 30), ("p1", False, 0.0, 40)],
            *[("p2", True, 0.0, 10), ("p2", False, 5.0, 10), ("p3", True, 1.0, 1), ("p3", True, 2.0, 2)],
        ]
    )
    found = audit.reward_accuracy(verified, ("R_c", "shorter", "longer")).set_index("reward")
    assert found.loc["R_c", "mean"] == pytest.approx(3.5 / 5)
    assert found.loc["R_c", "ties"] == pytest.approx(1 / 5)
    assert tuple(found.loc["R_c", ["n", "problems", "no_reward"]]) == (5, 2, 0)
    # By length: the four pairs of p1 are won by the shorter one, p2 is a tie.
    assert found.loc["shorter", "mean"] == pytest.approx(4.5 / 5)
    assert found.loc["longer", "mean"] == pytest.approx(0.5 / 5)


def test_responses_to_different_prompts_or_languages_are_never_compared():
    one = scored([("p1", True, 0.0, 1)]), scored([("p2", False, 9.0, 1)]), scored([("p1", False, 9.0, 1)], "en")
    found = audit.reward_accuracy(pd.concat(one), ("R_c",))
    assert found["n"].sum() == 0
    assert found["mean"].isna().all()


def test_a_missing_reward_is_left_out_and_counted():
    verified = scored([("p1", True, 1.0, 1), ("p1", True, math.nan, 1), ("p1", False, 0.0, 1), ("p1", False, math.nan, 1)])
    (found,) = audit.reward_accuracy(verified, ("R_c",)).to_dict("records")
    assert (found["n"], found["mean"], found["no_reward"]) == (1, 1.0, 2)


def test_languages_are_pooled_with_one_cluster_for_each_prompt_id():
    lines = [("p1", True, 1.0, 1), ("p1", False, 0.0, 1), ("p2", True, 0.0, 1), ("p2", False, 1.0, 1)]
    verified = pd.concat([scored(lines, lang) for lang in ("de", "en", "ru")])
    found = audit.reward_accuracy(verified, ("R_c",)).set_index("lang")
    assert list(found.index) == ["en", "de", "ru", audit.OTHERS, audit.ALL]
    assert found["n"].tolist() == [2, 2, 2, 4, 6]
    assert (found["problems"] == 2).all()
    assert (found["mean"] == 0.5).all()
    # Languages that repeat each other make nothing more certain.
    assert found["low"].nunique() == found["high"].nunique() == 1


def test_an_unknown_reward_is_an_error():
    with pytest.raises(ValueError, match="no column 'R_x'"):
        audit.reward_accuracy(scored([("p1", True, 1.0, 1)]), ("R_x",))


RESPONSES = st.lists(
    st.tuples(
        st.sampled_from(["p1", "p2", "p3"]),
        st.booleans(),
        st.integers(-3, 3).map(float) | st.just(math.nan),
        st.integers(1, 9),
    ),
    min_size=2,
    max_size=12,
)


@given(RESPONSES)
@settings(max_examples=40)
def test_the_opposite_reward_has_the_opposite_accuracy(lines):
    verified = scored(lines).assign(opposite=lambda t: -t["R_c"], rising=lambda t: 3 * t["R_c"] + 7)
    one, other, rising = audit.reward_accuracy(verified, ("R_c", "opposite", "rising")).to_dict("records")
    assert one["n"] == other["n"] == rising["n"]
    if one["n"]:
        assert other["mean"] == pytest.approx(1 - one["mean"])
        assert (other["low"], other["high"]) == pytest.approx((1 - one["high"], 1 - one["low"]))
        # Only the order of rewards matters.
        assert rising["mean"] == one["mean"]


@given(RESPONSES)
@settings(max_examples=40)
def test_the_truth_itself_is_always_right(lines):
    found = audit.reward_accuracy(scored(lines).assign(oracle=lambda t: t["good"].astype(float)), ("oracle",))
    assert found["mean"].dropna().eq(1).all()


def test_two_rewards_differ_on_the_contests_that_both_have():
    verified = scored([("p1", True, 1.0, 1), ("p1", False, 0.0, 1), ("p2", True, 1.0, 1), ("p2", False, 0.0, 1)])
    verified["R_m"] = [0.0, 1.0, math.nan, 1.0]  # loses p1, has no value for p2
    # R_c loses another contest of p1, for which R_m has no value.
    verified = pd.concat([verified, scored([("p1", False, 9.0, 1)]).assign(R_m=math.nan)])
    (found,) = audit.reward_difference(verified, "R_c", "R_m").to_dict("records")
    assert (found["difference"], found["problems"]) == (1.0, 1)
    (other,) = audit.reward_difference(verified, "R_c", "shorter").to_dict("records")
    # Over prompts: (1 + 0) / 2 and 1 for R_c, only ties by length.
    assert (other["difference"], other["problems"]) == (0.25, 2)
    (none,) = audit.reward_difference(verified[verified["good"]], "R_c", "R_m").to_dict("records")
    assert math.isnan(none["difference"]) and none["problems"] == 0


def report(alpha, lang="de", reward="R_c"):
    return pd.DataFrame([{"lang": lang, "reward": reward, "alpha": alpha}])


def test_length_control_takes_alpha_for_each_character():
    found = audit.length_controlled(scored([("p1", True, 5.0, 40), ("p1", False, 2.0, 10)]), report(0.1))
    assert found["R_c_lc"].tolist() == [1.0, 1.0]


def test_length_control_without_an_alpha_is_an_error():
    with pytest.raises(ValueError, match="no alpha for 'R_c' in 'de'"):
        audit.length_controlled(scored([("p1", True, 5.0, 40)]), report(0.1, lang="en"))


def test_a_reward_that_is_length_correlates_with_it_until_it_is_taken_away():
    # p1 and p2 rise with length; with a = 0.2 per character they fall. p3 is constant: undefined.
    lines = [(id, True, 0.1 * n, n) for id in ("p1", "p2") for n in (10, 20, 30)]
    lines += [("p3", True, 1.0, 5), ("p3", True, 1.0, 5)]
    found = audit.length_correlation(scored(lines), ("R_c",), report(0.2))
    assert found["controlled"].tolist() == [False, True]
    assert found["mean"].tolist() == pytest.approx([1.0, -1.0])
    assert found["problems"].tolist() == [2, 2]
    assert found["undefined"].tolist() == [1, 1]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 6)), min_size=3, max_size=10))
@settings(max_examples=30)
def test_the_correlation_is_spearmans(values):
    rewards, lengths = np.array(values).T
    if len(set(rewards)) == 1 or len(set(lengths)) == 1:
        return
    scores = scored([("p1", True, float(r), n) for r, n in values] + [("p1", True, math.nan, 1000)])
    found = audit.length_correlation(scores, ("R_c",), report(0.0))
    assert found["mean"].iloc[0] == pytest.approx(stats.spearmanr(rewards, lengths).statistic)


def test_the_curve_ends_at_the_longest_and_the_shortest_and_is_least_where_icr_stops():
    # fit_length_penalty's own example: both long responses are 30 characters longer; one earns 3 less, one 2 more.
    scores = scored([("p1", True, 5.0, 40), ("p1", True, 2.0, 10), ("p2", True, 1.0, 20), ("p2", True, 3.0, 50)])
    curve = audit.alpha_curve(scores, "R_c", alphas=(0.0, 0.5))
    assert curve["alpha"].tolist() == [0.0, 0.067, 0.5]
    assert curve["gap"].tolist() == [30.0, 0.0, -30.0]
    assert curve["fitted"].tolist() == [False, True, False]
    assert (curve["problems"] == 2).all()


def test_the_fitted_penalty_is_the_lowest_point_of_the_whole_curve():
    rng = np.random.default_rng(0)
    lines = [(f"p{k // 6}", True, float(rng.normal() + 0.02 * n), int(n)) for k, n in enumerate(rng.integers(5, 90, 120))]
    lines[7] = (*lines[7][:2], math.nan, lines[7][3])
    scores = scored(lines).assign(finished=rng.random(120) < 0.9)
    curve = audit.alpha_curve(scores, "R_c", alphas=GRID)
    fitted = curve.set_index("alpha")["gap"].abs().idxmin()
    wide = scores.pivot(index="id", columns="sample")
    assert fitted == curve.loc[curve["fitted"], "alpha"].item()
    assert fitted == fit_length_penalty(*(wide[name].to_numpy() for name in ("R_c", "characters", "finished")))
    assert curve["gap"].is_monotonic_decreasing


def test_the_curve_never_takes_a_response_that_was_cut_off_as_the_best():
    scores = scored([("p1", True, 9.0, 90), ("p1", True, 5.0, 40), ("p1", True, 2.0, 10)]).assign(
        finished=[False, True, True]
    )
    assert audit.alpha_curve(scores, "R_c", alphas=(0.0,))["gap"].iloc[0] == 30.0


def test_a_language_without_rewards_has_no_curve():
    scores = pd.concat([scored([("p1", True, 1.0, 1), ("p1", True, 2.0, 2)]), scored([("p1", True, math.nan, 1)], "en")])
    assert set(audit.alpha_curve(scores, "R_c")["lang"]) == {"de"}


def pair(id, lang, chosen, rejected, **more):
    said = [[{"role": "assistant", "content": text}] for text in (chosen, rejected)]
    prompt = [{"role": "user", "content": f"Frage {id}"}]
    return {"id": id, "lang": lang, "prompt": prompt, "chosen": said[0], "rejected": said[1]} | more


def test_pairs_are_better_equal_or_worse():
    pairs = [
        pair("p1", "de", TEXTS["de"], WRONG["de"]),  # better in correct, equal in faithful
        pair("p2", "de", WRONG["de"], TEXTS["en"]),  # worse in correct, better in faithful, equal (neither) in good
        pair("p1", "en", WRONG["en"], TEXTS["en"]),  # worse in correct
    ]
    found = audit.pair_quality(pairs, ROWS).set_index(["truth", "lang", "outcome"])
    for truth, expected in {"correct": (0.5, 0, 0.5), "faithful": (0.5, 0.5, 0), "good": (0.5, 0.5, 0)}.items():
        outcomes = [found.loc[(truth, "de", outcome), "mean"] for outcome in (audit.BETTER, audit.EQUAL, audit.WORSE)]
        assert outcomes == list(expected)
    assert found.loc[("good", "de", audit.DECIDED), ["mean", "n"]].tolist() == [1.0, 1]
    assert found.loc[("good", audit.ALL, audit.DECIDED), ["mean", "n"]].tolist() == [0.5, 2]
    assert found.loc[("faithful", "en", audit.DECIDED), "n"] == 0
    assert found.loc[("correct", audit.ALL, audit.WORSE), ["n", "problems"]].tolist() == [3, 2]


def test_no_pairs_are_an_error():
    with pytest.raises(ValueError, match="no pairs"):
        audit.pair_quality([], ROWS)


def test_examples_come_evenly_from_all_languages_and_are_cut():
    pairs = [pair(f"p{k}", lang, "x" * 50, "y") for lang, n in (("en", 9), ("de", 2)) for k in range(n)]
    found = audit.example_pairs(pairs, 4, seed=0, characters=10)
    assert found["lang"].tolist() == ["de", "de", "en", "en"]
    assert (found["chosen"] == "x" * 10 + " [...]").all() and (found["rejected"] == "y").all()
    pd.testing.assert_frame_equal(found, audit.example_pairs(pairs, 4, seed=0, characters=10))
    assert len(audit.example_pairs(pairs, 99, seed=0)) == 11
    assert len({tuple(audit.example_pairs(pairs, 4, seed)["id"]) for seed in range(5)}) > 1


@pytest.mark.parametrize("name, value", [("icr_main", "lc"), ("icr_main", "wr"), ("icr_low_resource", "wr")])
def test_published_means_are_those_of_the_published_languages(name, value):
    wide = pd.read_csv(PUBLISHED / f"{name}.csv").pivot(index="model", columns="lang", values=value).dropna()
    assert len(wide) == 3
    assert wide.drop(columns="mean").mean(axis=1).to_numpy() == pytest.approx(wide["mean"].to_numpy(), abs=0.0101)


def test_published_figures_agree_with_the_published_table():
    main = pd.read_csv(PUBLISHED / "icr_main.csv").set_index(["model", "lang"])
    for line in pd.read_csv(PUBLISHED / "icr_figure3.csv").itertuples():
        if model := {"pi0": "pi0", "R_c": "icr_1"}.get(line.reward):
            assert line.lc == main.loc[(model, line.lang), "lc"]
    by_prompts = pd.read_csv(PUBLISHED / "icr_figure4.csv").set_index("prompts")
    for prompts, model in ((0, "pi0"), (3000, "icr_1")):
        assert by_prompts.loc[prompts, ["lc", "wr"]].tolist() == main.loc[(model, "mean"), ["lc", "wr"]].tolist()
