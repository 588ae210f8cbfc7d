"""What a training would be: shapes, parameters, memory and one timed step; nothing is written."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from nnkit.nn.model import buffer_bytes, describe
from nnkit.training.config import Config
from nnkit.training.loop import Step
from nnkit.training.run import build
from nnkit.training.threads import limited_threads


def dry_run(config: Config, runs: Path) -> dict[str, Any]:
    """Builds everything and takes one step.

    Returns:
        `layers` (a row a stage), `parameters`, `memory` in bytes by purpose, `samples` by set,
        `steps`, `batch_size`, and of the one step `loss` and `seconds`.

    Raises:
        ConfigError: settings, shapes and data do not fit together.
        DataError: the data is missing or damaged.
        DivergedError: the first loss is NaN or infinite.
    """
    with config.locating():
        session = build(config, runs)
    model, loop = session.model, session.loop
    with limited_threads(session.threads), np.errstate(all="ignore"):
        began = perf_counter()
        first = next(loop.run())
        seconds = perf_counter() - began
    assert isinstance(first, Step)
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
