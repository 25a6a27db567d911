"""Where a training can be watched while it runs: TensorBoard by default, trackio or wandb by a line of the profile.

    tracking: {report_to: [tensorboard, wandb]}

`metrics.jsonl` in the stage's folder is the truth and is always written; these show the same numbers (training/metrics.py).
TensorBoard's files are in `runs/<profile>/<stage>/<key>/tensorboard`: `tensorboard --logdir runs`.
"""

from importlib.util import find_spec
from pathlib import Path

from transformers import TrainerCallback

from sp3f_lib.profiles.sections import Tracking
from sp3f_lib.runs import StageError

FOLDER = "tensorboard"


def reporters(tracking: Tracking, directory: Path, label: str, step: int) -> list[TrainerCallback]:
    """Callbacks for the first process of a training that starts after `step`; `StageError` if a package is missing."""
    for name in tracking.report_to:
        if find_spec(name) is None:
            raise StageError(
                f"{label}: tracking.report_to asks for {name}, which is not installed: pip install {name}, or take it out "
                "(metrics.jsonl is written in any case)"
            )
    return [_reporter(name, directory, step) for name in tracking.report_to]


def _reporter(name: str, directory: Path, step: int) -> TrainerCallback:
    if name == "tensorboard":
        from torch.utils.tensorboard import SummaryWriter
        from transformers.integrations import TensorBoardCallback

        # Steps after the checkpoint that a run goes on from are made again: what was shown of them is dropped.
        return TensorBoardCallback(SummaryWriter(str(directory / FOLDER), purge_step=step + 1))
    from transformers.integrations import get_reporting_integration_callbacks

    (callback,) = get_reporting_integration_callbacks([name])
    return callback()
