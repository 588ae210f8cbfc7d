"""Settings for fast arithmetic: thread counts (small products are slower on two), denormals."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from math import prod

import numpy as np

from nnkit.blas import limited_threads
from nnkit.nn.denormals import flushed_denormals
from nnkit.nn.model import Model
from nnkit.nn.parallel.execution import Execution
from nnkit.ranks import ALONE, Ranks

# Number of multiplications in the largest product below which one thread is used. On an idle
# machine a second one pays off from about 20 million on. But if another process uses the second
# processor, OpenBLAS's threads wait for each other at every product, and 784-512-10 trained at an
# eighth of its speed. Below this threshold one thread is never much slower.
WORTHWHILE = 80_000_000
# The threshold for a batch split into micro-batches: handing one over takes about 100 µs.
MIN_SPLIT_WORK = 4_000_000
# The threshold for programs: a training step of about 20 µs. Their threads meet within a
# microsecond, and while one alone is faster, only that one computes.
MIN_PROGRAM_WORK = 500_000
# The threshold for predictions by programs: a pass of about 5 µs.
MIN_PREDICTED_WORK = 500_000


def execution_for(
    model: Model,
    batch_size: int,
    threads: int | None,
    budget: int | None = None,
    ranks: Ranks = ALONE,
) -> Execution:
    """The fastest execution settings for training a model.

    Args:
        model: the model to train.
        batch_size: samples in a batch.
        threads: number of threads requested; None for all available ones, if the work is large
            enough.
        budget: the most threads of each process, whatever is requested; None for no limit.
        ranks: the processes that share the batch; those on one machine divide its processors.
    """
    share, most = -(-batch_size // ranks.size), ranks.processors()
    chosen = threads or ranks.size * _worthwhile_threads(model, share, most)
    allowed = min(chosen, (budget or chosen) * ranks.size)
    return Execution(allowed, model.program is not None, ranks.size)


def _worthwhile_threads(model: Model, batch_size: int, most: int) -> int:
    """One thread, or `most` if a batch is large enough."""
    whole = model.multiplications * batch_size
    if model.program is not None:
        return most if whole >= MIN_PROGRAM_WORK else 1
    if model.splits_batches:
        return most if whole >= MIN_SPLIT_WORK else 1
    weights = (p for stage in model.stages for p in stage.parameters)
    largest = max((prod(p.shape) * batch_size for p in weights), default=0)
    return most if largest >= WORTHWHILE else 1


def program_threads(model: Model, samples: int) -> int:
    """The number of threads for a forward pass by the compiled kernels.

    It changes no bits of the outputs, so it need not be that of training.
    """
    enough = model.multiplications * samples >= MIN_PREDICTED_WORK
    return _processors_at_first() if enough else 1


@cache
def _processors_at_first() -> int:
    """The number of processors when it was first asked for; a small pass takes less than to ask.

    If there are fewer later on, programs find that one thread is faster.
    """
    return processors()


def processors() -> int:
    """The number of processors that this process may use."""
    return ALONE.processors()


@contextmanager
def numerics(model: Model | None = None) -> Iterator[None]:
    """Sets the threads of matrix products and disables denormals and warnings within the block.

    NaN and infinity are detected in the loss or the outputs instead, where an error message can
    give more detail.

    Args:
        model: the model to train; its execution settings give the number of threads for each
            product, unless threads share its batches. None outside training, where products use one
            thread, because the rounding of BLAS depends on the number of threads.
    """
    threads = 1
    if model is not None and not model.shares_batches(training=True):
        threads = model.execution.own_threads
    with limited_threads(threads), quiet_arithmetic():
        yield


def numerics_of(execution: Execution) -> AbstractContextManager[None]:
    """Sets for a forward pass, within the block, what `numerics` sets and the pass depends on.

    Programs need no BLAS; limiting its threads takes longer than they do for a single sample.
    """
    return quiet_arithmetic() if execution.program else numerics()


@contextmanager
def quiet_arithmetic() -> Iterator[None]:
    """Disables denormals and the warnings of NumPy's arithmetic within the block."""
    with flushed_denormals(), np.errstate(all="ignore"):
        yield
