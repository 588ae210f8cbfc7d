"""Training from a config to a finished run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any

from nnkit.data.dataset import Dataset
from nnkit.data.fingerprints import record_fingerprint
from nnkit.errors import DivergedError, GateError, UsageError
from nnkit.inference.saving import trained_from
from nnkit.inference.trained_model import TrainedModel
from nnkit.nn.numerics import numerics
from nnkit.runs.checkpoint import read_checkpoint
from nnkit.runs.differences import DATA, brief, differences, identity, identity_of
from nnkit.runs.directory import DEFAULT_RUNS, FINISHED, RunDirectory, list_runs
from nnkit.task.config import Config
from nnkit.task.task import load_task
from nnkit.training.continuation import adopt, obstacle, shorter_run
from nnkit.training.divergence import diagnosis
from nnkit.training.identity import recorded_run_name
from nnkit.training.listeners import Listener, LogFile
from nnkit.training.loop import Evaluation
from nnkit.training.summary import conclude, judged, unfinished
from nnkit.training.trainer import Stopping, Trainer
from nnkit.version import __version__

MOST_DIFFERENCES = 3  # named in the notice that there is nothing to resume


@dataclass(frozen=True, slots=True)
class Run:
    """A finished or interrupted run.

    Attributes:
        directory: the run's folder.
        summary: the content of summary.json; for an interrupted run, what is known so far.
        interrupted: whether `should_stop` ended it before its last step.
        already_finished: whether the run was finished before `train` was called, which then only
            returned it.
    """

    directory: Path
    summary: Mapping[str, Any]
    interrupted: bool = False
    already_finished: bool = False

    def load(self) -> TrainedModel:
        """The best model of the run."""
        run = RunDirectory(self.directory)
        return trained_from(read_checkpoint(run.best if run.best.is_file() else run.last))


def train(
    config: Config,
    *,
    runs: Path | str = DEFAULT_RUNS,
    resume: bool = False,
    restart: bool = False,
    listeners: Iterable[Listener] = (),
    should_stop: Callable[[], Stopping] = lambda: False,
    threads: int | None = None,
    dataset: Dataset | None = None,
) -> Run:
    """Trains a config's network and saves all output in a folder; a finished run is not repeated.

    A run belongs to one config, data and version of nnkit. A finished run is returned unchanged,
    with `already_finished` set. The gates under `expect:` are not part of its identity: if they
    have changed, the finished run is held against the new ones.

    Args:
        config: a config from `load_config`.
        runs: the folder in which the run's folder is created.
        resume: continue an interrupted run of this config, or one that differs from it in having
            fewer epochs or steps; without one, start from step 0.
        restart: train from step 0, replacing a finished or interrupted run of this config.
        listeners: notified of every step and evaluation.
        should_stop: called after each step; True saves the run and interrupts it, and "pruned"
            ends it.
        threads: the most threads to use, for example where several runs share the processors; by
            default as many as there are processors.
        dataset: the config's data, if it is loaded already, for example for another config.

    Returns:
        The run.

    Raises:
        ConfigError: settings, shapes and data do not fit together; the message gives the location.
        DataError: the data is missing or damaged.
        UsageError: a run of this config was interrupted, and neither `resume` nor `restart` is
            given; or another process is training it.
        DivergedError: the loss became NaN or infinite.
        GateError: a gate under `expect:` is not met; the run itself is complete. Gates over seeds
            and gates with a baseline need more than one run: `nnkit train` judges them.
    """
    config.check()
    run = None if restart else _finished_run(config, Path(runs))
    if run is None:
        with config.locating():
            trainer = Trainer(load_task(config, dataset), Path(runs), threads)
        with trainer.directory.locked():
            run = None if restart else _result(trainer.directory, config)
            if run is None:
                _open(trainer, resume=resume, restart=restart)
                record_fingerprint(config.data.source, trainer.task.fingerprint)
                with numerics(trainer.model):
                    run = _run(trainer, (LogFile(), *listeners), should_stop)
    if missed := run.summary.get("missed"):
        raise GateError("\n".join(f"{run.directory}: {text}" for text in missed), run)
    return run


def _finished_run(config: Config, runs: Path) -> Run | None:
    """The finished run of a config, if its data is known to be unchanged; else None."""
    name = recorded_run_name(config)
    return None if name is None else _result(RunDirectory(runs / name), config)


def _result(directory: RunDirectory, config: Config) -> Run | None:
    """The finished run in a folder, judged by the config's gates; None if there is none."""
    saved = directory.read_summary()
    if saved is None:
        return None
    summary = judged(saved, config.expect, directory)
    if summary != saved:
        directory.write_summary(summary)
    return Run(directory.path, summary, already_finished=True)


def _open(trainer: Trainer, *, resume: bool, restart: bool) -> None:
    """Creates the run's folder, or restores the trainer from an interrupted run in it."""
    directory = trainer.directory
    if directory.begun and not (resume or restart):
        raise UsageError(
            f"{directory.path} was interrupted; use --resume to continue it or --restart to "
            "start over"
        )
    if restart or not directory.begun:
        directory.clear()
    shorter = shorter_run(trainer) if resume and not directory.begun else None
    hindered = obstacle(shorter, trainer) if shorter is not None else None
    directory.create(trainer.config.to_yaml())
    if shorter is not None and hindered is None:
        adopt(shorter, directory)
        trainer.notices.append(f"going on from step {shorter.done:,} of {shorter.directory.path}")
    elif shorter is not None:
        trainer.notices.append(
            f"{shorter.directory.path} cannot be continued: {hindered}; training starts at step 0 "
            f"(training.start_from: {shorter.directory.path} would start from its weights)"
        )
    elif resume and not directory.begun:
        trainer.notices.extend(_nothing_to_resume(trainer))
    directory.summary.unlink(missing_ok=True)  # of how the run was interrupted
    if directory.begun:
        trainer.restore(read_checkpoint(directory.last))


def _nothing_to_resume(trainer: Trainer) -> Iterator[str]:
    """Yields a notice of how the run differs from the most similar one of its name, if any."""
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


def _run(
    trainer: Trainer, listeners: Sequence[Listener], should_stop: Callable[[], Stopping]
) -> Run:
    """Trains to the end, notifies the listeners, and writes how the run ended."""
    directory = trainer.directory
    for listener in listeners:
        listener.started(trainer)
    try:
        for event in trainer.train(should_stop):
            for listener in listeners:
                if isinstance(event, Evaluation):
                    listener.evaluated(event, improved=trainer.best.step == event.step)
                else:
                    listener.stepped(event)
        finished = trainer.outcome in FINISHED
        summary = unfinished(trainer)
        if finished:
            summary = judged(conclude(trainer), trainer.config.expect, directory)
    except DivergedError as error:
        trainer.outcome = "diverged"
        explained = DivergedError(f"{error}\n{diagnosis(trainer)}")
        directory.write_summary({**unfinished(trainer), "error": str(explained)})
        raise explained from None
    finally:
        for listener in listeners:
            listener.ended()
    directory.write_summary(summary)
    return Run(directory.path, summary, interrupted=not finished)
