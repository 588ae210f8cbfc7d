"""Going on with more epochs: a longer run begins with the steps of a shorter one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache, reduce
from operator import itemgetter
from pathlib import Path
from typing import Any

from nnkit.errors import NnkitError
from nnkit.files import link_atomic, write_atomic
from nnkit.runs.differences import DATA, brief, differences, identity, identity_of
from nnkit.runs.directory import RunDirectory, list_runs
from nnkit.runs.header import read_header
from nnkit.task.config_loading import config_from
from nnkit.training.plan import pace_on
from nnkit.training.trainer import Trainer
from nnkit.version import __version__

# Settings in which a longer run may differ from the one that it goes on from.
LENGTH = {"training.epochs", "training.steps", "regularization.early_stopping.patience"}
COMPARED = 1000  # steps at which the schedules of the two runs are compared
MOST_DIFFERENCES = 3  # named in the notice that there is nothing to resume


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
    stem = _without_length(own)
    found = [
        shorter
        for other, common in _begun_runs(directory)
        if common == stem
        for shorter in [_length(other, trainer)]
        if shorter is not None and shorter.done < trainer.loop.steps
    ]
    return max(found, key=lambda shorter: shorter.done, default=None)


def _begun_runs(directory: RunDirectory) -> Iterator[tuple[RunDirectory, str]]:
    """Yields the runs of the same name that have a checkpoint, and what `_common` is for each."""
    for path in sorted(directory.path.parent.iterdir()):
        if path.name.rpartition("-")[0] == directory.name:
            run = _directory(path)
            with suppress(OSError):  # it has no checkpoint
                yield run, _common(run, run.last.stat().st_mtime_ns)


# A batch has many runs of one name, and looks at all others before it begins one.
@lru_cache(maxsize=10_000)
def _directory(path: Path) -> RunDirectory:
    return RunDirectory(path)


@lru_cache(maxsize=10_000)
def _common(run: RunDirectory, changed: int) -> str:  # noqa: ARG001 (a key of the cache)
    """The part of a run's identity that longer and shorter runs share.

    Args:
        run: the run.
        changed: when its last checkpoint was written.
    """
    return _without_length(identity(run))


def _without_length(identity: Mapping[str, Any]) -> str:
    """An identity as JSON without the settings in which a longer run may differ."""
    kept = json.loads(json.dumps(identity))
    for setting in LENGTH:
        *sections, name = setting.split(".")
        holder = reduce(lambda found, key: (found or {}).get(key), sections, kept)
        if isinstance(holder, dict):
            holder.pop(name, None)
    return json.dumps(kept, sort_keys=True)


def _length(run: RunDirectory, trainer: Trainer) -> ShorterRun | None:
    try:
        header = read_header(run.last)
        config = config_from(header["config"])
        done = int(header["progress"]["step"])
    except (NnkitError, KeyError, TypeError, ValueError):
        return None
    return ShorterRun(run, pace_on(config, trainer.sets["train"]).steps, done)


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


def nothing_to_resume(trainer: Trainer) -> Iterator[str]:
    """Yields a notice of how a run differs from the most similar one of its name, if any.

    It takes a while where there are many runs, so it is not among the notices of the trainer.
    """
    directory, task = trainer.directory, trainer.task
    own = identity_of(task.config.resolved(), task.fingerprint, __version__)
    similar = [
        (len(there | here), other, there, here)
        for other in reversed(list_runs(directory.path.parent))
        if other.begun and other.name == directory.name
        for there, here in [differences([identity(other), own])]
    ]
    if not similar:
        return
    count, other, there, here = min(similar, key=itemgetter(0))
    paths = list(here | there)
    shown = [
        "the data"
        if path == DATA
        else f"{path} ({brief(there.get(path))} there, {brief(here.get(path))} here)"
        for path in paths[:MOST_DIFFERENCES]
    ]
    if count > MOST_DIFFERENCES:
        shown.append(f"{count - MOST_DIFFERENCES:,} more settings")
    yield (
        f"nothing to resume: this run differs from {other.path} in {', '.join(shown)}; "
        "training starts at step 0"
    )
