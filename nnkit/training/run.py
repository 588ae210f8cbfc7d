"""One training from config to finished run: folder, checkpoints, early stopping, summary."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from math import inf
from pathlib import Path
from time import perf_counter
from typing import Any, Literal

import numpy as np

from nnkit.data.batches import Batches
from nnkit.errors import CheckpointError, DivergedError, GateError, SettingError, UsageError
from nnkit.nn.model import Model
from nnkit.nn.params import Array
from nnkit.runs.checkpoint import Checkpoint, read_checkpoint
from nnkit.runs.directory import DEFAULT_RUNS, RunDirectory, run_hash
from nnkit.training.config import DEFAULT_EPOCHS, Config
from nnkit.training.loop import Evaluation, Loop, Progress, Step
from nnkit.training.metrics import HIGHER_IS_BETTER, names
from nnkit.training.numerics import numerics, threads_for
from nnkit.training.task import ReadySet, Task, evaluate, prepare
from nnkit.training.trained import (
    TrainedModel,
    copy_params,
    save_trained,
    trained_from,
    versions,
)
from nnkit.version import __version__

Outcome = Literal["completed", "stopped early", "interrupted"]


class Listener:
    """Told of what happens in a training; what it does cannot change the numbers."""

    def started(self, session: Session) -> None:
        """Everything is built and checked; the first step comes next."""

    def stepped(self, step: Step) -> None:
        """An update was done."""

    def evaluated(self, evaluation: Evaluation, improved: bool) -> None:
        """An evaluation was made; `improved` says that it is the best so far."""

    def ended(self) -> None:
        """Training is over, for whatever reason."""


@dataclass(slots=True)
class Best:
    """The best evaluation so far.

    Attributes:
        value: of the monitored figure, None before the first evaluation.
        step: at which it was reached.
        evaluations_since: how many evaluations were no better.
    """

    value: float | None = None
    step: int = 0
    evaluations_since: int = 0


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


@dataclass
class Session:
    """A config, its data and a model, built and checked: ready to train.

    Attributes:
        task: config and data.
        model: with initial weights, or those it resumes from.
        loop: the training loop.
        run: the folder.
        threads: for matrix products.
        monitor: the figure that says which checkpoint is best.
        ready: the sets that training uses, as the network takes them.
        best: the best so far.
        seconds: that earlier sessions of this run took.
    """

    task: Task
    model: Model
    loop: Loop
    run: RunDirectory
    threads: int
    monitor: str
    ready: Mapping[str, ReadySet]
    best: Best = field(default_factory=Best)
    seconds: float = 0.0

    @property
    def config(self) -> Config:
        return self.task.config

    def summary(self) -> dict[str, Any]:
        """What is known before the first step."""
        loop = self.loop
        return {
            "name": self.config.name,
            "parameters": self.model.layout.size,
            "training_samples": len(loop.batches.inputs),
            "batch_size": loop.batches.batch_size,
            "steps": loop.steps,
            "epochs": loop.steps / loop.batches.per_epoch,
            "threads": self.threads,
        }


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
        with numerics(session.threads):
            result = _fit(session, tuple(listeners), should_stop)
    if not result.interrupted:
        check_expectations(config, result)
    return result


def build(config: Config, runs: Path = DEFAULT_RUNS) -> Session:
    """Loads the data and builds the model, checking all that can be checked before the first step.

    Raises:
        SettingError: settings, shapes and data do not fit together.
        DataError: the data is missing or damaged.
    """
    task = prepare(config)
    model = task.model()
    training = config.training
    watched = [name for name in training.evaluate_on or ("validation",) if name in task.sets]
    ready = {name: task.ready(name, model) for name in ("train", *watched)}
    batch_size = min(training.batch_size, len(ready["train"]))
    batches = Batches(ready["train"].inputs, ready["train"].coded, batch_size, config.seed)
    steps = training.steps or (training.epochs or DEFAULT_EPOCHS) * batches.per_epoch
    classification = task.dataset.classes is not None

    def figures() -> dict[str, float]:
        return {
            f"{name}.{figure}": value
            for name in watched
            for figure, value in evaluate(model, ready[name], classification).items()
        }

    optimizer = config.optimizer
    loop = Loop(
        model=model,
        optimizer=optimizer,
        slots=tuple(model.layout.zeros(model.dtype) for _ in optimizer.slots),
        regularization=config.regularization,
        batches=batches,
        steps=steps,
        evaluate_every=training.evaluate_every or batches.per_epoch,
        evaluate=figures,
    )
    monitor = _monitor(config, watched, classification)
    _check_expected_names(config, list(task.sets), classification)
    digest = run_hash(config.resolved(), task.fingerprint, __version__)
    return Session(
        task=task,
        model=model,
        loop=loop,
        run=RunDirectory(runs / f"{config.name}-{digest}"),
        threads=threads_for(model, batch_size, training.threads),
        monitor=monitor,
        ready=ready,
    )


def _monitor(config: Config, watched: Sequence[str], classification: bool) -> str:
    figures = [f"{name}.{figure}" for name in watched for figure in names(classification)]
    own = ["train.loss", *(["train.objective"] if config.regularization.penalizes else [])]
    figures.extend(own)
    wanted = config.training.monitor
    if wanted is not None:
        if wanted not in figures:
            raise SettingError(
                ("training", "monitor"), f"no figure '{wanted}'; there are {', '.join(figures)}"
            )
        return wanted
    if config.regularization.early_stopping is not None and "validation" not in watched:
        raise SettingError(
            ("regularization", "early_stopping"),
            "needs a validation set to watch; set data.split.validation, or training.monitor",
        )
    # The loss, because accuracy on a small validation set says "equal" too often.
    return "validation.loss" if "validation" in watched else own[-1]


def _check_expected_names(config: Config, sets: Sequence[str], classification: bool) -> None:
    figures = [f"{name}.{figure}" for name in sets for figure in names(classification)]
    if config.regularization.penalizes:
        figures.append("train.objective")
    for name in config.expect:
        if name not in figures:
            raise SettingError(
                ("expect", name), f"no such figure; there are {', '.join(sorted(figures))}"
            )


def restore(session: Session, checkpoint: Checkpoint) -> None:
    """Puts a session where a checkpoint of the same run left off.

    Raises:
        CheckpointError: it is of another network or lacks what training needs.
    """
    loop, header = session.loop, checkpoint.header
    copy_params(checkpoint.part("params"), session.model)
    slots = checkpoint.part("slots")
    try:
        for name, vector in zip(loop.optimizer.slots, loop.slots, strict=True):
            vector[...] = slots[name]
        loop.progress = Progress(**header["progress"])
        session.best = Best(**header["best"])
        session.seconds = float(header["seconds"])
        session.threads = int(header["threads"])  # other threads could round differently
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{checkpoint.path}: cannot be resumed from ({error})") from None
    session.run.rewind_metrics(loop.progress.step)


def _fit(session: Session, listeners: tuple[Listener, ...], should_stop: Callable[[], bool]) -> Run:
    loop, run = session.loop, session.run
    for listener in listeners:
        listener.started(session)
    try:
        outcome = _follow(session, listeners, should_stop)
    except DivergedError as error:
        save(session, run.diverged)
        raise DivergedError(f"{error}\nweights before that step: {run.diverged}") from None
    finally:
        for listener in listeners:
            listener.ended()
    if outcome == "interrupted":
        return Run(run.path, {**session.summary(), "step": loop.progress.step}, interrupted=True)
    summary = _conclude(session, outcome)
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
    value, best = evaluation.all_figures()[session.monitor], session.best
    stopping = session.config.regularization.early_stopping
    least = stopping.minimum_change if stopping else 0.0
    higher = session.monitor.rpartition(".")[2] in HIGHER_IS_BETTER
    if best.value is None:
        gain = inf
    else:
        gain = value - best.value if higher else best.value - value
    if gain > least:
        session.best = Best(value, evaluation.step, 0)
        return True
    best.evaluations_since += 1
    return False


def save(session: Session, path: Path, evaluation: Evaluation | None = None) -> None:
    """Writes a checkpoint from which this session can be resumed."""
    task, loop = session.task, session.loop
    trained = TrainedModel(
        session.model,
        task.config,
        task.preprocessor,
        task.dataset.classes,
        task.dataset.input_shape,
        {},
    )
    info = {
        "label": task.dataset.label,
        "data": task.fingerprint,
        "progress": asdict(loop.progress),
        "best": asdict(session.best),
        "seconds": round(session.seconds, 3),
        "threads": session.threads,
        "figures": dict(evaluation.figures) if evaluation else {},
    }
    save_trained(path, trained, dict(zip(loop.optimizer.slots, loop.slots, strict=True)), info)


def _conclude(session: Session, outcome: Outcome) -> dict[str, Any]:
    """The finished run's summary, scored with its best weights."""
    task, model, loop, run = session.task, session.model, session.loop, session.run
    last_sum = weights_sum(model.params)
    copy_params(read_checkpoint(run.best).part("params"), model)
    classification = task.dataset.classes is not None
    results: dict[str, dict[str, float]] = {}
    sizes: dict[str, int] = {}
    for name in ("train", "validation", "test"):
        if name in task.sets:
            data = session.ready.get(name) or task.ready(name, model)
            results[name], sizes[name] = evaluate(model, data, classification), len(data)
    if loop.regularization.penalizes:
        weights = model.params[model.layout.decayed].astype(np.float64)
        penalty = loop.regularization.penalty(weights)
        results["train"]["objective"] = results["train"]["loss"] + penalty
    records = run.read_metrics()
    return {
        **session.summary(),
        "outcome": outcome,
        "step": loop.progress.step,
        "seconds": round(session.seconds, 3),
        "samples_per_second": round(
            loop.progress.step * loop.batches.batch_size / max(session.seconds, 1e-9)
        ),
        "monitor": session.monitor,
        "best": {"step": session.best.step, session.monitor: session.best.value},
        "results": results,
        "samples": sizes,
        "peak": _peaks(records),
        "weights_sha256": last_sum,
        "best_weights_sha256": weights_sum(model.params),
        "versions": versions(),
    }


def _peaks(records: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """For each figure watched during training, its best value and when that was."""
    peaks: dict[str, dict[str, float]] = {}
    for key in records[0] if records else ():
        if key in ("step", "epoch", "lr", "samples_per_second"):
            continue
        sign = 1 if key.rpartition(".")[2] in HIGHER_IS_BETTER else -1
        top = max(records, key=lambda record: sign * record[key])
        peaks[key] = {"value": top[key], "step": top["step"], "epoch": top["epoch"]}
    return peaks


def weights_sum(params: Array) -> str:
    """SHA-256 over a flat parameter vector: equal only if every bit is."""
    return sha256(params.tobytes()).hexdigest()


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
