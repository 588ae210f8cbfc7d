"""Training from a config to a finished run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnkit.data.dataset import Dataset
from nnkit.data.fingerprints import record_fingerprint
from nnkit.errors import DivergedError, GateError, UsageError
from nnkit.inference.saving import trained_from, versions
from nnkit.inference.trained_model import TrainedModel
from nnkit.nn.numerics import numerics
from nnkit.ranks import ALONE, Ranks
from nnkit.runs.checkpoint import read_checkpoint
from nnkit.runs.directory import DEFAULT_RUNS, FINISHED, RunDirectory
from nnkit.task.config import Config
from nnkit.task.config_conflicts import checked
from nnkit.task.config_loading import ConfigLike, load_config
from nnkit.task.task_loading import load_task
from nnkit.training.continuation import adopt, obstacle, shorter_run
from nnkit.training.divergence import diagnosis
from nnkit.training.events import Evaluation
from nnkit.training.identity import recorded_run_name
from nnkit.training.listeners import Listener, LogFile
from nnkit.training.summary import conclude, judged, unfinished
from nnkit.training.trainer import Stopping, Trainer


@dataclass(frozen=True, slots=True, repr=False)
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

    @property
    def results(self) -> Mapping[str, Mapping[str, float]]:
        """The final metrics by set, such as `results["test"]["accuracy"]`; empty if interrupted."""
        return self.summary.get("results", {})

    def __repr__(self) -> str:
        figures = self.results.get("test") or self.results.get("validation") or {}
        shown = "".join(f", {name} {value:.4g}" for name, value in figures.items())
        return f"<Run {self.directory}: {self.summary.get('outcome')}{shown}>"

    def load(self) -> TrainedModel:
        """The best model of the run."""
        run = RunDirectory(self.directory)
        return trained_from(read_checkpoint(run.best if run.best.is_file() else run.last))


def train(
    config: ConfigLike,
    *,
    runs: Path | str = DEFAULT_RUNS,
    resume: bool = False,
    restart: bool = False,
    listeners: Iterable[Listener] = (),
    should_stop: Callable[[], Stopping] = lambda: False,
    threads: int | None = None,
    dataset: Dataset | None = None,
    ranks: Ranks = ALONE,
) -> Run:
    """Trains a config's network and saves all output in a folder; a finished run is not repeated.

    A run belongs to one config, data and version of nnkit. A finished run is returned unchanged,
    with `already_finished` set. The gates under `expect:` are not part of its identity: if they
    have changed, the finished run is held against the new ones.

    Args:
        config: a config from `load_config`, or what it takes: a path or a mapping.
        runs: the folder in which the run's folder is created.
        resume: continue an interrupted run of this config, or one that differs from it in having
            fewer epochs or steps; without one, start from step 0.
        restart: train from step 0, replacing a finished or interrupted run of this config.
        listeners: notified of every step and evaluation.
        should_stop: called after each step; True saves the run and interrupts it, and "pruned"
            ends it.
        threads: the most threads of this process, for example where several runs share the
            processors; by default as many as there are processors.
        dataset: the config's data, if it is loaded already, for example for another config.
        ranks: the processes that train the network together, such as `MPIRanks(MPI.COMM_WORLD)`
            with mpi4py. Each calls this function with the same config; the first one writes the
            files and calls the listeners.

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
    config = ranks.together(lambda: checked(load_config(config)))
    run = ranks.on_first(lambda: None if restart else _finished_run(config, Path(runs)))
    if run is None:
        trainer = ranks.together(lambda: _trainer(config, dataset, Path(runs), threads, ranks))
        _check_agreement(trainer)
        with ExitStack() as stack:
            ranks.on_first(lambda: stack.enter_context(trainer.directory.locked()))
            run = ranks.on_first(lambda: None if restart else _result(trainer.directory, config))
            if run is None:
                _open(trainer, resume=resume, restart=restart)
                fingerprint = trainer.task.fingerprint
                ranks.on_first(lambda: record_fingerprint(config.data.source, fingerprint))
                told = (LogFile(), *listeners) if ranks.is_first else ()
                with numerics(trainer.model):
                    run = _run(trainer, told, should_stop)
    if missed := run.summary.get("missed"):
        raise GateError("\n".join(f"{run.directory}: {text}" for text in missed), run)
    return run


def _trainer(
    config: Config, dataset: Dataset | None, runs: Path, threads: int | None, ranks: Ranks
) -> Trainer:
    with config.locating():
        return Trainer(load_task(config, dataset), runs, threads, ranks)


def _check_agreement(trainer: Trainer) -> None:
    """Checks that all ranks train the same run, and round in the same way.

    Raises:
        UsageError: config, data, versions or processors differ.
    """
    own = {"config and data": trainer.plan.run_name, **versions()}
    known = trainer.ranks.gather(own)
    trainer.ranks.together(lambda: _compare(known))


def _compare(ranks: Sequence[Mapping[str, str]]) -> None:
    """Compares what each rank trains, and with which versions, with the first one.

    Raises:
        UsageError: a rank differs.
    """
    first, *others = ranks
    for number, other in enumerate(others, 2):
        if changed := [
            f"{name} ({value}, {other[name]})"
            for name, value in first.items()
            if other[name] != value
        ]:
            raise UsageError(
                f"processes 1 and {number} cannot train together, because they differ in "
                f"{', '.join(changed)}"
            )


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
    ranks, directory = trainer.ranks, trainer.directory
    ranks.on_first(lambda: _create(trainer, resume=resume, restart=restart))
    last = ranks.on_first(lambda: read_checkpoint(directory.last) if directory.begun else None)
    if last is not None:
        ranks.together(lambda: trainer.restore(last))
        ranks.on_first(lambda: directory.rewind_metrics(trainer.loop.progress.step))


def _create(trainer: Trainer, *, resume: bool, restart: bool) -> None:
    """Creates the run's folder, with the files of an interrupted run if it is to be resumed.

    Raises:
        UsageError: neither `resume` nor `restart` is given, and there is an interrupted run.
    """
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
        trainer.has_nothing_to_resume = True
    directory.summary.unlink(missing_ok=True)  # of how the run was interrupted


def _run(
    trainer: Trainer, listeners: Sequence[Listener], should_stop: Callable[[], Stopping]
) -> Run:
    """Trains to the end, notifies the listeners, and writes how the run ended."""
    directory = trainer.directory
    trainer.loop.every_step = any(
        listener.every_step and type(listener).stepped is not Listener.stepped
        for listener in listeners
    )
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
        summary = conclude(trainer) if finished else unfinished(trainer)
    except DivergedError as error:
        trainer.outcome = "diverged"
        explained = DivergedError(f"{error}\n{diagnosis(trainer)}")
        ending = {**unfinished(trainer), "error": str(explained)}
        trainer.ranks.on_first(lambda: directory.write_summary(ending))
        raise explained from None
    finally:
        for listener in listeners:
            listener.ended()
    trainer.ranks.on_first(lambda: directory.write_summary(summary))
    return Run(directory.path, summary, interrupted=not finished)
