"""The size of micro-batches, whose buffers fit into the cache."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from nnkit.nn.layer_spec import Stage

CACHE = 1 << 25  # upper bound on the buffers of a micro-batch, in bytes
STEP = 16  # micro-batch sizes are multiples of it: the widest vector holds 16 float32


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
