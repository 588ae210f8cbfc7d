"""One training from config to finished run: checkpoints, early stopping, gates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import inf
from operator import itemgetter
from pathlib import Path
from time import perf_counter
from typing import Any, Literal

from nnkit.errors import DivergedError, GateError, UsageError
from nnkit.inference.trained_model import TrainedModel, trained_from
from nnkit.metrics import higher_is_better
from nnkit.nn.numerics import numerics
from nnkit.runs.checkpoint import read_checkpoint
from nnkit.runs.differences import DATA, brief, differences, identity, identity_of
from nnkit.runs.directory import DEFAULT_RUNS, RunDirectory, list_runs
from nnkit.task.config import Config
from nnkit.training.listeners import Listener, LogFile
from nnkit.training.loop import Evaluation
from nnkit.training.session import Best, Session, build, restore, save
from nnkit.training.summary import conclude
from nnkit.version import __version__

MOST_DIFFERENCES = 3  # that are named where there is nothing to resume
Outcome = Literal["completed", "stopped early", "interrupted"]


@dataclass(frozen=True, slots=True)
class Run:
    """A finished or interrupted run.

    Attributes:
        directory: its folder.
        summary: the content of summary.json; of an interrupted run, what is known so far.
        interrupted: whether it stopped before its end because it was asked to.
        already_finished: whether it was finished before `train` was called, which then only
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
    should_stop: Callable[[], bool] = lambda: False,
) -> Run:
    """Trains a config's network, unless this was done before, and saves all output in a folder.

    A run belongs to one config, data and version of nnkit. If it is finished, it is returned as it
    is, with `already_finished` set.

    Args:
        config: from `load_config`.
        runs: the folder in which the run's folder is made.
        resume: continue an interrupted run of this config; without one, start from step 0.
        restart: train from step 0, replacing a finished or interrupted run of this config.
        listeners: told of every step and evaluation.
        should_stop: asked after each step; True saves and ends the training.

    Returns:
        The run.

    Raises:
        ConfigError: settings, shapes and data do not fit together; says where.
        DataError: the data is missing or damaged.
        UsageError: a run of this config was interrupted, and neither `resume` nor `restart` is
            given; or another process is training it.
        DivergedError: the loss became NaN or infinite.
        GateError: a bound under `expect:` is not met; the run is complete nevertheless.
    """
    config.check()
    with config.locating():
        session = build(config, Path(runs))
    run = session.run
    with run.locked():
        summary = None if restart else run.read_summary()
        if summary is not None:
            result = Run(run.path, summary, already_finished=True)
        else:
            _open(session, resume=resume, restart=restart)
            with numerics(session.model):
                result = _fit(session, (LogFile(), *listeners), should_stop)
    if not result.interrupted:
        check_expectations(config, result)
    return result


def _open(session: Session, *, resume: bool, restart: bool) -> None:
    """Makes the run's folder ready, and puts the session where an interrupted run stopped."""
    run = session.run
    if run.begun and not (resume or restart):
        raise UsageError(
            f"{run.path} was interrupted; use --resume to continue it or --restart to start over"
        )
    if restart or not run.begun:
        run.clear()
    if resume and not run.begun:
        session.notices.extend(_nothing_to_resume(session))
    run.create(session.config.to_yaml())
    if run.begun:
        restore(session, read_checkpoint(run.last))


def _nothing_to_resume(session: Session) -> Iterator[str]:
    """Says in which settings the run differs from the most similar one of its name, if any."""
    run, task = session.run, session.task
    own = identity_of(task.config.resolved(), task.fingerprint, __version__)
    similar = [
        (len(there | here), other, there, here)
        for other in reversed(list_runs(run.path.parent))
        if other.begun and other.name == run.name
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


def _fit(session: Session, listeners: tuple[Listener, ...], should_stop: Callable[[], bool]) -> Run:
    loop, run = session.loop, session.run
    for listener in listeners:
        listener.started(session)
    try:
        outcome = _follow(session, listeners, should_stop)
    except DivergedError as error:
        save(session, run.diverged)
        raise DivergedError(f"{error}\nlast weights saved to {run.diverged}") from None
    finally:
        for listener in listeners:
            listener.ended()
    if outcome == "interrupted":
        return Run(run.path, {**session.summary(), "step": loop.progress.step}, interrupted=True)
    summary = conclude(session, outcome)
    run.write_summary(summary)
    return Run(run.path, summary)


def _follow(
    session: Session, listeners: tuple[Listener, ...], should_stop: Callable[[], bool]
) -> Outcome:
    """Runs the loop to its end, or until patience or the user's runs out; saves on the way."""
    loop, run = session.loop, session.run
    every = session.config.training.checkpoint_every
    stopping = session.config.regularization.early_stopping

    def out_of_patience() -> bool:
        return stopping is not None and session.best.evaluations_since >= stopping.patience

    if out_of_patience():  # resumed from the save after which training was to stop
        return "stopped early"
    began = perf_counter() - session.seconds
    for event in loop.run():
        session.seconds = perf_counter() - began
        if isinstance(event, Evaluation):
            _record(session, event, listeners)
            if out_of_patience():
                return "stopped early"
        else:
            for listener in listeners:
                listener.stepped(event)
            if loop.evaluation_due:
                continue  # it comes next, and a run saved before it would lack it when resumed
            if every and event.number % every == 0:
                save(session, run.last)
        if should_stop() and loop.progress.step < loop.steps:
            save(session, run.last)
            return "interrupted"
    return "completed"


def _record(session: Session, evaluation: Evaluation, listeners: tuple[Listener, ...]) -> None:
    run = session.run
    improved = _note(session, evaluation)
    run.append_metrics(evaluation.record())
    if improved:
        save(session, run.best, evaluation)
    save(session, run.last, evaluation)
    for listener in listeners:
        listener.evaluated(evaluation, improved)


def _note(session: Session, evaluation: Evaluation) -> bool:
    """Takes an evaluation into account; True if it is the best so far."""
    value, best = evaluation.monitored(session.monitor), session.best
    if _before_averaging(session, best.step):  # another kind of weights: no comparison
        best = Best()
    stopping = session.config.regularization.early_stopping
    least = stopping.minimum_change if stopping else 0.0
    if best.value is None:
        gain = inf
    else:
        gain = value - best.value
        if not higher_is_better(session.monitor):
            gain = -gain
    if gain > least or _before_averaging(session, evaluation.step):
        session.best = Best(value, evaluation.step, 0)
        return True
    best.evaluations_since += 1
    return False


def _before_averaging(session: Session, step: int) -> bool:
    """Whether at that step an average that the config wants had not begun."""
    averaging = session.config.training.averaging
    return averaging is not None and not averaging.begun(step, session.loop.steps)


def check_expectations(config: Config, run: Run) -> None:
    """Holds the final figures against `expect:`.

    Raises:
        GateError: one or more are not met; names them all.
    """
    missed = []
    for name, bound in config.expect.items():
        split, _, figure = name.partition(".")
        value = run.summary["results"][split][figure]
        if bound.min is not None and not value >= bound.min:
            missed.append(f"{name} is {value:.6g}, expected at least {bound.min:.6g}")
        if bound.max is not None and not value <= bound.max:
            missed.append(f"{name} is {value:.6g}, expected at most {bound.max:.6g}")
    if missed:
        raise GateError("\n".join(missed), run)
