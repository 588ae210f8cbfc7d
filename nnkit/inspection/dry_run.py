"""A dry run of training: shapes, parameters, memory and a timed step; nothing is written."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Any

from nnkit.nn.model import buffer_bytes, describe
from nnkit.nn.numerics import numerics
from nnkit.runs.directory import DEFAULT_RUNS
from nnkit.task.config import ConfigLike, load_config
from nnkit.task.task import load_task
from nnkit.training.trainer import Trainer


def dry_run(config: ConfigLike, runs: Path | str = DEFAULT_RUNS) -> dict[str, Any]:
    """Builds everything and takes two steps, of which the second is timed.

    Args:
        config: a config from `load_config`, or what it takes.
        runs: the folder in which the run's folder would be created.

    Returns:
        `layers` (one row per stage), `parameters`, `memory` in bytes by purpose, `samples` by set,
        `steps`, `batch_size`, the first step's `loss` and the second's `seconds`.

    Raises:
        ConfigError: settings, shapes and data do not fit together.
        DataError: the data is missing or damaged.
        DivergedError: the first loss is NaN or infinite.
    """
    config = load_config(config)
    with config.locating():
        trainer = Trainer(load_task(config), Path(runs))
    model, loop = trainer.model, trainer.loop
    with numerics(model):
        batch = next(loop.batches.epoch(0))
        loss = loop.step((batch,))  # the first step also allocates the buffers
        began = perf_counter()
        loop.step((batch,))
        seconds = perf_counter() - began
    vectors = 2 + len(loop.optimizer_state)
    size, threads = loop.batches.batch_size, model.execution.threads
    at_once = min(size, model.micro_batch_size(size, training=True) * threads)
    return {
        "layers": describe(model),
        "parameters": model.layout.size,
        "memory": {
            "data": sum(x.inputs.nbytes + x.targets.nbytes for x in trainer.sets.values()),
            "parameters": vectors * model.params.nbytes,
            "buffers": buffer_bytes(model, at_once),
        },
        "samples": {name: len(samples) for name, samples in trainer.task.sets.items()},
        "steps": loop.steps,
        "batch_size": loop.batches.batch_size,
        "loss": loss,
        "seconds": seconds,
    }
