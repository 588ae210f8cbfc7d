"""Training steps by the compiled kernels, many in one call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from nnkit.data.batches import Batches, Readable
from nnkit.data.lazy import LazyArray
from nnkit.native.program import Program, TrainingData
from nnkit.native.program_update import ProgramUpdate
from nnkit.native.structures import PaceStructure
from nnkit.nn.model import Model
from nnkit.nn.params import Array
from nnkit.nn.programs import ProgramNetwork
from nnkit.task.targets import ClassTargets, Targets

SECONDS = 0.05  # how long a call takes at most, so that Ctrl-C and progress are not kept waiting
MOST_STEPS = 4096  # in a call
MOST_CODED = 1 << 26  # bytes of targets that are coded beforehand


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


@dataclass(slots=True)
class ProgramSteps:
    """Takes training steps by the compiled kernels, with the same results as one by one.

    Attributes:
        program: the network, with the data and the update.
        batches: the batches of the training set.
        rates: the scalars of the update at a step, counted from 0, as `Update.rates` has them.
    """

    program: Program
    batches: Batches
    rates: Callable[[int], Sequence[Sequence[float]]]
    _pace: PaceStructure = field(default_factory=PaceStructure)
    _most: int = 1  # steps of the next call
    _epoch: int = -1
    _order: Array = field(default_factory=lambda: np.empty(0, np.int64))

    def take(self, step: int, most: int) -> Taken:
        """Takes as many steps as go into one call.

        If the loss of a step is not finite, that step is not taken, and is the last.

        Args:
            step: the number of steps taken before.
            most: the most steps to take.
        """
        size, per_epoch = self.batches.batch_size, self.batches.per_epoch
        epoch, place = divmod(step, per_epoch)
        steps = min(self._most, per_epoch - place, most)
        chosen = self._samples(epoch)[place * size : (place + steps) * size]
        rates, losses = np.array([*map(self.rates, range(step, step + steps))]), np.empty(steps)
        began = perf_counter()
        self.program.set_draws(step)
        taken = self.program.train(chosen, size, rates, losses, self._pace)
        each = max((perf_counter() - began) / steps, 1e-9)
        self._most = max(1, min(2 * self._most, int(SECONDS / each), MOST_STEPS))
        trained = chosen[: taken * size]
        return Taken(losses[:taken].tolist(), self._weights(trained), len(trained))

    def _samples(self, epoch: int) -> Array:
        """The samples of an epoch in their order, as indices."""
        if epoch != self._epoch:
            order = self.batches.order(epoch)
            self._order, self._epoch = np.ascontiguousarray(order[:], np.int64), epoch
        return self._order

    def _weights(self, samples: Array) -> list[float]:
        """The total weight of each batch."""
        size = self.batches.batch_size
        parts = [samples[at : at + size] for at in range(0, len(samples), size)]
        if self.batches.weights is None:
            return [len(part) for part in parts]
        weights = np.asarray(self.batches.weights[:])
        return [float(np.add.reduce(weights[part])) for part in parts]


def program_steps(
    model: Model,
    update: ProgramUpdate,
    batches: Batches,
    rates: Callable[[int], Sequence[Sequence[float]]],
) -> ProgramSteps | None:
    """The steps of a training, or None if it does anything that the kernels do not know.

    Args:
        model: the model, whose parameters are updated in place.
        update: the update of each step.
        batches: the batches of the training set.
        rates: the scalars of the update at a step, counted from 0.
    """
    if not model.execution.program or model.ranks.size > 1 or batches.augment:
        return None
    data = _data(batches, model.dtype)
    if data is None:
        return None
    network = model.network(batches.batch_size, model.input_form.positions)
    if not isinstance(network, ProgramNetwork):
        return None
    program = network.program
    program.set_data(data)
    program.set_update(update)
    return ProgramSteps(program, batches, rates)


def _data(batches: Batches, dtype: np.dtype[Any]) -> TrainingData | None:
    """The training set for the kernels, or None if they cannot read it."""
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
