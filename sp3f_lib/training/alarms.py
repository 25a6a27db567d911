"""Alarms: what goes wrong quietly in reinforcement learning, noticed while there is still money to save.

| alarm        | when, over the last `window` logged steps                                                              |
| ------------ | ------------------------------------------------------------------------------------------------------ |
| `nan`        | loss, gradient norm or reward is not a number (at once, not over a window)                                |
| `collapse`   | mean fidelity lies `collapse_drop` below its best window, and mean accuracy above that window's: the model |
|              | has found that it is more often right in another language                                              |
| `no_verdict` | the judge gave no verdict in more than `no_verdict_share` of the comparisons (from the fifth step on)       |
| `no_signal`  | in more than `no_signal_share` of the groups all rewards are equal, so nothing is learnt from them         |
| `length`     | completions are `length_factor` times as long as in the first window, or that much shorter             |

Each is `off`, `warn` (said once) or `stop`: the training ends with a checkpoint (for `nan` with the one before, whose weights are
numbers) and a message; set the alarm to `warn` to go on from there.
"""

import math
from collections.abc import Sequence

from transformers import TrainerCallback

from sp3f_lib.profiles.sections import Alarms
from sp3f_lib.runs import StageError

_FIDELITY, _ACCURACY = "rewards/fidelity/mean", "rewards/accuracy/mean"
_FEW = 5  # steps
_NUMBERS = ("loss", "grad_norm", "reward")


def raised(rows: Sequence[dict], alarms: Alarms) -> dict[str, str]:
    """The alarms (name -> message) that the metrics of all logged steps so far, in order, give reason for."""
    found = {}
    if bad := [name for name in _NUMBERS if not math.isfinite(rows[-1].get(name, 0.0))]:
        found["nan"] = f"{bad[0]} is {rows[-1][bad[0]]} at step {rows[-1].get('step')}; try a lower learning rate"
    # A judge that says nothing is noticed early: it costs, and nothing is learnt from it.
    if len(rows) >= min(_FEW, alarms.window) and (
        share := _above(rows, "judge/no_verdict", min(len(rows), alarms.window), alarms.no_verdict_share)
    ):
        found["no_verdict"] = (
            f"the judge gave no verdict in {share:.0%} of the comparisons; look at the reasons in the ledger"
        )
    if len(rows) < alarms.window:
        return found
    if share := _above(rows, "groups/no_signal", alarms.window, alarms.no_signal_share):
        found["no_signal"] = f"in {share:.0%} of the groups all rewards are equal; the problems are too easy, or too hard"
    if len(rows) < 2 * alarms.window:
        return found
    lengths = _windows(rows, "completions/mean_length", alarms.window)
    if lengths and not lengths[0] / alarms.length_factor <= lengths[-1] <= lengths[0] * alarms.length_factor:
        found["length"] = (
            f"completions have {lengths[-1]:.0f} tokens on average, in the first steps they had {lengths[0]:.0f}"
        )
    fidelity, accuracy = (_windows(rows, name, alarms.window) for name in (_FIDELITY, _ACCURACY))
    if fidelity and accuracy:
        best = max(range(len(fidelity)), key=fidelity.__getitem__)
        if fidelity[best] - fidelity[-1] >= alarms.collapse_drop and accuracy[-1] > accuracy[best]:
            found["collapse"] = (
                f"fidelity fell from {fidelity[best]:.0%} to {fidelity[-1]:.0%} while accuracy rose from {accuracy[best]:.0%} "
                f"to {accuracy[-1]:.0%}: the model leaves the language; raise rewards.fidelity"
            )
    return found


class Watch(TrainerCallback):
    """Looks at the metrics after every logged step; `stopped` is the message of the alarm that ended the training."""

    def __init__(self, alarms: Alarms, label: str):
        self.alarms, self.label = alarms, label
        self.said: set[str] = set()
        self.stopped: str | None = None

    def on_log(self, args, state, control, **kwargs):
        rows = [row for row in state.log_history if "loss" in row]
        if not rows or self.stopped:
            return
        for name, message in raised(rows, self.alarms).items():
            action = getattr(self.alarms, name)
            if action == "warn" and name not in self.said and state.is_world_process_zero:
                print(f"{self.label}: warning, {name}: {message}", flush=True)
            self.said.add(name)
            if action == "stop":
                self.stopped = (
                    f"{self.label}: stopped at step {state.global_step}, {name}: {message}. It goes on from the last checkpoint "
                    f"with alarms.{name}=warn, or make a new run with other settings."
                )
                control.should_training_stop, control.should_save = True, name != "nan"

    def check(self) -> None:
        """Raises `StageError` if an alarm ended the training."""
        if self.stopped:
            raise StageError(self.stopped)


def _windows(rows: Sequence[dict], name: str, window: int) -> list[float]:
    """Means of a metric over consecutive windows; the last one ends with the last row. Empty if the metric is not logged."""
    values = [row[name] for row in rows if name in row]
    ends = range(len(values), window - 1, -window)
    return [sum(values[end - window : end]) / window for end in reversed(ends)]


def _above(rows: Sequence[dict], name: str, window: int, limit: float) -> float | None:
    """The mean over the last window if it is above `limit`."""
    means = _windows(rows, name, window)
    return means[-1] if means and means[-1] > limit else None
