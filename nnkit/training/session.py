"""A training session: config, data and model, checked against each other and ready to train."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, replace
from math import prod
from pathlib import Path
from typing import Any

from nnkit.data import augment as augmentation
from nnkit.data.batches import Batches
from nnkit.errors import CheckpointError, SettingError
from nnkit.inference.evaluation import evaluate
from nnkit.inference.trained_model import copy_params, save_trained, versions
from nnkit.metrics import LAST, METRICS
from nnkit.nn.model import Model
from nnkit.nn.numerics import execution_for
from nnkit.optim.averaging import Average
from nnkit.optim.schedules import PlateauState
from nnkit.runs.checkpoint import Checkpoint
from nnkit.runs.directory import DEFAULT_RUNS, RunDirectory, run_hash
from nnkit.task.config import DEFAULT_EPOCHS, Config
from nnkit.task.task import ReadySet, Task, prepare
from nnkit.training.loop import Evaluation, Loop, Progress
from nnkit.version import __version__

CURRENT = "current"  # the slot with the parameters themselves, where a checkpoint has an average


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


@dataclass
class Session:
    """A config, its data and a model, built and checked: ready to train.

    Attributes:
        task: config and data.
        model: with initial weights, or those it resumes from.
        loop: the training loop.
        run: the folder.
        monitor: the figure that says which checkpoint is best.
        ready: the sets that training uses, as the network takes them.
        best: the best so far.
        seconds: of training, those of earlier sessions included.
        notices: what the user should know before the first step.
    """

    task: Task
    model: Model
    loop: Loop
    run: RunDirectory
    monitor: str
    ready: Mapping[str, ReadySet]
    best: Best = field(default_factory=Best)
    seconds: float = 0.0
    notices: list[str] = field(default_factory=list)

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
            "epochs": loop.steps / loop.per_epoch,
            "threads": self.model.execution.threads,
        }


@dataclass(frozen=True, slots=True)
class Pace:
    """How a training goes through its samples.

    Attributes:
        batch_size: samples in a batch.
        per_epoch: updates in an epoch.
        steps: updates in all.
    """

    batch_size: int
    per_epoch: int
    steps: int


def pace(config: Config, samples: int) -> Pace:
    """The pace of a config's training on so many samples."""
    training = config.training
    batch_size = min(training.batch_size, samples)
    if config.optimizer.full_batch:
        batch_size = samples
    per_epoch = -(-samples // (batch_size * training.accumulate))
    return Pace(
        batch_size, per_epoch, training.steps or (training.epochs or DEFAULT_EPOCHS) * per_epoch
    )


def build(config: Config, runs: Path = DEFAULT_RUNS) -> Session:
    """Loads the data and builds the model, checking all that can be checked before the first step.

    Raises:
        SettingError: settings, shapes and data do not fit together.
        DataError: the data is missing or damaged.
    """
    return assemble(prepare(config), runs)


def assemble(task: Task, runs: Path = DEFAULT_RUNS) -> Session:
    """Likewise, where the data is loaded."""
    config = task.config
    model = task.model()
    training = config.training
    wanted = ("validation",) if training.evaluate_on is None else training.evaluate_on
    watched = [name for name in wanted if name in task.sets]
    # All of them now: what is wrong with the test set had better be known before training.
    ready = {name: task.ready(name, model) for name in task.sets}
    train, optimizer = ready["train"], config.optimizer
    optimizer.check()
    augment = config.data.augment
    augmentation.check(augment, model.input_shape)
    planned = pace(config, len(train))
    model.execution = execution_for(model, planned.batch_size, training.threads)
    _check_batches(model, planned.batch_size, len(train))
    _check_counted(ready)
    size = planned.batch_size
    batches = Batches(train.inputs, train.targets, size, config.seed, train.weights, augment)
    average = None
    if training.averaging is not None:
        average = Average(training.averaging, model.params.copy())

    def figures() -> dict[str, float]:
        with average.inside(model.params) if average is not None else nullcontext():
            return {
                f"{name}.{figure}": value
                for name in watched
                for figure, value in evaluate(model, ready[name], task.metrics).items()
            }

    monitor = _monitor(config, watched, task.figures)
    loop = Loop(
        model=model,
        optimizer=optimizer,
        slots=tuple(model.layout.zeros(model.dtype) for _ in optimizer.slots),
        regularization=config.regularization,
        batches=batches,
        steps=planned.steps,
        evaluate_every=training.evaluate_every or planned.per_epoch,
        evaluate=figures,
        monitor=monitor,
        accumulate=training.accumulate,
        average=average,
    )
    _check_expected_names(config, list(task.sets), task.figures)
    digest = run_hash(config.resolved(), task.fingerprint, __version__)
    return Session(
        task=task,
        model=model,
        loop=loop,
        run=RunDirectory(runs / f"{config.name}-{digest}"),
        monitor=monitor,
        ready=ready,
    )


def _check_batches(model: Model, batch_size: int, samples: int) -> None:
    alone = batch_size == 1 or samples % batch_size == 1
    for stage in model.stages:
        if alone and stage.spec.needs_batch and prod(stage.input_shape[1:]) == 1:
            which = "each batch" if batch_size == 1 else f"the last of {samples} samples"
            raise SettingError(
                ("training", "batch_size"),
                f"'{stage.spec.tag()}' compares the samples of a batch, but {which} would be alone "
                "in one; take another batch_size",
            )


def _check_counted(ready: Mapping[str, ReadySet]) -> None:
    for name, data in ready.items():
        if data.weights is not None and not data.weights.any():
            raise SettingError(
                ("loss",), f"no sample of the {name} set counts: every weight there is 0"
            )


def _monitor(config: Config, watched: Sequence[str], names: Sequence[str]) -> str:
    figures = [f"{name}.{figure}" for name in watched for figure in names]
    own = ["train.loss", *(["train.objective"] if config.regularization.penalizes else [])]
    figures.extend(own)
    wanted = config.training.monitor
    if wanted is not None:
        if wanted not in [LAST, *figures]:
            raise SettingError(
                ("training", "monitor"),
                f"no figure '{wanted}'; there are {', '.join(figures)}, or {LAST}"
                + _metric_hint(wanted, watched),
            )
        if wanted == LAST and config.regularization.early_stopping is not None:
            raise SettingError(("training", "monitor"), "early stopping needs a figure to watch")
        return wanted
    if config.regularization.early_stopping is not None and "validation" not in watched:
        raise SettingError(
            ("regularization", "early_stopping"),
            "needs a validation set to watch; set data.split.validation, or training.monitor",
        )
    # The loss, because accuracy on a small validation set says "equal" too often.
    return "validation.loss" if "validation" in watched else own[-1]


def _metric_hint(wanted: str, watched: Sequence[str]) -> str:
    split, _, name = wanted.rpartition(".")
    return f"; training.metrics: [{name}] adds it" if name in METRICS and split in watched else ""


def _check_expected_names(config: Config, sets: Sequence[str], names: Sequence[str]) -> None:
    figures = [f"{name}.{figure}" for name in sets for figure in names]
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
    copy_params(checkpoint, session.model)
    slots = checkpoint.part("slots")
    try:
        for name, vector in zip(loop.optimizer.slots, loop.slots, strict=True):
            vector[...] = slots[name]
        if loop.average is not None:  # what the checkpoint calls parameters is their average
            loop.average.values[...] = session.model.params
            session.model.params[...] = slots[CURRENT]
        progress = header["progress"]
        loop.progress = Progress(**{**progress, "plateau": PlateauState(**progress["plateau"])})
        session.best = Best(**header["best"])
        session.seconds = float(header["seconds"])
        # Another number of threads could round differently.
        execution = session.model.execution
        session.model.execution = replace(execution, threads=int(header["threads"]))
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{checkpoint.path}: cannot be resumed from ({error})") from None
    before, now = header.get("versions", {}), versions(session.model)
    if changed := [
        f"{name} {before.get(name)} → {now[name]}" for name in now if now[name] != before.get(name)
    ]:
        session.notices.append(
            "resumed on other versions or another processor, so results may differ in the last "
            f"digits: {', '.join(changed)}"
        )
    session.run.rewind_metrics(loop.progress.step)


def save(session: Session, path: Path, evaluation: Evaluation | None = None) -> None:
    """Writes a checkpoint from which this session can be resumed."""
    loop = session.loop
    info = {
        "progress": asdict(loop.progress),
        "best": asdict(session.best),
        "seconds": round(session.seconds, 3),
        "threads": session.model.execution.threads,
        "figures": dict(evaluation.figures) if evaluation else {},
    }
    slots = dict(zip(loop.optimizer.slots, loop.slots, strict=True))
    model = session.model
    if loop.average is None:
        save_trained(path, model, session.task, slots, info)
        return
    slots[CURRENT] = model.params.copy()
    with loop.average.inside(model.params):
        save_trained(path, model, session.task, slots, info)
