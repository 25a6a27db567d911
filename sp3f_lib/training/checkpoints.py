"""Checkpoints of a training: each is complete or does not count.

`COMPLETE` is written into a checkpoint after everything else, so a run that was killed while saving goes on from the one before.
"""

import shutil
from pathlib import Path

COMPLETE = "COMPLETE"
CHECKPOINTS = "checkpoints"


def last_checkpoint(directory: Path) -> str | None:
    """The newest complete checkpoint of a stage's folder."""
    complete = [path.parent for path in (directory / CHECKPOINTS).glob(f"checkpoint-*/{COMPLETE}")]
    newest = max(complete, key=_step, default=None)
    return str(newest) if newest else None


def last_step(directory: Path) -> int | None:
    """The step after which an interrupted training goes on; None before the first checkpoint."""
    found = last_checkpoint(directory)
    return _step(Path(found)) if found else None


def clear_incomplete(directory: Path) -> None:
    """Removes the checkpoints that a kill or a full disk left unfinished."""
    for path in (directory / CHECKPOINTS).glob("checkpoint-*"):
        if not (path / COMPLETE).is_file():
            shutil.rmtree(path)


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.rsplit("-", 1)[1])
