"""Batches of sequences of similar length, in an order that depends on seed and epoch alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from nnkit.data.batches import Batch, Readable, part_of, total_weight
from nnkit.data.lazy import Array
from nnkit.data.ragged import Ragged
from nnkit.random import generator
from nnkit.ranks import ALONE, Ranks

POOL = 32  # batches whose sequences are sorted by length together


class LargestBatch(NamedTuple):
    """The size of a batch: its samples, and the positions of the longest input and target."""

    samples: int
    positions: int
    target_positions: int


@dataclass(frozen=True)
class SequenceBatches:
    """Sequences, divided into batches that contain sequences of similar length.

    With `batch_size`, the sequences are shuffled, those of 32 batches at a time are sorted by
    length and divided into batches, and the batches are shuffled. With `batch_tokens`, all
    sequences are sorted by length, those of equal length in random order, so that each epoch has
    the same number of batches.

    Attributes:
        inputs: the input sequences.
        targets: a target of each sequence, encoded on access, or a sequence of class numbers.
        batch_size: sequences per batch; the last batch may be smaller.
        seed: seed of the order.
        tokens: the most symbols in a batch, counted with padding, instead of a number of
            sequences; None for `batch_size`.
        weights: weights of the sequences, (n,); None if all are equal.
        ranks: the processes that share each batch.
    """

    inputs: Ragged
    targets: Readable | Ragged
    batch_size: int
    seed: int
    tokens: int | None = None
    weights: Array | None = None
    ranks: Ranks = ALONE

    @property
    def per_epoch(self) -> int:
        """The number of batches in an epoch."""
        return len(self._bounds) - 1

    @cached_property
    def _lengths(self) -> Array:
        """The length of each sequence, or of its target if that is longer, (n,)."""
        if isinstance(self.targets, Ragged):
            return np.maximum(self.inputs.lengths, self.targets.lengths)
        return self.inputs.lengths

    @cached_property
    def _bounds(self) -> Array:
        """The places in the order of an epoch at which its batches begin, and its end."""
        count = len(self.inputs)
        if self.tokens is None:
            return np.append(np.arange(0, count, self.batch_size), count)
        lengths = np.maximum(np.sort(self._lengths), 1)
        bounds = [0]
        for place, length in enumerate(lengths.tolist()):
            if place > bounds[-1] and (place - bounds[-1] + 1) * length > self.tokens:
                bounds.append(place)
        return np.array([*bounds, count])

    @cached_property
    def largest(self) -> LargestBatch:
        """The size of the batch that takes the most memory."""
        lengths = np.sort(self._lengths)
        samples, longest = min(self.batch_size, len(lengths)), int(lengths[-1])
        if self.tokens is not None:
            ends = self._bounds[1:]
            sizes, lengths = np.diff(self._bounds), lengths[ends - 1]
            widest = np.argmax(sizes * lengths)
            samples, longest = int(sizes[widest]), int(lengths[widest])
        sides = (self.inputs, self.targets if isinstance(self.targets, Ragged) else self.inputs)
        of_input, of_target = (min(int(side.lengths.max()), longest) for side in sides)
        return LargestBatch(samples, max(of_input, self.inputs.fewest), of_target)

    def order(self, epoch: int) -> list[Array]:
        """The indices of the sequences in each batch of an epoch."""
        shuffled = generator(self.seed, "shuffle", epoch).permutation(len(self.inputs))
        pool = len(shuffled) if self.tokens is not None else POOL * self.batch_size
        parts = [shuffled[at : at + pool] for at in range(0, len(shuffled), pool)]
        order = np.concatenate([p[np.argsort(self._lengths[p], kind="stable")] for p in parts])
        batches = np.split(order, self._bounds[1:-1])
        turns = generator(self.seed, "shuffle/batches", epoch).permutation(len(batches))
        return [batches[turn] for turn in turns]

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Yields the batches of an epoch, or this rank's share of each.

        Args:
            epoch: number of the epoch, from 0, which determines the order.
            start: the first batch to yield.
        """
        for chosen in self.order(epoch)[start:]:
            yield self._batch(chosen)

    def _batch(self, chosen: Array) -> Batch:
        part = part_of(slice(0, len(chosen)), self.ranks)
        own = chosen[part.place]
        weights = None if self.weights is None else self.weights[own]
        inputs = self.inputs[own]
        return Batch(
            inputs.padded(),
            self._targets(own),
            weights,
            self._weight(chosen),
            part.before,
            part.after,
            part.idle,
            inputs.lengths,
            self.targets[own].lengths if isinstance(self.targets, Ragged) else None,
            self._weight(own),
        )

    def _targets(self, chosen: Array) -> Array:
        """Class numbers (T, N), or the encoded target of each sequence, (outputs, N)."""
        if isinstance(self.targets, Ragged):
            return self.targets[chosen].padded()
        T = np.empty((len(chosen), *self.targets.shape[1:]), self.targets.dtype)
        self.targets.read(chosen, T)
        return np.moveaxis(T, 0, -1)

    def _weight(self, chosen: Array) -> float:
        weights = None if self.weights is None else self.weights[chosen]
        lengths = self.targets.lengths[chosen] if isinstance(self.targets, Ragged) else None
        return batch_weight(weights, len(chosen), lengths)


def batch_weight(weights: Array | None, samples: int, target_lengths: Array | None) -> float:
    """The weight of sequences in the mean loss: their number, or that of the target's positions.

    Args:
        weights: the weight of each sequence, (N,); None if all are equal.
        samples: the number of sequences N.
        target_lengths: the length of each target, (N,); None if these are not sequences.
    """
    if target_lengths is None:
        return total_weight(weights, samples)
    return float(np.add.reduce(target_lengths if weights is None else target_lengths * weights))


def batches_of_similar_length(lengths: Array, wanted: Array, most: int, tokens: int) -> list[Array]:
    """Divides sequences into batches of similar length, the shortest first.

    Args:
        lengths: the length of each sequence, (n,).
        wanted: the indices of the sequences to divide, (m,).
        most: the most sequences of a batch.
        tokens: the most symbols of a batch of several sequences, counted with padding.

    Returns:
        The indices of the sequences of each batch.
    """
    order = wanted[np.argsort(lengths[wanted], kind="stable")]
    batches: list[Array] = []
    start = 0
    while start < len(order):
        longest = np.maximum(lengths[order[start : start + most]], 1)
        fitting = np.searchsorted(longest * np.arange(1, len(longest) + 1), tokens, "right")
        batches.append(order[start : start + max(1, int(fitting))])
        start += len(batches[-1])
    return batches
