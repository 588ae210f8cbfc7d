"""Batches of an epoch, in an order that depends on the seed and the epoch alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple, Protocol

import numpy as np

from nnkit.compiled import available
from nnkit.data.augment import Augmentation, augment
from nnkit.data.dataset import Array
from nnkit.data.lazy import Indices, LazyArray
from nnkit.data.ordering import FULL_SHUFFLE, Ordering
from nnkit.memory import aligned_empty
from nnkit.random import generator

GATHERED = 1 << 20  # bytes gathered at a time: few calls, yet the copy stays in the cache
AHEAD = 1 << 26  # bytes loaded ahead from files, for a disk that is slow now and then
COMPILED = 10_000_000  # values in a training set from which numba is loaded for augmentation


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

    Attributes:
        X: inputs (*shape, N).
        T: targets (*outputs, N).
        weights: sample weights, (N,); None if all are equal.
    """

    X: Array
    T: Array
    weights: Array | None


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
    """

    inputs: Array | LazyArray
    targets: Array | Readable
    batch_size: int
    seed: int
    weights: Array | LazyArray | None = None
    augment: Sequence[Augmentation] = ()
    ordering: Ordering = FULL_SHUFFLE

    @property
    def per_epoch(self) -> int:
        """The number of batches in an epoch, including a smaller last one."""
        return -(-len(self.inputs) // self.batch_size)

    def order(self, epoch: int) -> Indices:
        """The shuffled sample indices (n,) of an epoch."""
        return self.ordering.epoch(len(self.inputs), self.seed, epoch)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Yields the batches of an epoch.

        Args:
            epoch: number of the epoch, from 0, which determines the shuffle.
            start: the first batch to yield; earlier ones are skipped at no cost.
        """
        order = self.order(epoch)
        size = self.batch_size
        inputs, targets = self.inputs, self.targets
        wanted = GATHERED // max(_bytes_per_sample(inputs), _bytes_per_sample(targets))
        rows = min(max(1, wanted // size) * size, len(order))
        X = aligned_empty((rows, *inputs.shape[1:]), inputs.dtype)
        T = aligned_empty((rows, *targets.shape[1:]), targets.dtype)
        X_last, T_last = np.moveaxis(X, 0, -1), np.moveaxis(T, 0, -1)
        expected = 0  # positions up to here are in memory, or are being loaded
        for first in range(start * size, len(order), rows):
            chosen = order[first : first + rows]
            expected = self._expect(order, first, len(chosen), expected)
            gather(inputs, chosen, X[: len(chosen)])
            gather(targets, chosen, T[: len(chosen)])
            weights = None if self.weights is None else self.weights[chosen]
            for at in range(0, len(chosen), size):
                end = min(at + size, len(chosen))
                if self.augment:
                    self._augment(X[at:end], epoch, (first + at) // size)
                counts = None if weights is None else weights[at:end]
                yield Batch(X_last[..., at:end], T_last[..., at:end], counts)

    def _expect(self, order: Indices, first: int, rows: int, expected: int) -> int:
        """Announces the samples of the current stretch and the next; returns where those end.

        A stretch is as many windows as have `AHEAD` bytes, at least one. Nothing is announced while
        the positions up to `expected` include the next stretch.
        """
        window = self.ordering.window
        if window is None or not isinstance(self.inputs, LazyArray):
            return expected
        stretch = window * -(-AHEAD // (window * _bytes_per_sample(self.inputs)))
        last = first + rows
        if last + stretch <= expected or expected >= len(order):
            return expected
        end = ((last - 1) // stretch + 2) * stretch
        self.inputs.expect(order[first:end])
        return min(end, len(order))

    def _augment(self, X: Array, epoch: int, number: int) -> None:
        """Augments a batch in place, with random draws of this epoch and batch number."""
        draws = [
            generator(self.seed, f"augment/{i}", epoch, number) for i in range(len(self.augment))
        ]
        quick = self.inputs.size >= COMPILED and available()
        augment(X, self.augment, draws, quick=quick)


def gather(source: Array | Readable, indices: Array, out: Array) -> None:
    """Copies the samples at `indices` into `out`."""
    if isinstance(source, np.ndarray):
        # With mode="clip", take() writes directly into `out`; every index is in range.
        np.take(source, indices, axis=0, out=out, mode="clip")
    else:
        source.read(indices, out)


def _bytes_per_sample(samples: Array | Readable) -> int:
    return prod(samples.shape[1:]) * samples.dtype.itemsize
