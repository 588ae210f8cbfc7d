"""Going on with more epochs: a longer run begins with the steps of a shorter one."""

from __future__ import annotations

from dataclasses import dataclass

from nnkit.errors import NnkitError
from nnkit.files import link_atomic, write_atomic
from nnkit.runs.differences import differences, identity, identity_of
from nnkit.runs.directory import RunDirectory, list_runs
from nnkit.runs.header import read_header
from nnkit.task.config import config_from
from nnkit.training.plan import pace
from nnkit.training.trainer import Trainer
from nnkit.version import __version__

# Settings in which a longer run may differ from the one that it goes on from.
LENGTH = {"training.epochs", "training.steps", "regularization.early_stopping.patience"}
COMPARED = 1000  # steps at which the schedules of the two runs are compared


@dataclass(frozen=True, slots=True)
class ShorterRun:
    """A run of the same config with fewer epochs or steps.

    Attributes:
        directory: the run.
        steps: its length in updates.
        done: the updates it has made.
    """

    directory: RunDirectory
    steps: int
    done: int


def shorter_run(trainer: Trainer) -> ShorterRun | None:
    """The run that has made the most steps of those that differ in length alone; None without one.

    Args:
        trainer: the trainer of the longer run, which has not begun.
    """
    directory, task = trainer.directory, trainer.task
    own = identity_of(task.config.resolved(), task.fingerprint, __version__)
    found = [
        shorter
        for other in list_runs(directory.path.parent)
        if other.begun and other.name == directory.name
        for there, here in [differences([identity(other), own])]
        if there.keys() | here.keys() <= LENGTH
        for shorter in [_length(other, trainer)]
        if shorter is not None and shorter.done < trainer.loop.steps
    ]
    return max(found, key=lambda shorter: shorter.done, default=None)


def _length(run: RunDirectory, trainer: Trainer) -> ShorterRun | None:
    try:
        header = read_header(run.last)
        config = config_from(header["config"])
        done = int(header["progress"]["step"])
    except (NnkitError, KeyError, TypeError, ValueError):
        return None
    return ShorterRun(run, pace(config, len(trainer.sets["train"])).steps, done)


def obstacle(shorter: ShorterRun, trainer: Trainer) -> str | None:
    """The reason why the longer run does not begin with the steps of the shorter one, or None."""
    loop = trainer.loop
    optimizer, average = loop.optimizer, trainer.config.training.averaging
    for step in range(0, shorter.done, max(1, shorter.done // COMPARED)):
        rates = {
            optimizer.learning_rate(step, n, loop.per_epoch) for n in (shorter.steps, loop.steps)
        }
        if len(rates) > 1:
            return f"the schedule '{optimizer.schedule.tag()}' depends on the number of steps"
        if average is not None:
            shares = {average.share(step + 1, n) for n in (shorter.steps, loop.steps)}
            if len(shares) > 1:
                return f"the averaging '{average.tag()}' depends on the number of steps"
    return None


def adopt(shorter: ShorterRun, directory: RunDirectory) -> None:
    """Copies the checkpoints and metrics of a shorter run to the folder of a longer one.

    The last checkpoint, which marks a run as begun, comes at the end.
    """
    source = shorter.directory
    if source.metrics.is_file():
        write_atomic(directory.metrics, source.metrics.read_bytes())
    if source.best.is_file():
        link_atomic(source.best, directory.best)
    link_atomic(source.last, directory.last)
