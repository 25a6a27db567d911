"""TensorBoard's files hold the metrics, also after a restart; a package that is missing is named before the first step."""

from types import SimpleNamespace

import pytest

from sp3f_lib.profiles.sections import Tracking
from sp3f_lib.runs import StageError
from sp3f_lib.training import tracking


def show(directory, step: int, *losses: float) -> None:
    """A run that goes on after `step` and logs these losses."""
    (callback,) = tracking.reporters(Tracking(), directory, "sp3f", step)
    state = SimpleNamespace(is_world_process_zero=True, is_hyper_param_search=False, global_step=step)
    callback.on_train_begin(SimpleNamespace(output_dir=str(directory), to_json_string=lambda: "{}"), state, None)
    for loss in losses:
        state.global_step += 1
        callback.on_log(None, state, None, logs={"loss": loss})
    callback.on_train_end(None, state, None)


def test_a_restart_replaces_what_was_shown_after_its_checkpoint(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    show(tmp_path, 0, 3.0, 2.0, 1.5)
    show(tmp_path, 2, 1.0, 0.5)  # killed after step 3, goes on from 2
    shown = EventAccumulator(str(tmp_path / tracking.FOLDER)).Reload().Scalars("train/loss")
    assert [(event.step, event.value) for event in shown] == [(1, 3.0), (2, 2.0), (3, 1.0), (4, 0.5)]


def test_a_package_that_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(tracking, "find_spec", lambda name: None)
    with pytest.raises(StageError, match=r"asks for wandb, which is not installed: pip install wandb"):
        tracking.reporters(Tracking(report_to=("wandb",)), tmp_path, "sp3f", 0)


def test_nothing_is_shown_where_nothing_is_asked_for(tmp_path):
    assert tracking.reporters(Tracking(report_to=()), tmp_path, "sp3f", 0) == []
