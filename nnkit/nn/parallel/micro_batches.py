"""A batch in pieces that stay in the processor's cache, shared out among threads.

Images grow on their way through convolutions: a batch of 64 leaves megabytes behind at each layer,
which would go to memory and come back. Samples do not see each other, so a few of them can go all
the way and back before the next ones start, and several threads can do so side by side.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from nnkit.memory import aligned_empty
from nnkit.nn.parallel.threads import side_by_side
from nnkit.nn.params import Array

if TYPE_CHECKING:
    from nnkit.nn.model import Model, Network
    from nnkit.nn.parallel.execution import Execution

PIECE = 1 << 40  # added to a step for each piece before, so that each has random draws of its own


class Pieces:
    """What a `Network` does, for a batch of N samples in pieces.

    How a batch is cut depends on its size and the number of threads alone, and sums are taken in a
    fixed order, so that the same threads give the same bits.
    """

    def __init__(
        self, model: Model, batch: int, training: bool, size: int, execution: Execution
    ) -> None:
        starts = range(0, batch, size)
        parts = [slice(start, min(start + size, batch)) for start in starts]
        count = min(execution.threads, len(parts))
        self.batch = batch
        self.lanes = [
            Lane(model, list(enumerate(parts))[i::count], training, execution, first=i == 0)
            for i in range(count)
        ]
        self.outputs = aligned_empty((*model.output_shape, batch), model.dtype)

    def forward(self, X: Array) -> Array:
        """The output Y (*output shape, N) for X (*input shape, N), outside training."""
        side_by_side(lambda lane: lane.forward(X, self.outputs), self.lanes)
        return self.outputs

    def evaluate(self, X: Array, T: Array, weights: Array | None = None) -> tuple[float, Array]:
        """The mean loss against targets T, and the output Y, outside training."""
        shares = _shares(self.batch, weights)
        losses = side_by_side(
            lambda lane: lane.evaluate(X, T, weights, shares, self.outputs), self.lanes
        )
        return sum(losses), self.outputs

    def loss_and_gradient(
        self, X: Array, T: Array, step: int, weights: Array | None = None
    ) -> float:
        """The mean loss; the gradients of all parameters are then in the model's `grads`.

        Args and shapes are those of `Network.loss_and_gradient`.
        """
        shares = _shares(self.batch, weights)
        losses = side_by_side(
            lambda lane: lane.loss_and_gradient(X, T, step, weights, shares), self.lanes
        )
        first, *others = self.lanes
        for lane in others:
            np.add(first.grads, lane.grads, out=first.grads)
        return sum(losses)

    def first_nonfinite(self, X: Array, step: int) -> str | None:
        """The name of the first layer whose output holds a NaN or infinity, or None."""
        places = side_by_side(lambda lane: lane.first_nonfinite(X, step), self.lanes)
        return next((place for place in places if place is not None), None)


class Lane:
    """The pieces that one thread takes, one after the other, in buffers of its own."""

    def __init__(
        self,
        model: Model,
        parts: Sequence[tuple[int, slice]],
        training: bool,
        execution: Execution,
        first: bool,
    ) -> None:
        self.parts = parts
        self.grads = model.grads if first or not training else np.empty_like(model.grads)
        self.target = np.empty_like(self.grads) if len(parts) > 1 and training else self.grads
        sizes = {part.stop - part.start for _, part in parts}
        self.networks = {
            size: model.bound(size, training, execution, self.target) for size in sizes
        }

    def _pieces(self) -> Iterator[tuple[int, slice, Network]]:
        for number, part in self.parts:
            yield number, part, self.networks[part.stop - part.start]

    def forward(self, X: Array, outputs: Array) -> None:
        for _, part, network in self._pieces():
            outputs[..., part] = network.forward(X[..., part])

    def evaluate(
        self, X: Array, T: Array, weights: Array | None, shares: Array, outputs: Array
    ) -> float:
        total = 0.0
        for _, part, network in self._pieces():
            own = None if weights is None else weights[part]
            loss, Y = network.evaluate(X[..., part], T[..., part], own)
            outputs[..., part] = Y
            total += loss * float(np.add.reduce(shares[part]))
        return total

    def loss_and_gradient(
        self, X: Array, T: Array, step: int, weights: Array | None, shares: Array
    ) -> float:
        total = 0.0
        for place, (number, part, network) in enumerate(self._pieces()):
            own = None if weights is None else weights[part]
            share = float(np.add.reduce(shares[part]))
            loss = network.training_loss(X[..., part], T[..., part], step + number * PIECE, own)
            network.dY *= network.dY.dtype.type(share)
            network.backward(network.dY)
            total += loss * share
            if self.target is self.grads:
                continue
            if place == 0:
                np.copyto(self.grads, self.target)
            else:
                np.add(self.grads, self.target, out=self.grads)
        return total

    def first_nonfinite(self, X: Array, step: int) -> str | None:
        for number, part, network in self._pieces():
            place = network.first_nonfinite(X[..., part], step + number * PIECE)
            if place is not None:
                return place
        return None


def _shares(batch: int, weights: Array | None) -> Array:
    """How much each sample counts in the batch's mean, (N,)."""
    if weights is None:
        return np.full(batch, 1 / batch)
    total = float(np.add.reduce(weights, dtype=np.float64))
    return weights.astype(np.float64) / total if total else np.zeros(batch)
