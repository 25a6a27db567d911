"""The noisy judge: accuracy, slot bias and missing verdicts are those that were asked for; the same text has the same error."""

import asyncio
import random
from dataclasses import replace
from statistics import fmean

import pytest

from sp3f_lib.judges import Lineup, Noise, Pair, Single, make_judge
from sp3f_lib.judges.noise import draws
from sp3f_lib.profiles import ProfileError, load_profile
from sp3f_lib.profiles.judge_section import Judge as Settings

N = 4000  # of each: a share has a standard deviation of at most 0.008
CELLS = [(1.0, 0.0), (0.9, 0.1), (0.75, -0.2), (0.5, 0.0), (0.5, 0.5)]


def pairs(number: int = N) -> list[Pair]:
    return [Pair(f"question {k}", f"one {k}", f"other {k}", "reference") for k in range(number)]


@pytest.mark.parametrize(("accuracy", "bias"), CELLS)
def test_pairs_are_right_and_lean_as_often_as_asked(accuracy, bias):
    noise = Noise(accuracy, bias)
    in_a = [noise.preference(pair, 1.0) for pair in pairs()]
    in_b = [1 - noise.preference(pair, 0.0) for pair in pairs()]
    assert fmean(in_a) == pytest.approx(accuracy + bias, abs=0.03)
    assert fmean(in_b) == pytest.approx(accuracy - bias, abs=0.03)
    ties = [noise.preference(pair, 0.5) for pair in pairs()]
    assert fmean(ties) == pytest.approx(0.5 + bias, abs=0.03)
    assert sum(tie == 0.5 for tie in ties) / N == pytest.approx(2 * accuracy - 1, abs=0.03)  # else a coin


@pytest.mark.parametrize(("accuracy", "bias"), [(1.0, 0.0), (0.9, 0.05), (0.7, 0.1), (0.6, -0.1), (0.5, 0.3)])
def test_pairs_of_a_ranking_are_right_and_lean_as_often_as_asked(accuracy, bias):
    """Also for a group whose true values are not spread evenly: what counts are their places."""
    right, earlier = [], []
    for k in range(1000):
        exact = random.Random(k).sample([0.0, 0.01, 0.02, 0.5, 0.9, 1.0], 6)
        ranks = Noise(accuracy, bias).ranks(Lineup(f"question {k}", tuple(f"{k} {i}" for i in range(6))), exact)
        for i in range(6):
            for j in range(i + 1, 6):
                right.append((ranks[i] < ranks[j]) == (exact[i] > exact[j]))
                earlier.append(ranks[i] < ranks[j])
    assert fmean(right) == pytest.approx(accuracy, abs=0.03)
    assert fmean(earlier) - 0.5 == pytest.approx(bias, abs=0.035)


def test_scores_are_seen_as_they_are_or_anywhere():
    noise = Noise(accuracy=0.75)
    found = [noise.value(Single("q", f"response {k}"), 0.3) for k in range(N)]
    kept = [value for value in found if value == 0.3]
    assert len(kept) / N == pytest.approx(noise.perceived, abs=0.03) and noise.perceived == pytest.approx(0.581, abs=1e-3)
    others = [value for value in found if value != 0.3]
    assert fmean(others) == pytest.approx(0.5, abs=0.03)
    assert 0 <= min(others) < 0.01 and 0.99 < max(others) < 1


def test_the_share_of_missing_verdicts_is_that_asked_for_whatever_is_asked():
    noise = Noise(missing=0.2)
    lost = {
        "pairs": [noise.preference(pair, 1.0) for pair in pairs()],
        "scores": [noise.value(Single("q", f"response {k}"), 0.0) for k in range(N)],
        "rankings": [noise.ranks(Lineup(f"q {k}", ("a", "b")), [1.0, 0.0]) for k in range(N)],
    }
    for name, found in lost.items():
        assert sum(value is None for value in found) / N == pytest.approx(0.2, abs=0.03), name
        assert set(found) - {None} == {"pairs": {1.0}, "scores": {0.0}, "rankings": {(0, 1)}}[name]


def test_errors_depend_on_texts_and_seed_alone():
    (pair,) = pairs(1)
    drawn = draws(0, pair, 9)
    assert len(set(drawn)) == 9 and all(0 <= one < 1 for one in drawn)
    assert draws(0, replace(pair, first=5, second=2, lang="sw"), 9) == drawn  # places and language are no texts
    changes = [{"question": "x"}, {"response_a": "x"}, {"response_b": "x"}, {"reference": "x"}, {"sample": 1}]
    changes += [{"response_a": pair.response_b, "response_b": pair.response_a}]
    others = [draws(0, replace(pair, **change), 9) for change in changes] + [draws(1, pair, 9)]
    assert all(other != drawn for other in others)
    assert draws(0, Single("a", "bc"), 1) != draws(0, Single("ab", "c"), 1)  # where one text ends is a part of it
    draws(0, Single("lone surrogate \ud800", "x"), 1)


def test_equal_texts_tie_and_are_never_missing():
    judge = make_judge(Settings(accuracy=0.5, slot_bias=0.5, missing=1.0))
    verdicts = asyncio.run(judge.compare([Pair("q", "same", "same "), Pair("q", "one", "other")]))
    assert [verdict.preference for verdict in verdicts] == [0.5, None]
    assert verdicts[1].reason == "drawn by judge.missing"


def test_the_seed_of_the_judge_draws_other_errors():
    settings = Settings(accuracy=0.5)
    said = [
        [verdict.preference for verdict in asyncio.run(make_judge(settings, seed=seed).compare(pairs(50)))]
        for seed in (0, 0, 1)
    ]
    assert said[0] == said[1] != said[2]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"judge.slot_bias": 0.2, "judge.accuracy": 0.9}, "judge.slot_bias 0.2 is impossible at judge.accuracy 0.9"),
        ({"judge.slot_bias": 0.1}, "at most 0"),
        ({"judge.accuracy": 0.4}, "judge.accuracy"),
        ({"judge.name": "api", "judge.model": "m", "judge.accuracy": 0.8}, "'api' errs by itself"),
        ({"judge.name": "api", "judge.model": "m", "judge.schedule": "agreement"}, "set judge.name to alignment, not 'api'"),
        ({"judge.reward": "raw"}, "'balanced' gives win rates only"),
        ({"judge.schedule": "listwise", "judge.reward": "matched"}, "'listwise' gives win rates only"),
        ({"judge.calls": 3, "judge.schedule": "score"}, "'score' fixes its calls"),
        (
            {"judge.name": "implicit", "judge.model": "a", "judge.reference_model": "b", "judge.schedule": "listwise"},
            "the judge 'implicit' compares pairs",
        ),
    ],
    ids=str,
)
def test_settings_that_cannot_be_are_refused(settings, message):
    with pytest.raises(ProfileError, match=message):
        load_profile("lab", settings)


def test_what_decides_verdicts_is_in_the_measurement():
    known = Settings(accuracy=0.8, slot_bias=0.1, missing=0.05, schedule="score", reward="raw").measurement()
    assert [known[name] for name in ("accuracy", "slot_bias", "missing", "schedule", "reward")] == [
        0.8,
        0.1,
        0.05,
        "score",
        "raw",
    ]
