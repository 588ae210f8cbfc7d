"""A dry run of training: shapes, parameters, memory and timed steps; nothing is written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from nnkit.errors import DivergedError
from nnkit.inference.evaluation import evaluate
from nnkit.nn.model import buffer_bytes, describe
from nnkit.nn.numerics import numerics
from nnkit.runs.directory import DEFAULT_RUNS
from nnkit.task.config import ConfigLike, load_config
from nnkit.task.task import load_task
from nnkit.training.loop import Evaluation, Loop, Step
from nnkit.training.trainer import Trainer

MOST_STEPS, MOST_SECONDS = 20, 0.1  # that are timed, whichever comes first


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
        "memory": sum(_memory(trainer).values()),
    }


def _trainer(config: ConfigLike, runs: Path | str) -> Trainer:
    config = load_config(config)
    with config.locating():
        return Trainer(load_task(config), Path(runs))


def _report(trainer: Trainer) -> dict[str, Any]:
    """The report of `dry_run`."""
    model, loop = trainer.model, trainer.loop
    with numerics(model):
        loss, seconds = _timed_steps(loop)
    return {
        "layers": describe(model),
        "parameters": model.layout.size,
        "memory": _memory(trainer),
        "samples": {name: len(samples) for name, samples in trainer.task.sets.items()},
        "steps": loop.steps,
        "batch_size": loop.batches.batch_size,
        "loss": loss,
        "seconds": seconds,
    }


def _memory(trainer: Trainer) -> dict[str, int]:
    """The bytes of memory by purpose."""
    model, loop = trainer.model, trainer.loop
    vectors = 2 + len(loop.optimizer_state)
    size, threads = loop.batches.batch_size, model.execution.threads
    at_once = min(size, model.micro_batch_size(size, training=True) * threads)
    return {
        "data": sum(x.inputs.nbytes + x.targets.nbytes for x in trainer.sets.values()),
        "parameters": vectors * model.params.nbytes,
        "buffers": buffer_bytes(model, at_once),
    }


def _predicted_seconds(trainer: Trainer) -> float:
    """The predicted seconds of all steps and evaluations, in training and at its end."""
    loop, sets = trainer.loop, trainer.sets
    began = perf_counter()
    evaluate(trainer.model, sets["train"], trainer.task.metrics)
    of_one = (perf_counter() - began) / len(sets["train"])
    of_step, of_evaluation = _median_seconds(trainer.train())
    if of_evaluation is None:  # the first one is far away
        of_evaluation = of_one * sum(len(sets[name]) for name in trainer.plan.watched)
    count = -(-loop.steps // loop.evaluate_every)
    return loop.steps * of_step + count * of_evaluation + of_one * sum(map(len, sets.values()))


def _median_seconds(events: Iterator[Step | Evaluation]) -> tuple[float, float | None]:
    """The median seconds of the first steps and of the first evaluations; None without one.

    Raises:
        DivergedError: the first loss is NaN or infinite.
    """
    steps, evaluations = list[float](), list[float]()
    before = perf_counter()
    try:
        for event in events:
            now = perf_counter()
            (steps if isinstance(event, Step) else evaluations).append(now - before)
            if sum(steps) + sum(evaluations) >= MOST_SECONDS:
                break
            before = perf_counter()
    except DivergedError:
        if not steps:
            raise
    return median(steps), median(evaluations) if evaluations else None


def _timed_steps(loop: Loop) -> tuple[float, float]:
    """The loss of the first step, and the median seconds of a few after it.

    The first one is not timed if there are others, because it also allocates the buffers.

    Raises:
        DivergedError: the first loss is NaN or infinite.
    """
    events = loop.run()
    before = perf_counter()
    first = next(events)
    assert isinstance(first, Step)
    after = perf_counter()
    seconds, later = after - before, list[float]()
    with suppress(DivergedError):  # of a later step, which is reported in training
        for event in islice(events, MOST_STEPS):
            before, after = after, perf_counter()
            if isinstance(event, Step):
                later.append(after - before)
            if sum(later) >= MOST_SECONDS:
                break
    return first.loss, median(later or [seconds])
