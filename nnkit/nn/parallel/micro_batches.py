"""Batches split into micro-batches that fit into the processor's cache, divided among threads.

Convolutions have large outputs: a batch of 64 images takes megabytes at each layer, which would be
written to memory and read again. Samples are independent, so a few of them can run forward and
backward before the next ones start, and several threads can do so in parallel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from nnkit.nn.arena import Buffers
from nnkit.nn.network import Network
from nnkit.nn.parallel.threads import side_by_side
from nnkit.nn.params import Array
from nnkit.nn.passes import INFERENCE, Observer, Pass, Recorder
from nnkit.nn.recurrent.states import States

# From the number of samples, the gradient vector and the buffers.
Bind = Callable[[int, Array, Buffers], Network]


class Piece(NamedTuple):
    """A micro-batch, or the part of it that this rank computes.

    Attributes:
        number: the number of the micro-batch.
        place: its samples in the rank's share of the batch.
        before: the number of samples of the micro-batch that lower ranks compute.
        after: the number of samples of the micro-batch that higher ranks compute.
    """

    number: int
    place: slice
    before: int = 0
    after: int = 0

    @property
    def size(self) -> int:
        """The number of samples."""
        return self.place.stop - self.place.start

    def of(self, now: Pass) -> Pass:
        """The pass of this piece, for a pass of the batch."""
        return now._replace(
            micro_batch=self.number,
            before=self.before,
            after=self.after,
            lengths=None if now.lengths is None else now.lengths[self.place],
            states=None if now.states is None else now.states.part(self.place),
        )


def pieces_of(batch: int, size: int, before: int = 0, after: int = 0) -> list[Piece]:
    """Divides a batch into micro-batches, and selects those of a rank.

    Args:
        batch: the number of samples of this rank.
        size: samples in a micro-batch; the last may be smaller.
        before: the number of samples of lower ranks.
        after: the number of samples of higher ranks.
    """
    own_end = before + batch
    pieces = []
    for number in range(before // size, -(-own_end // size)):
        start, end = number * size, min((number + 1) * size, own_end + after)
        first, last = max(start, before), min(end, own_end)
        place = slice(first - before, last - before)
        pieces.append(Piece(number, place, first - start, end - last))
    return pieces


class MicroBatches:
    """A `Network` for a batch of N samples that is processed in micro-batches.

    Sums are taken in a fixed order, so results are bit-identical for the same pieces and number of
    threads.
    """

    def __init__(
        self,
        bind: Bind,
        pieces: Sequence[Piece],
        threads: int,
        grads: Array,
        training: bool,
        buffers: Buffers,
    ) -> None:
        """Binds the networks.

        Args:
            bind: returns the network for a micro-batch.
            pieces: the micro-batches.
            threads: number of threads that share them.
            grads: receives the gradients of the whole batch.
            training: whether gradients are computed.
            buffers: allocates the buffers.
        """
        count = min(threads, len(pieces))
        self.batch = pieces[-1].place.stop
        self.lanes = [
            Lane(bind, pieces[i::count], grads, training, buffers, first=i == 0)
            for i in range(count)
        ]
        dY = self.lanes[0].networks[pieces[0].size][0].dY
        self.outputs = buffers.empty((*dY.shape[:-1], self.batch), dY.dtype)

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
        shares, records = self._shares(weights, now), _Records(now)
        losses = side_by_side(
            lambda lane: lane.evaluate(X, T, weights, shares, records, self.outputs), self.lanes
        )
        records.show()
        return sum(losses), self.outputs

    def loss_and_gradient(
        self, X: Array, T: Array, now: Pass, weights: Array | None = None, share: float = 1.0
    ) -> float:
        """Returns the mean loss and writes the parameters' gradients into the model's `grads`.

        Arguments and shapes are those of `Network.loss_and_gradient`. An observer is called with
        the whole batch, after the pass.
        """
        shares, records = share * self._shares(weights, now), _Records(now)
        losses = side_by_side(
            lambda lane: lane.loss_and_gradient(X, T, records, weights, shares), self.lanes
        )
        first, *others = self.lanes
        for lane in others:
            np.add(first.grads, lane.grads, out=first.grads)
        records.show()
        return sum(losses)

    def _shares(self, weights: Array | None, now: Pass) -> Array:
        """The share of each sample in the mean loss of the batch, (N,).

        Where each position has an output, a sample counts as often as it has positions.
        """
        network, _ = next(iter(self.lanes[0].networks.values()))
        counts = network.body.output_lengths(now.lengths)
        if counts is not None:
            weights = counts if weights is None else weights * counts
        return _normalized(self.batch, weights)

    def release(self) -> None:
        """Drops references to the last input, which may be large."""
        for lane in self.lanes:
            lane.release()

    def first_nonfinite(self, X: Array, T: Array, now: Pass) -> str | None:
        """The name of the first layer whose output holds a NaN or infinity, or None."""
        places = side_by_side(lambda lane: lane.first_nonfinite(X, T, now), self.lanes)
        return next((place for place in places if place is not None), None)


class _Records:
    """Records and states of all micro-batches, from which those of the whole batch are joined."""

    def __init__(self, now: Pass) -> None:
        self.now = now
        self.observer = now.observer
        self.by_micro_batch: dict[int, Recorder] = {}
        self.states: dict[int, States] = {}

    def pass_of(self, piece: Piece) -> Pass:
        """The pass of one micro-batch, which is recorded if the whole batch is observed."""
        recorder: Observer | None = None
        if self.observer is not None:
            recorder = self.by_micro_batch.setdefault(piece.number, Recorder())
        now = piece.of(self.now)._replace(observer=recorder)
        if now.states is not None:
            self.states[piece.number] = now.states
        return now

    def show(self) -> None:
        """Calls the observer with the concatenated records, and joins the states."""
        if self.now.states is not None:
            self.now.states.join([self.states[number] for number in sorted(self.states)])
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
        pieces: Sequence[Piece],
        grads: Array,
        training: bool,
        buffers: Buffers,
        first: bool,
    ) -> None:
        self.pieces = pieces
        own = (grads.shape, grads.dtype)
        self.grads = grads if first or not training else buffers.empty(*own)
        self.target = buffers.empty(*own) if len(pieces) > 1 and training else self.grads
        # The last micro-batch may be smaller. Its network takes the memory of the others'.
        self.overlay = buffers.overlay()
        self.networks: dict[int, tuple[Network, Buffers]] = {}
        for size in {piece.size for piece in pieces}:
            own_buffers = self.overlay.buffers()
            self.networks[size] = bind(size, self.target, own_buffers), own_buffers
            self.overlay.include(own_buffers)

    def _micro_batches(self) -> Iterator[tuple[Piece, slice, Network]]:
        for piece in self.pieces:
            network, buffers = self.networks[piece.size]
            self.overlay.use(buffers)
            yield piece, piece.place, network

    def release(self) -> None:
        """Drops references to the last input."""
        for network, _ in self.networks.values():
            network.release()

    def forward(self, X: Array, records: _Records, outputs: Array) -> None:
        for piece, part, network in self._micro_batches():
            outputs[..., part] = network.forward(X[..., part], records.pass_of(piece))

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
        for piece, part, network in self._micro_batches():
            own = None if weights is None else weights[part]
            now = records.pass_of(piece)
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
        for place, (piece, part, network) in enumerate(self._micro_batches()):
            own = None if weights is None else weights[part]
            share = float(np.add.reduce(shares[part]))
            now = records.pass_of(piece)
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

    def first_nonfinite(self, X: Array, T: Array, now: Pass) -> str | None:
        for piece, part, network in self._micro_batches():
            place = network.first_nonfinite(X[..., part], T[..., part], piece.of(now))
            if place is not None:
                return place
        return None


def _normalized(batch: int, weights: Array | None) -> Array:
    """Weights divided by their sum, (N,); equal ones if there are none."""
    if weights is None:
        return np.full(batch, 1 / batch)
    total = float(np.add.reduce(weights, dtype=np.float64))
    return weights.astype(np.float64) / total if total else np.zeros(batch)
