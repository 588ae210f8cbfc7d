"""The setting for fast arithmetic: threads (small products are slower on two), denormals."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod

import numpy as np

from nnkit.blas import limited_threads
from nnkit.compiled import worthwhile
from nnkit.nn.denormals import flushed_denormals
from nnkit.nn.model import Model
from nnkit.nn.parallel.execution import Execution

# Multiplications in the largest product below which a second thread is not worth it. On an idle
# machine it pays from some 20 million on; but where another process wants the second processor,
# OpenBLAS's threads wait for each other at every product, and 784-512-10 trained at an eighth of
# its speed. One thread is never far behind there.
WORTHWHILE = 80_000_000
# The same threshold for a batch cut into micro-batches: handing one over takes some 100 µs.
WORTH_CUTTING = 4_000_000
# The threshold where threads share the rows of compiled convolutions: three hand-overs a step.
WORTH_SHARING = 40_000_000


def execution_for(model: Model, batch_size: int, threads: int | None) -> Execution:
    """The fastest execution settings for training a model.

    Args:
        model: the model to train.
        batch_size: samples in a batch.
        threads: number of threads requested; None for all processors, where there is work for them.
    """
    compiled = worthwhile(model.multiplications)
    return Execution(threads or _worthwhile_threads(model, batch_size, compiled), compiled)


def _worthwhile_threads(model: Model, batch_size: int, compiled: bool) -> int:
    whole = model.multiplications * batch_size
    if model.cuts_batches:
        return processors() if whole >= WORTH_CUTTING else 1
    if compiled and any(stage.spec.shares_rows for stage in model.stages):
        return processors() if whole >= WORTH_SHARING else 1
    weights = (p for stage in model.stages for p in stage.parameters)
    largest = max((prod(p.shape) * batch_size for p in weights), default=0)
    return processors() if largest >= WORTHWHILE else 1


def processors() -> int:
    """The processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def numerics(model: Model | None = None) -> Iterator[None]:
    """The setting for arithmetic: threads for matrix products, no denormals, no overflow warnings.

    NaN and infinity are looked for in the loss or the outputs, where the message can say more.

    Args:
        model: that is trained; its execution says how many threads share each product, unless they
            share its batches. None for work outside training, whose products take one thread: how
            BLAS rounds depends on their number.
    """
    threads = 1
    if model is not None and not model.shares_batches(training=True):
        threads = model.execution.threads
    with limited_threads(threads), flushed_denormals(), np.errstate(all="ignore"):
        yield
