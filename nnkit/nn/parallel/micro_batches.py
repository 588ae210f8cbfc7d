"""Batches split into micro-batches that fit into the processor's cache, divided among threads.

Convolutions have large outputs: a batch of 64 images takes megabytes at each layer, which would be
written to memory and read again. Samples are independent, so a few of them can run forward and
backward before the next ones start, and several threads can do so in parallel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from nnkit.nn.arena import Buffers
from nnkit.nn.network import Network
from nnkit.nn.parallel.threads import side_by_side
from nnkit.nn.params import Array
from nnkit.nn.passes import INFERENCE, Observer, Pass, Recorder

# From the number of samples, the gradient vector and the buffers.
Bind = Callable[[int, Array, Buffers], Network]


class MicroBatches:
    """A `Network` for a batch of N samples that is processed in micro-batches.

    The split depends only on the batch size and the number of threads, and sums are taken in a
    fixed order, so results are bit-identical for the same number of threads.
    """

    def __init__(
        self,
        bind: Bind,
        batch: int,
        size: int,
        threads: int,
        grads: Array,
        training: bool,
        buffers: Buffers,
    ) -> None:
        """Splits a batch and binds the networks.

        Args:
            bind: returns the network for a micro-batch.
            batch: the number of samples, N.
            size: samples in a micro-batch; the last may be smaller.
            threads: number of threads that share the micro-batches.
            grads: receives the gradients of the whole batch.
            training: whether gradients are computed.
            buffers: allocates the buffers.
        """
        starts = range(0, batch, size)
        parts = [slice(start, min(start + size, batch)) for start in starts]
        count = min(threads, len(parts))
        self.batch = batch
        self.lanes = [
            Lane(bind, list(enumerate(parts))[i::count], grads, training, buffers, first=i == 0)
            for i in range(count)
        ]
        dY = self.lanes[0].networks[size][0].dY
        self.outputs = buffers.empty((*dY.shape[:-1], batch), dY.dtype)

    def forward(self, X: Array, now: Pass = INFERENCE) -> Array:
        """The output Y (*output shape, N) for X (*input shape, N)."""
        records = _Records(now)
        side_by_side(lambda lane: lane.forward(X, records, self.outputs), self.lanes)
        records.show()
        return self.outputs

    def evaluate(
        self, X: Array, T: Array, weights: Array | None = None, now: Pass = INFERENCE
    ) -> tuple[float, Array]:
        """The mean loss for targets T and the output Y, outside training."""
        shares, records = _shares(self.batch, weights), _Records(now)
        losses = side_by_side(
            lambda lane: lane.evaluate(X, T, weights, shares, records, self.outputs), self.lanes
        )
        records.show()
        return sum(losses), self.outputs

    def loss_and_gradient(
        self, X: Array, T: Array, now: Pass, weights: Array | None = None
    ) -> float:
        """Returns the mean loss and writes the parameters' gradients into the model's `grads`.

        Arguments and shapes are those of `Network.loss_and_gradient`. An observer is called with
        the whole batch, after the pass.
        """
        shares, records = _shares(self.batch, weights), _Records(now)
        losses = side_by_side(
            lambda lane: lane.loss_and_gradient(X, T, records, weights, shares), self.lanes
        )
        first, *others = self.lanes
        for lane in others:
            np.add(first.grads, lane.grads, out=first.grads)
        records.show()
        return sum(losses)

    def release(self) -> None:
        """Drops references to the last input, which may be large."""
        for lane in self.lanes:
            lane.release()

    def first_nonfinite(self, X: Array, now: Pass) -> str | None:
        """The name of the first layer whose output holds a NaN or infinity, or None."""
        places = side_by_side(lambda lane: lane.first_nonfinite(X, now), self.lanes)
        return next((place for place in places if place is not None), None)


class _Records:
    """Records of all micro-batches, for an observer of the whole batch."""

    def __init__(self, now: Pass) -> None:
        self.now = now
        self.observer = now.observer
        self.by_micro_batch: dict[int, Recorder] = {}

    def pass_of(self, micro_batch: int) -> Pass:
        """The pass of one micro-batch, which is recorded if the whole batch is observed."""
        recorder: Observer | None = None
        if self.observer is not None:
            recorder = self.by_micro_batch.setdefault(micro_batch, Recorder())
        return self.now._replace(micro_batch=micro_batch, observer=recorder)

    def show(self) -> None:
        """Calls the observer with the concatenated records of all micro-batches."""
        if self.observer is None:
            return
        recorders = [self.by_micro_batch[number] for number in sorted(self.by_micro_batch)]
        for name in recorders[0].outputs:
            self.observer.output(name, np.concatenate([r.outputs[name] for r in recorders], -1))
        for name in recorders[0].gradients:
            self.observer.gradient(name, np.concatenate([r.gradients[name] for r in recorders], -1))


class Lane:
    """The micro-batches that one thread processes in sequence, with its own buffers."""

    def __init__(
        self,
        bind: Bind,
        parts: Sequence[tuple[int, slice]],
        grads: Array,
        training: bool,
        buffers: Buffers,
        first: bool,
    ) -> None:
        self.parts = parts
        own = (grads.shape, grads.dtype)
        self.grads = grads if first or not training else buffers.empty(*own)
        self.target = buffers.empty(*own) if len(parts) > 1 and training else self.grads
        # The last micro-batch may be smaller. Its network takes the memory of the others'.
        self.overlay = buffers.overlay()
        self.networks: dict[int, tuple[Network, Buffers]] = {}
        for size in {part.stop - part.start for _, part in parts}:
            own_buffers = self.overlay.buffers()
            self.networks[size] = bind(size, self.target, own_buffers), own_buffers
            self.overlay.include(own_buffers)

    def _micro_batches(self) -> Iterator[tuple[int, slice, Network]]:
        for number, part in self.parts:
            network, buffers = self.networks[part.stop - part.start]
            self.overlay.use(buffers)
            yield number, part, network

    def release(self) -> None:
        """Drops references to the last input."""
        for network, _ in self.networks.values():
            network.release()

    def forward(self, X: Array, records: _Records, outputs: Array) -> None:
        for number, part, network in self._micro_batches():
            outputs[..., part] = network.forward(X[..., part], records.pass_of(number))

    def evaluate(
        self,
        X: Array,
        T: Array,
        weights: Array | None,
        shares: Array,
        records: _Records,
        outputs: Array,
    ) -> float:
        total = 0.0
        for number, part, network in self._micro_batches():
            own = None if weights is None else weights[part]
            now = records.pass_of(number)
            loss, Y = network.evaluate(X[..., part], T[..., part], own, now)
            outputs[..., part] = Y
            total += loss * float(np.add.reduce(shares[part]))
        return total

    def loss_and_gradient(
        self,
        X: Array,
        T: Array,
        records: _Records,
        weights: Array | None,
        shares: Array,
    ) -> float:
        total = 0.0
        for place, (number, part, network) in enumerate(self._micro_batches()):
            own = None if weights is None else weights[part]
            share = float(np.add.reduce(shares[part]))
            now = records.pass_of(number)
            loss = network.training_loss(X[..., part], T[..., part], now, own, share)
            network.backward(network.dY, now)
            total += loss * share
            if self.target is self.grads:
                continue
            if place == 0:
                np.copyto(self.grads, self.target)
            else:
                np.add(self.grads, self.target, out=self.grads)
        return total

    def first_nonfinite(self, X: Array, now: Pass) -> str | None:
        for number, part, network in self._micro_batches():
            place = network.first_nonfinite(X[..., part], now._replace(micro_batch=number))
            if place is not None:
                return place
        return None


def _shares(batch: int, weights: Array | None) -> Array:
    """The weight of each sample in the batch's mean, (N,)."""
    if weights is None:
        return np.full(batch, 1 / batch)
    total = float(np.add.reduce(weights, dtype=np.float64))
    return weights.astype(np.float64) / total if total else np.zeros(batch)
