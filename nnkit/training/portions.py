"""The samples of training steps, in memory where the compiled kernels read them.

A training set that is in memory as numbers, or as bytes that are only scaled, is read where it is,
an epoch at a time. Of all other data, such as files that are larger than memory or images that are
augmented, a thread prepares some batches while the kernels train on those before.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import count
from typing import Any, NamedTuple

import numpy as np

from nnkit.data.batches import Batches, Readable
from nnkit.data.lazy import LazyArray
from nnkit.data.prefetch import prefetched
from nnkit.native.program import TrainingData
from nnkit.nn.params import Array
from nnkit.task.targets import ClassTargets, Targets

MOST_CODED = 1 << 26  # bytes of targets that are coded beforehand
PREPARED = 1 << 23  # bytes of samples that are prepared at a time


class Portion(NamedTuple):
    """Consecutive steps whose samples are in memory.

    Attributes:
        first: the number of its first step, counted from 0.
        data: the samples.
        order: the samples of the steps in turn, as indices of int64, (m,).
        weights: the weight of each sample of `data`, (n,); None if all are equal.
    """

    first: int
    data: TrainingData
    order: Array
    weights: Array | None


def portions(batches: Batches, step: int) -> Iterator[Portion]:
    """Yields the portions of a training without end, each to be used before the next.

    Args:
        batches: the batches of the training set.
        step: the first step, counted from 0.
    """
    data = _in_memory(batches)
    return _prepared(batches, step) if data is None else _epochs(batches, data, step)


def _epochs(batches: Batches, data: TrainingData, step: int) -> Iterator[Portion]:
    """Yields the epochs of a training set in memory, beginning with that of a step."""
    weights = None if batches.weights is None else np.asarray(batches.weights[:])
    for epoch in count(step // batches.per_epoch):
        order = np.ascontiguousarray(batches.order(epoch)[:], np.int64)
        yield Portion(epoch * batches.per_epoch, data, order, weights)


def _prepared(batches: Batches, step: int) -> Iterator[Portion]:
    """Yields stretches of batches, each prepared while the one before is used."""
    with closing(prefetched(batches.stretches(step, PREPARED))) as stretches:
        for X, T, weights, order in stretches:
            data = TrainingData(X, T, None if weights is None else weights.astype(X.dtype))
            yield Portion(step, data, order, weights)
            step += -(-len(order) // batches.batch_size)


def _in_memory(batches: Batches) -> TrainingData | None:
    """The training set as the kernels can read it where it is, or None."""
    if batches.augment:
        return None
    inputs, weights, dtype = batches.inputs, batches.weights, batches.inputs.dtype
    found = _inputs(inputs, dtype)
    if found is None or not isinstance(weights, np.ndarray | None):
        return None
    stored, selected, scale = found
    targets = _targets(batches.targets, dtype, max(MOST_CODED, stored.nbytes))
    if targets is None:
        return None
    if weights is not None:
        weights = np.ascontiguousarray(weights, dtype)
    signed = isinstance(batches.targets, ClassTargets) and batches.targets.coding == "signed"
    return TrainingData(stored, targets, weights, selected, scale, off=-1.0 if signed else 0.0)


def _inputs(
    inputs: Array | LazyArray, dtype: np.dtype[Any]
) -> tuple[Array, Array | None, float] | None:
    """Inputs in memory, the places of the samples in them, and the factor on bytes; or None."""
    if isinstance(inputs, np.ndarray):
        usable = inputs.dtype == dtype and inputs.flags.c_contiguous
        return (inputs, None, 1.0) if usable else None
    stored = inputs.source
    if not isinstance(stored, np.ndarray) or not stored.flags.c_contiguous:
        return None
    scale = 1.0 if not inputs.functions and stored.dtype == dtype else _scale(inputs, dtype)
    if scale is None:
        return None
    return stored, np.ascontiguousarray(inputs.indices[: len(inputs)], np.int64), scale


def _scale(inputs: LazyArray, dtype: np.dtype[Any]) -> float | None:
    """The factor by which all bytes are multiplied on access; None if something else is done."""
    if inputs.source.dtype != np.uint8 or inputs.in_place is None:
        return None
    shape = inputs.source.shape[1:]
    levels = np.arange(256, dtype=dtype).reshape(-1, *[1] * len(shape))
    found = np.broadcast_to(levels, (256, *shape)).copy()
    inputs.in_place(found)
    scale = found[1].flat[0]
    return float(scale) if np.array_equal(found, scale * levels + 0 * found) else None


def _targets(targets: Array | Readable, dtype: np.dtype[Any], most: int) -> Array | None:
    """Targets as classes or as numbers; None if they take more than `most` bytes."""
    if isinstance(targets, ClassTargets) and not targets.single:
        numbers = targets.numbers
        return np.ascontiguousarray(numbers[:], np.int64)
    samples, outputs = targets.shape
    if not isinstance(targets, Targets) or samples * outputs * dtype.itemsize > most:
        return None
    return np.ascontiguousarray(targets.coded(slice(0, samples)), dtype)
