"""A dry run of training: shapes, parameters, memory and timed steps; nothing is written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, NamedTuple

from nnkit.data.sequence_batches import SequenceBatches
from nnkit.data.stream_batches import StreamBatches
from nnkit.errors import DivergedError
from nnkit.inference.evaluation import evaluate
from nnkit.nn.model_summary import describe
from nnkit.nn.numerics import numerics
from nnkit.runs.directory import DEFAULT_RUNS
from nnkit.task.config_loading import ConfigLike, load_config
from nnkit.task.task_loading import load_task
from nnkit.training.events import Evaluation, Step
from nnkit.training.trainer import Trainer

LONG_ENOUGH = 0.1  # seconds of training that are timed


def dry_run(config: ConfigLike, runs: Path | str = DEFAULT_RUNS) -> dict[str, Any]:
    """Builds everything, and times a few steps after the first.

    Args:
        config: a config from `load_config`, or what it takes.
        runs: the folder in which the run's folder would be created.

    Returns:
        `layers` (one row per stage), `parameters`, `memory` in bytes by purpose, `samples` by set,
        `steps`, `batch_size`, the first step's `loss` and the `seconds` of a later one.

    Raises:
        ConfigError: settings, shapes and data do not fit together.
        DataError: the data is missing or damaged.
        DivergedError: the first loss is NaN or infinite.
    """
    return _report(_trainer(config, runs))


def predict_training(config: ConfigLike) -> dict[str, Any]:
    """Predicts the resources of a training, which begins in a temporary folder for that.

    Args:
        config: a config from `load_config`, or what it takes.

    Returns:
        `steps`, `parameters`, the `seconds` of all steps and evaluations, bytes of `memory`.

    Raises:
        ConfigError, DataError, DivergedError: as `dry_run`.
    """
    with TemporaryDirectory() as folder:
        trainer = _trainer(config, folder)
        trainer.directory.create("")
        with numerics(trainer.model):
            seconds = _predicted_seconds(trainer)
    loop = trainer.loop
    return {
        "steps": loop.steps,
        "parameters": trainer.model.layout.size,
        "seconds": seconds,
        "memory": sum(memory_of(trainer).values()),
    }


def _trainer(config: ConfigLike, runs: Path | str) -> Trainer:
    config = load_config(config)
    with config.locating():
        return Trainer(load_task(config), Path(runs))


def _report(trainer: Trainer) -> dict[str, Any]:
    """The report of `dry_run`."""
    model, loop = trainer.model, trainer.loop
    with numerics(model):
        timing = _timed(loop.run())
    return {
        "layers": describe(model),
        "parameters": model.layout.size,
        "memory": memory_of(trainer),
        "samples": {name: len(samples) for name, samples in trainer.task.sets.items()},
        "steps": loop.steps,
        "batch_size": loop.batches.batch_size,
        "loss": timing.loss,
        "seconds": timing.step,
    }


def memory_of(trainer: Trainer) -> dict[str, int]:
    """The bytes of memory that training takes: its `data`, `parameters` and `buffers`."""
    model = trainer.model
    vectors = 2 + len(trainer.loop.optimizer_state)
    return {
        "data": sum(x.inputs.nbytes + x.targets.nbytes for x in trainer.sets.values()),
        "parameters": vectors * model.params.nbytes,
        "buffers": _buffers(trainer),
    }


def _buffers(trainer: Trainer) -> int:
    """The bytes of the network's buffers for the largest batch."""
    model, batches = trainer.model, trainer.loop.batches
    if isinstance(batches, SequenceBatches):
        samples, positions, target_positions = batches.largest
        return model.training_bytes(samples, (positions,), (target_positions,))
    if isinstance(batches, StreamBatches):
        longest = int(batches.inputs.lengths.max(initial=batches.inputs.fewest))
        return model.training_bytes(batches.batch_size, (longest,))
    return model.training_bytes(batches.batch_size)


def _predicted_seconds(trainer: Trainer) -> float:
    """The predicted seconds of all steps and evaluations, in training and at its end."""
    loop, sets = trainer.loop, trainer.sets
    smallest = min(sets.values(), key=len)
    began = perf_counter()
    evaluate(trainer.model, smallest, trainer.task.metrics)
    of_one = (perf_counter() - began) / len(smallest)
    timing = _timed(trainer.train())
    of_evaluation = timing.evaluation
    if of_evaluation is None:  # the first one is far away
        of_evaluation = of_one * sum(len(sets[name]) for name in trainer.plan.watched)
    count = -(-loop.steps // loop.evaluate_every)
    return loop.steps * timing.step + count * of_evaluation + of_one * sum(map(len, sets.values()))


class _Timing(NamedTuple):
    """The first events of training.

    Attributes:
        loss: the loss of the first step.
        step: the median seconds of a step.
        evaluation: the median seconds of an evaluation; None if there was none.
    """

    loss: float
    step: float
    evaluation: float | None


def _timed(events: Iterator[Step | Evaluation]) -> _Timing:
    """Times the first events of training.

    The first step counts only if it is the only one, because it also allocates the buffers.

    Raises:
        DivergedError: the first loss is NaN or infinite.
    """
    began = perf_counter()
    first = next(events)
    assert isinstance(first, Step)
    after = perf_counter()
    of_first, steps, evaluations = after - began, list[float](), list[float]()
    with suppress(DivergedError):  # in a later step, which training reports
        for event in events:
            before, after = after, perf_counter()
            (steps if isinstance(event, Step) else evaluations).append(after - before)
            if sum(steps) + sum(evaluations) >= LONG_ENOUGH:
                break
    evaluation = median(evaluations) if evaluations else None
    return _Timing(first.loss, median(steps or [of_first]), evaluation)
