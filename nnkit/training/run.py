"""One training from config to finished run: checkpoints, early stopping, gates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import inf
from pathlib import Path
from time import perf_counter
from typing import Any, Literal

from nnkit.errors import DivergedError, GateError, UsageError
from nnkit.metrics import higher_is_better
from nnkit.runs.checkpoint import read_checkpoint
from nnkit.runs.directory import DEFAULT_RUNS, RunDirectory
from nnkit.training.config import Config
from nnkit.training.listeners import Listener, LogFile
from nnkit.training.loop import Evaluation
from nnkit.training.numerics import numerics
from nnkit.training.session import Best, Session, build, restore, save
from nnkit.training.summary import conclude
from nnkit.training.trained import TrainedModel, trained_from

Outcome = Literal["completed", "stopped early", "interrupted"]


@dataclass(frozen=True, slots=True)
class Run:
    """A training that came to an end or was interrupted.

    Attributes:
        directory: its folder.
        summary: the content of summary.json; of an interrupted run, what is known so far.
        interrupted: whether it stopped early because it was asked to.
    """

    directory: Path
    summary: Mapping[str, Any]
    interrupted: bool = False

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
    """Trains a config's network; the run's folder holds everything that comes of it.

    Args:
        config: from `load_config`.
        runs: the folder in which the run's folder is made.
        resume: go on where an interrupted run of this config stopped; begin if there is none.
        restart: begin anew even if this config was trained before.
        listeners: told of every step and evaluation.
        should_stop: asked after each step; True saves and ends the training.

    Returns:
        The run. If it was finished before and `resume` is given, that run as it is.

    Raises:
        ConfigError: settings, shapes and data do not fit together; says where.
        DataError: the data is missing or damaged.
        UsageError: this config was trained before, and neither `resume` nor `restart` is given.
        DivergedError: the loss became NaN or infinite.
        GateError: a bound under `expect:` is not met; the run is complete nevertheless.
    """
    config.check()
    with config.locating():
        session = build(config, Path(runs))
    run = session.run
    with run.locked():
        if run.finished and resume:
            summary = run.read_summary()
            if summary is not None:
                finished = Run(run.path, summary)
                check_expectations(config, finished)
                return finished
        if (run.finished or run.begun) and not (resume or restart):
            state = "was trained before" if run.finished else "was interrupted"
            again = "" if run.finished else "--resume goes on where it stopped, "
            raise UsageError(f"{run.path} {state}; {again}--restart begins anew")
        if restart or not run.begun:
            run.clear()
        run.create(config.to_yaml())
        if run.begun:
            restore(session, read_checkpoint(run.last))
        with numerics(session.model):
            result = _fit(session, (LogFile(), *listeners), should_stop)
    if not result.interrupted:
        check_expectations(config, result)
    return result


def _fit(session: Session, listeners: tuple[Listener, ...], should_stop: Callable[[], bool]) -> Run:
    loop, run = session.loop, session.run
    for listener in listeners:
        listener.started(session)
    try:
        outcome = _follow(session, listeners, should_stop)
    except DivergedError as error:
        save(session, run.diverged)
        raise DivergedError(f"{error}\nthe weights as they were: {run.diverged}") from None
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
