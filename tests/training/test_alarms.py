"""Alarms on metrics made by hand: each is raised by what it is for and by nothing else."""

import math
from types import SimpleNamespace

import pytest

from sp3f_lib.profiles.sections import Alarms
from sp3f_lib.runs import StageError
from sp3f_lib.training.alarms import Watch, raised

CALM = {
    "loss": 0.1, "grad_norm": 0.5, "reward": 2.0, "judge/no_verdict": 0.05, "groups/no_signal": 0.3,
    "completions/mean_length": 50.0, "rewards/fidelity/mean": 0.95, "rewards/accuracy/mean": 0.5,
}  # fmt: skip
WINDOW = Alarms(window=4)


def rows(*changes: dict, each: int = 4) -> list[dict]:
    """`each` logged steps with every one of the changes, in order."""
    return [CALM | change | {"step": k} for k, change in enumerate(c for c in changes for _ in range(each))]


def test_nothing_is_said_of_a_calm_run():
    assert raised(rows({}, {}, {}), WINDOW) == {}


@pytest.mark.parametrize("name", ["loss", "grad_norm", "reward"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_no_number_is_noticed_at_once(name, value):
    found = raised(rows({name: value}, each=1), WINDOW)
    assert list(found) == ["nan"]
    assert name in found["nan"]


@pytest.mark.parametrize(
    ("changes", "alarm"),
    [
        (({}, {"judge/no_verdict": 0.3}), "no_verdict"),
        (({}, {"groups/no_signal": 0.95}), "no_signal"),
        (({}, {"completions/mean_length": 151.0}), "length"),
        (({}, {"completions/mean_length": 16.0}), "length"),
        (({}, {"rewards/fidelity/mean": 0.8, "rewards/accuracy/mean": 0.7}), "collapse"),
    ],
)
def test_each_alarm_is_raised_by_its_own_metric(changes, alarm):
    assert list(raised(rows(*changes), WINDOW)) == [alarm]
    if alarm != "no_verdict":
        assert raised(rows(*changes)[:-3], WINDOW) == {}  # one step in four is no trend


def test_a_silent_judge_is_noticed_before_the_window_is_full():
    silent = rows({"judge/no_verdict": 1.0}, each=5)
    assert list(raised(silent, Alarms(window=20))) == ["no_verdict"]
    assert raised(silent[:4], Alarms(window=20)) == {}


@pytest.mark.parametrize(
    "changes",
    [
        ({}, {"rewards/fidelity/mean": 0.8, "rewards/accuracy/mean": 0.4}),  # worse at everything
        ({}, {"rewards/fidelity/mean": 0.9, "rewards/accuracy/mean": 0.7}),  # a small price
        ({"rewards/fidelity/mean": 0.2}, {"rewards/accuracy/mean": 0.7}),  # better at everything
        ({}, {"completions/mean_length": 149.0}),
        ({}, {"judge/no_verdict": 0.2}),
    ],
)
def test_what_is_no_reason_for_alarm(changes):
    assert raised(rows(*changes), WINDOW) == {}


def test_a_slow_collapse_is_measured_from_the_best_window():
    slow = [{"rewards/fidelity/mean": 0.95 - 0.04 * k, "rewards/accuracy/mean": 0.5 + 0.02 * k} for k in range(4)]
    assert "collapse" not in raised(rows(*slow[:3]), WINDOW)
    assert "95% to 83%" in raised(rows(*slow), WINDOW)["collapse"]


def test_metrics_that_are_not_logged_raise_nothing():
    bare = [{"loss": 0.1, "step": k} for k in range(20)]
    assert raised(bare, WINDOW) == {}


def watch(alarms: Alarms, history: list[dict]):
    callback, control = Watch(alarms, "sp3f"), SimpleNamespace(should_training_stop=False, should_save=False)
    for k in range(len(history)):
        state = SimpleNamespace(log_history=history[: k + 1], global_step=k + 1, is_world_process_zero=True)
        callback.on_log(None, state, control)
    return callback, control


def test_a_warning_is_said_once_and_the_training_goes_on(capsys):
    callback, control = watch(WINDOW, rows({}, {"groups/no_signal": 0.95}, {"groups/no_signal": 0.95}))
    assert capsys.readouterr().out.count("sp3f: warning, no_signal: in 95% of the groups") == 1
    assert not control.should_training_stop
    callback.check()


@pytest.mark.parametrize(
    ("name", "change", "saved"), [("no_signal", {"groups/no_signal": 0.95}, True), ("nan", {"loss": math.nan}, False)]
)
def test_an_alarm_that_stops_leaves_a_checkpoint_unless_its_weights_are_no_numbers(name, change, saved):
    callback, control = watch(Alarms(window=4, **{name: "stop"}), rows({}, change))
    assert (control.should_training_stop, control.should_save) == (True, saved)
    with pytest.raises(StageError, match=f"{name}.*alarms.{name}=warn"):
        callback.check()


def test_an_alarm_that_is_off_says_nothing(capsys):
    callback, _ = watch(Alarms(window=4, no_signal="off"), rows({}, {"groups/no_signal": 0.95}))
    assert capsys.readouterr().out == ""
    callback.check()
