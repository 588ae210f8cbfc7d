"""Training steps by the compiled kernels, many in one call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from nnkit.data.batches import Batches, Readable
from nnkit.data.lazy import LazyArray
from nnkit.data.prefetch import prefetched
from nnkit.native.program import Program, TrainingData
from nnkit.native.structures import PaceStructure
from nnkit.nn.model import Model
from nnkit.nn.params import Array
from nnkit.nn.programs import ProgramNetwork
from nnkit.optim.optimizer import Optimizer
from nnkit.optim.regularization import Regularization
from nnkit.task.targets import ClassTargets, Targets

SECONDS = 0.05  # how long a call takes at most, so that Ctrl-C and progress are not kept waiting
MOST_STEPS = 4096  # in a call
MOST_CODED = 1 << 26  # bytes of targets that are coded beforehand
PREPARED = 1 << 23  # bytes of samples that are prepared at a time


class Taken(NamedTuple):
    """Steps that have been taken.

    Attributes:
        losses: the mean loss of each batch before its update.
        weights: the total weight of each batch.
        samples: the number of samples.
    """

    losses: list[float]
    weights: list[float]
    samples: int


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


@dataclass(slots=True)
class ProgramSteps:
    """Takes training steps by the compiled kernels, with the same results as one by one.

    Attributes:
        program: the network, with the update.
        batch_size: samples in a step.
        portions: yields all portions from that of a step on, each to be used before the next.
        optimizer: the update rule.
        learning_rate: the learning rate at a step, counted from 0.
    """

    program: Program
    batch_size: int
    portions: Callable[[int], Iterator[Portion]]
    optimizer: Optimizer
    learning_rate: Callable[[int], float]
    _pace: PaceStructure = field(default_factory=PaceStructure)
    _most: int = 1  # steps of the next call
    _coming: Iterator[Portion] | None = None
    _portion: Portion | None = None

    def take(self, step: int, most: int) -> Taken:
        """Takes as many steps as go into one call.

        If the loss of a step is not finite, that step is not taken, and is the last.

        Args:
            step: the number of steps taken before.
            most: the most steps to take.
        """
        size, portion = self.batch_size, self._portion_of(step)
        first = (step - portion.first) * size
        chosen = portion.order[first : first + min(self._most, most) * size]
        steps = -(-len(chosen) // size)
        rates, losses = np.array(list(self._rates(step, steps))), np.empty(steps)
        began = perf_counter()
        self.program.set_draws(step)
        taken = self.program.train(chosen, size, rates, losses, self._pace)
        each = max((perf_counter() - began) / steps, 1e-9)
        self._most = max(1, min(2 * self._most, int(SECONDS / each), MOST_STEPS))
        trained = chosen[: taken * size]
        weights = self._weights(trained, portion.weights)
        return Taken(losses[:taken].tolist(), weights, len(trained))

    def _portion_of(self, step: int) -> Portion:
        """The portion of a step; steps follow one another."""
        if self._coming is None:
            self._coming = self.portions(step)
        portion = self._portion
        if portion is None or (step - portion.first) * self.batch_size >= len(portion.order):
            portion = self._portion = next(self._coming)
            self.program.set_data(portion.data)
        return portion

    def close(self) -> None:
        """Ends the preparation of further steps."""
        self._coming = self._portion = None

    def _rates(self, first: int, steps: int) -> Iterator[tuple[float, float, float]]:
        """Yields the learning rate, the factor of the update and its ε for each step."""
        for step in range(first, first + steps):
            lr = self.learning_rate(step)
            yield lr, *self.optimizer.program_rates(step + 1, lr)

    def _weights(self, samples: Array, weights: Array | None) -> list[float]:
        """The total weight of each batch."""
        size = self.batch_size
        parts = [samples[at : at + size] for at in range(0, len(samples), size)]
        if weights is None:
            return [len(part) for part in parts]
        return [float(np.add.reduce(weights[part])) for part in parts]


def program_steps(
    model: Model,
    optimizer: Optimizer,
    state: tuple[Array, ...],
    regularization: Regularization,
    batches: Batches,
    learning_rate: Callable[[int], float],
) -> ProgramSteps | None:
    """The steps of a training, or None if it does anything that the kernels do not know.

    Args:
        model: the model, whose parameters are updated in place.
        optimizer: the update rule.
        state: the optimizer's vectors, updated in place.
        regularization: weight penalties, and the changes to weights after an update.
        batches: the batches of the training set.
        learning_rate: the learning rate at a step, counted from 0.
    """
    if not model.execution.program or model.ranks.size > 1:
        return None
    update = optimizer.in_program()
    if update is None or optimizer.clip:
        return None
    if regularization.l1_strength or regularization.max_norm or regularization.weight_noise:
        return None
    if not batches.inputs.dtype == batches.targets.dtype == model.dtype:
        return None
    network = model.network(batches.batch_size, model.input_form.positions)
    if not isinstance(network, ProgramNetwork):
        return None
    program, decay = network.program, optimizer.decay + regularization.weight_decay
    program.set_update(update, state, decay, regularization.l2_strength)
    data = _data(batches, model.dtype)
    portions = partial(_prepared, batches) if data is None else partial(_epochs, batches, data)
    return ProgramSteps(program, batches.batch_size, portions, optimizer, learning_rate)


def _epochs(batches: Batches, data: TrainingData, step: int) -> Iterator[Portion]:
    """Yields the epochs of a training set in memory, beginning with that of a step."""
    weights = None if batches.weights is None else np.asarray(batches.weights[:])
    for epoch in count(step // batches.per_epoch):
        order = np.ascontiguousarray(batches.order(epoch)[:], np.int64)
        yield Portion(epoch * batches.per_epoch, data, order, weights)


def _prepared(batches: Batches, step: int) -> Iterator[Portion]:
    """Yields stretches of batches from that of a step on, prepared while the last one is used."""
    with closing(prefetched(batches.stretches(step, PREPARED))) as stretches:
        for X, T, weights, own in stretches:
            data = TrainingData(X, T, None if weights is None else weights.astype(X.dtype))
            yield Portion(step, data, np.arange(len(X)), weights)
            step += len(own)


def _data(batches: Batches, dtype: np.dtype[Any]) -> TrainingData | None:
    """The training set for the kernels; None if they cannot read it where it is."""
    if batches.augment:
        return None
    inputs, weights = batches.inputs, batches.weights
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
