"""A training session: config, data and model, checked against each other and ready to train."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from nnkit.data.batches import Batches
from nnkit.errors import CheckpointError
from nnkit.inference.evaluation import evaluate
from nnkit.inference.trained_model import copy_params, save_trained, versions
from nnkit.nn.model import Model
from nnkit.optim.averaging import Average
from nnkit.optim.schedules import PlateauState
from nnkit.runs.checkpoint import Checkpoint
from nnkit.runs.directory import DEFAULT_RUNS, RunDirectory
from nnkit.task.config import Config
from nnkit.task.task import ReadySet, Task, prepare
from nnkit.training.loop import Evaluation, Loop, Progress
from nnkit.training.plan import Plan, plan

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


def build(config: Config, runs: Path = DEFAULT_RUNS) -> Session:
    """Loads the data and builds the model, checking all that can be checked before the first step.

    Raises:
        SettingError: settings, shapes and data do not fit together.
        DataError: the data is missing or damaged.
    """
    return assemble(prepare(config), runs)


def assemble(task: Task, runs: Path = DEFAULT_RUNS) -> Session:
    """Builds the session of a task, whose data is loaded.

    Raises:
        SettingError: settings, shapes and data do not fit together.
    """
    config, model = task.config, task.model()
    # All sets now: what is wrong with the test set had better be known before training.
    ready = {name: task.ready(name, model) for name in task.sets}
    planned = plan(task, model, ready)
    model.execution = planned.execution
    average = None
    if config.training.averaging is not None:
        average = Average(config.training.averaging, model.params.copy())
    return Session(
        task=task,
        model=model,
        loop=_loop(task, model, ready, planned, average),
        run=RunDirectory(runs / planned.run),
        monitor=planned.monitor,
        ready=ready,
    )


def _loop(
    task: Task, model: Model, ready: Mapping[str, ReadySet], planned: Plan, average: Average | None
) -> Loop:
    """The training loop of a plan."""
    config, train, pace = task.config, ready["train"], planned.pace

    def figures() -> dict[str, float]:
        with average.inside(model.params) if average is not None else nullcontext():
            return {
                f"{name}.{figure}": value
                for name in planned.watched
                for figure, value in evaluate(model, ready[name], task.metrics).items()
            }

    return Loop(
        model=model,
        optimizer=config.optimizer,
        slots=tuple(model.layout.zeros(model.dtype) for _ in config.optimizer.slots),
        regularization=config.regularization,
        batches=Batches(
            train.inputs,
            train.targets,
            pace.batch_size,
            config.seed,
            train.weights,
            config.data.augment,
        ),
        steps=pace.steps,
        evaluate_every=planned.evaluate_every,
        evaluate=figures,
        monitor=planned.monitor,
        accumulate=config.training.accumulate,
        average=average,
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
            "resumed with different versions or on a different processor, so results may differ "
            f"in the last digits: {', '.join(changed)}"
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
