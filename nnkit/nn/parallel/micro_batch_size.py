"""The size of micro-batches, whose buffers fit into the cache."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from nnkit.nn.form import Positions
from nnkit.nn.layer_spec import Stage
from nnkit.nn.parallel.execution import Execution
from nnkit.nn.parameterized_chain import ParameterizedChain

CACHE = 1 << 25  # upper bound on the buffers of a micro-batch, in bytes
STEP = 16  # micro-batch sizes are multiples of it: the widest vector holds 16 float32


def micro_batch_size(
    chain: ParameterizedChain,
    batch: int,
    training: bool,
    execution: Execution,
    positions: Positions = (),
) -> int:
    """The number of samples of a batch that are processed at a time.

    This is the whole batch if threads share the work of each layer. Otherwise each thread processes
    vectors in one piece, and images in micro-batches that fit into the cache.

    Args:
        chain: the layers.
        batch: the number of samples, N.
        training: whether they are trained.
        execution: the execution settings.
        positions: the batch's positions, if they vary.
    """
    if not chain.shares_batches(training):
        return batch
    # In training the size is the same for any number of ranks, like the random draws.
    threads = execution.threads if training else execution.own_threads
    outgrowing = [stage.spec for stage in chain.stages if stage.spec.outgrows_cache]
    most = None
    if outgrowing:
        fitting = samples_that_fit(chain.stages_at(positions), chain.dtype.itemsize)
        most = min(fitting, *(spec.largest_micro_batch for spec in outgrowing))
    fewest = max(stage.spec.smallest_micro_batch(stage.input_form) for stage in chain.stages)
    return size_of_parts(batch, threads, most, fewest)


def size_of_parts(batch: int, threads: int, most: int | None, fewest: int = 1) -> int:
    """The size of equal parts of a batch, a multiple of 16.

    Args:
        batch: the number of samples, N.
        threads: the number of threads, each of which is given a part.
        most: the most samples of a part; None for no limit.
        fewest: the fewest samples of a part for which another thread is worth its cost.
    """
    each = ceil(batch / min(threads, max(batch // fewest, 1)))
    if most is not None:
        each = ceil(each / ceil(each / most))  # as few equal parts as fit
    return min(ceil(each / STEP) * STEP, batch)


def samples_that_fit(stages: Sequence[Stage], itemsize: int) -> int:
    """The number of samples whose buffers fit into the cache, 16 or more."""
    return max(CACHE // buffer_bytes(stages, 1, itemsize), STEP)


def buffer_bytes(stages: Sequence[Stage], batch: int, itemsize: int) -> int:
    """Estimates the memory of a training network for a batch size, in bytes.

    Counts, for each stage and for each layer inside a block, its output, the same again for the
    gradient, and scratch.

    Args:
        stages: the chain of layers.
        batch: the number of samples, N.
        itemsize: the bytes of a number.
    """
    values = sum(s.output_form.size + s.input_form.size for s in stages[1:])
    values += sum(_values_inside(stage) for stage in stages)
    return (values + stages[-1].output_form.size) * batch * itemsize


def _values_inside(stage: Stage) -> int:
    own = stage.spec.values_inside(stage.input_form)
    return own + sum(
        part.input_form.size + part.output_form.size + _values_inside(part) for part in stage.parts
    )
