"""What a training would be: shapes, parameters, memory and a timed step; nothing is written."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Any

from nnkit.nn.model import buffer_bytes, describe
from nnkit.training.config import Config
from nnkit.training.loop import Step
from nnkit.training.numerics import numerics
from nnkit.training.run import build


def dry_run(config: Config, runs: Path) -> dict[str, Any]:
    """Builds everything and takes two steps, of which the second is timed.

    Returns:
        `layers` (a row a stage), `parameters`, `memory` in bytes by purpose, `samples` by set,
        `steps`, `batch_size`, the first step's `loss` and the second's `seconds`.

    Raises:
        ConfigError: settings, shapes and data do not fit together.
        DataError: the data is missing or damaged.
        DivergedError: the first loss is NaN or infinite.
    """
    with config.locating():
        session = build(config, runs)
    model, loop = session.model, session.loop
    with numerics(session.threads):
        steps = (event for event in loop.run() if isinstance(event, Step))
        first = next(steps)  # this one also makes the buffers and shuffles the epoch
        began = perf_counter()
        next(steps, None)
        seconds = perf_counter() - began
    vectors = 2 + len(loop.slots)
    return {
        "layers": describe(model),
        "parameters": model.layout.size,
        "memory": {
            "data": loop.batches.inputs.nbytes + loop.batches.targets.nbytes,
            "parameters": vectors * model.params.nbytes,
            "buffers": buffer_bytes(model, loop.batches.batch_size),
        },
        "samples": {name: len(samples) for name, samples in session.task.sets.items()},
        "steps": loop.steps,
        "batch_size": loop.batches.batch_size,
        "loss": first.loss,
        "seconds": seconds,
    }
