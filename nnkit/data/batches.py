"""Batches of an epoch, in an order that depends on the seed and the epoch alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, pairwise, repeat
from math import prod
from typing import Any, NamedTuple, Protocol

import numpy as np

from nnkit.data.augment import Augmentation, augment
from nnkit.data.dataset import Array
from nnkit.data.lazy import Indices, LazyArray
from nnkit.data.ordering import FULL_SHUFFLE, Ordering
from nnkit.memory import aligned_empty
from nnkit.random import generator
from nnkit.ranks import ALONE, Ranks

GATHERED = 1 << 20  # bytes gathered at a time: few calls, yet the copy stays in the cache
AHEAD = 1 << 26  # bytes loaded ahead from files, for a disk that is slow now and then


class Readable(Protocol):
    """Protocol of samples that are computed on access instead of stored in an array (n, *shape)."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype[Any]: ...

    def read(self, chosen: Array, out: Array) -> None:
        """Writes the samples at indices `chosen` into `out` (m, *shape)."""


class Batch(NamedTuple):
    """A batch of samples, as views of memory that the next batches reuse.

    If several ranks share a batch, each has some of its samples.

    Attributes:
        X: inputs (*shape, N).
        T: targets (*outputs, N), or class numbers (T, N) of sequences.
        weights: sample weights, (N,); None if all are equal.
        total: the weight of the whole batch: the sum of weights, or the number of samples; for
            targets that are sequences, each of their positions counts.
        before: the number of samples of lower ranks.
        after: the number of samples of higher ranks.
        idle: whether this rank has none; it then gets another rank's, whose weight is taken as 0.
        lengths: the length of each input, (N,); None if all have the same.
        target_lengths: the length of each target, (N,); None if these are not sequences.
        own: the weight of this rank's samples, as `total`; None to derive it from `weights`.
        continues: whether its sequences continue those in the same columns of the batch before.
    """

    X: Array
    T: Array
    weights: Array | None
    total: float
    before: int = 0
    after: int = 0
    idle: bool = False
    lengths: Array | None = None
    target_lengths: Array | None = None
    own: float | None = None
    continues: bool = False

    @property
    def size(self) -> int:
        """The number of samples of all ranks together."""
        return self.before + self.X.shape[-1] + self.after

    @property
    def share(self) -> float:
        """The weight of this rank's samples as a fraction of the whole batch's."""
        if self.idle:
            return 0.0
        if not (self.before or self.after):
            return 1.0
        own = self.own
        if own is None:
            own = total_weight(self.weights, self.X.shape[-1])
        return own / self.total if self.total else 0.0


class Stretch(NamedTuple):
    """The samples of consecutive batches of an epoch, prepared in memory.

    Attributes:
        X: inputs (m, *shape).
        T: targets (m, *outputs).
        weights: sample weights, (m,); None if all are equal.
        order: the places of the batches' samples in turn in X, T and weights, (m,).
    """

    X: Array
    T: Array
    weights: Array | None
    order: Array


class _Plan(NamedTuple):
    """Consecutive batches of an epoch, and memory for their samples.

    Attributes:
        chosen: the indices of the samples, (m,).
        X: memory of their inputs, (m, *shape).
        T: memory of their targets, (m, *outputs).
        epoch: number of the epoch.
        first: the position of the first sample in the epoch.
    """

    chosen: Array
    X: Array
    T: Array
    epoch: int
    first: int


def total_weight(weights: Array | None, samples: int) -> float:
    """The sum of sample weights, or the number of samples if there are none."""
    return samples if weights is None else float(np.add.reduce(weights))


@dataclass(frozen=True, slots=True)
class Batches:
    """Prepared samples, divided into batches.

    Attributes:
        inputs: inputs (n, *shape).
        targets: targets (n, *outputs), possibly encoded on access.
        batch_size: samples per batch; the last batch may be smaller.
        seed: seed of shuffling and augmentation.
        weights: sample weights, (n,); None if all are equal.
        augment: augmentations, applied anew in each epoch.
        ordering: how the samples are shuffled.
        ranks: the processes that share each batch.
    """

    inputs: Array | LazyArray
    targets: Array | Readable
    batch_size: int
    seed: int
    weights: Array | LazyArray | None = None
    augment: Sequence[Augmentation] = ()
    ordering: Ordering = FULL_SHUFFLE
    ranks: Ranks = ALONE

    @property
    def per_epoch(self) -> int:
        """The number of batches in an epoch, including a smaller last one."""
        return -(-len(self.inputs) // self.batch_size)

    def order(self, epoch: int) -> Indices:
        """The shuffled sample indices (n,) of an epoch."""
        return self.ordering.epoch(len(self.inputs), self.seed, epoch)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Yields the batches of an epoch, or this rank's share of each.

        Args:
            epoch: number of the epoch, from 0, which determines the shuffle.
            start: the first batch to yield; earlier ones are skipped at no cost.
        """
        for plan in self._plans(epoch, start, repeat(self._memory(GATHERED))):
            yield from self._batches(plan)[1]

    def stretches(self, first: int, size: int) -> Iterator[Stretch]:
        """Yields stretches of batches without end, epoch after epoch.

        Two share their memory in turn: one stays as it is until the next but one is requested.

        Args:
            first: the first batch, counted from 0 over all epochs.
            size: the most bytes of a stretch of more than one batch.
        """
        epoch, start = divmod(first, self.per_epoch)
        memory = cycle([self._memory(size), self._memory(size)])
        while True:
            yield from map(self._stretch, self._plans(epoch, start, memory))
            epoch, start = epoch + 1, 0

    def _memory(self, size: int) -> tuple[Array, Array]:
        """Arrays for the inputs and targets of as many whole batches as have `size` bytes."""
        inputs, targets = self.inputs, self.targets
        wanted = size // max(_bytes_per_sample(inputs), _bytes_per_sample(targets))
        whole_batches = max(1, wanted // self.batch_size) * self.batch_size
        rows = min(whole_batches, len(inputs))
        return (
            aligned_empty((rows, *inputs.shape[1:]), inputs.dtype),
            aligned_empty((rows, *targets.shape[1:]), targets.dtype),
        )

    def _plans(
        self, epoch: int, start: int, memory: Iterator[tuple[Array, Array]]
    ) -> Iterator[_Plan]:
        """Yields the stretches of an epoch from a batch on, each with the next memory."""
        order = self.order(epoch)
        first = start * self.batch_size
        expected = 0  # positions up to here are in memory, or are being loaded
        while first < len(order):
            X, T = next(memory)
            chosen = order[first : first + len(X)]
            expected = self._expect(order, first, len(chosen), expected)
            yield _Plan(chosen, X[: len(chosen)], T[: len(chosen)], epoch, first)
            first += len(chosen)

    def _stretch(self, plan: _Plan) -> Stretch:
        """Prepares a stretch, with ascending samples, so that files and memory are read in turn."""
        chosen, X, T, *_ = plan
        if self.augment:  # as batches, whose draws are one after the other
            weights, _ = self._batches(plan)
            return Stretch(X, T, weights, np.arange(len(chosen)))
        ascending = np.argsort(chosen)
        order = np.empty(len(chosen), np.int64)
        order[ascending] = np.arange(len(chosen))
        chosen = chosen[ascending]
        gather(self.inputs, chosen, X)
        gather(self.targets, chosen, T)
        weights = None if self.weights is None else np.asarray(self.weights[chosen])
        return Stretch(X, T, weights, order)

    def _batches(self, plan: _Plan) -> tuple[Array | None, Sequence[Batch]]:
        """Prepares batches, of which X and T first hold this rank's samples, and their weights."""
        chosen, X, T, epoch, first = plan
        size = self.batch_size
        spans = [slice(at, min(at + size, len(chosen))) for at in range(0, len(chosen), size)]
        parts = [part_of(span, self.ranks) for span in spans]
        needed, places = chosen, [part.place for part in parts]
        if self.ranks.size > 1 and not self.augment:
            needed, places = np.concatenate([chosen[p] for p in places]), _consecutive(places)
        gather(self.inputs, needed, X[: len(needed)])
        gather(self.targets, needed, T[: len(needed)])
        weights = None if self.weights is None else self.weights[chosen]
        X_last, T_last = np.moveaxis(X, 0, -1), np.moveaxis(T, 0, -1)
        batches = []
        for span, part, place in zip(spans, parts, places, strict=True):
            if self.augment:
                number = (first + span.start) // size
                self._augment(X[span], slice(part.before, -part.after or None), epoch, number)
            own = None if weights is None else weights[part.place]
            total = total_weight(None if weights is None else weights[span], span.stop - span.start)
            batches.append(Batch(X_last[..., place], T_last[..., place], own, total, *part[1:]))
        return weights, batches

    def _expect(self, order: Indices, first: int, rows: int, expected: int) -> int:
        """Announces the samples of the current part of an epoch and the next; returns their end.

        A part is as many windows as have `AHEAD` bytes, at least one. Nothing is announced while
        the positions up to `expected` include the next part.
        """
        window = self.ordering.window
        if window is None or not isinstance(self.inputs, LazyArray):
            return expected
        part = window * -(-AHEAD // (window * _bytes_per_sample(self.inputs)))
        last = first + rows
        if last + part <= expected or expected >= len(order):
            return expected
        end = ((last - 1) // part + 2) * part
        self.inputs.expect(order[first:end])
        return min(end, len(order))

    def _augment(self, X: Array, own: slice, epoch: int, number: int) -> None:
        """Augments a rank's part of a batch in place, with draws of this epoch and batch number."""
        draws = [
            generator(self.seed, f"augment/{i}", epoch, number) for i in range(len(self.augment))
        ]
        augment(X, self.augment, draws, own=own)


class Part(NamedTuple):
    """The part of a batch that one rank gets.

    Attributes:
        place: the positions of its samples.
        before: the number of samples of lower ranks.
        after: the number of samples of higher ranks.
        idle: whether there are fewer samples than ranks and this one has none, but gets another's.
    """

    place: slice
    before: int
    after: int
    idle: bool

    @property
    def size(self) -> int:
        """The number of samples that are this rank's own."""
        return 0 if self.idle else self.place.stop - self.place.start


def part_of(batch: slice, ranks: Ranks) -> Part:
    """The part of a batch, given by its positions, that belongs to a rank."""
    if ranks.size == 1:
        return Part(batch, 0, 0, idle=False)
    samples = batch.stop - batch.start
    share = ranks.share(samples)
    idle = share.start == share.stop
    if idle:
        first = min(share.start, samples - 1)
        share = slice(first, first + 1)
    place = slice(batch.start + share.start, batch.start + share.stop)
    return Part(place, share.start, samples - share.stop, idle)


def _consecutive(parts: Sequence[slice]) -> list[slice]:
    """Slices of the same lengths, one after the other from 0."""
    ends = np.cumsum([0, *(part.stop - part.start for part in parts)]).tolist()
    return [slice(*ends) for ends in pairwise(ends)]


def gather(source: Array | Readable, indices: Array, out: Array) -> None:
    """Copies the samples at `indices` into `out`."""
    if isinstance(source, np.ndarray):
        # With mode="clip", take() writes directly into `out`; every index is in range.
        np.take(source, indices, axis=0, out=out, mode="clip")
    else:
        source.read(indices, out)


def _bytes_per_sample(samples: Array | Readable) -> int:
    return prod(samples.shape[1:]) * samples.dtype.itemsize
