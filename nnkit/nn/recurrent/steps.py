"""Sequences of different lengths, packed step by step without padding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from nnkit.nn.params import Array


class StepColumns(NamedTuple):
    """The columns of one step, in the order in which a recurrent layer takes the steps.

    Attributes:
        columns: its columns in packed arrays.
        before: the columns of the step taken before, for those sequences that run in both; the
            first columns of both steps belong to the same sequences.
        running: the number of sequences that already ran; the others start at this step.
    """

    columns: slice
    before: slice
    running: int


class Steps:
    """The steps of a batch of sequences, whose positions are packed into columns.

    A packed array (features, columns) has one column for each position of each sequence, and none
    for padding. The columns of a step follow those of the step before. Within a step, sequences are
    sorted from the longest to the shortest, so those that run on are its first columns.

    Attributes:
        size: the number of columns.
        last: the column of each sequence's last position, (N,); −1 for an empty sequence.
        first: the column of each sequence's first position, (N,); −1 for an empty sequence.
        order: the sequences from the longest to the shortest, (N,).
    """

    def __init__(self, positions: int, samples: int, lengths: Array | None = None) -> None:
        """Places the positions of all sequences.

        Args:
            positions: the number of positions of the longest sequence, T.
            samples: the number of sequences, N.
            lengths: the length of each sequence, (N,); None if all have `positions`.
        """
        self.positions, self.samples = positions, samples
        counts = [samples] * positions
        self.order = np.arange(samples)
        ends = np.full(samples, positions)
        self._columns: Array | None = None  # of the padded array (features, T · N)
        if lengths is not None:
            self.order = np.argsort(-lengths, kind="stable")
            ends = np.asarray(lengths)
            counts = np.count_nonzero(ends > np.arange(positions)[:, None], axis=1).tolist()
        edges = [0, *np.cumsum(counts).tolist()]
        self.size = edges[-1]
        self._spans = [slice(*edge) for edge in pairwise(edges)]
        place = np.empty(samples, np.int64)  # of a sequence among the columns of a step
        place[self.order] = np.arange(samples)
        self.first = np.where(ends > 0, place, -1)
        self.last = np.where(ends > 0, np.asarray(edges)[ends - 1] + place, -1)
        if lengths is not None:
            steps = [t * samples + self.order[:count] for t, count in enumerate(counts)]
            self._columns = np.concatenate([np.empty(0, np.int64), *steps])

    def walk(self, reverse: bool = False) -> Sequence[StepColumns]:
        """The steps from the first to the last position, or from the last to the first."""
        return list(self._walk(self._spans[::-1] if reverse else self._spans))

    def _walk(self, spans: Sequence[slice]) -> Iterator[StepColumns]:
        before = slice(0, 0)
        for span in spans:
            running = min(span.stop - span.start, before.stop - before.start)
            yield StepColumns(span, slice(before.start, before.start + running), running)
            before = span

    def pack(self, X: Array) -> Array:
        """The columns (features, columns) of X (features, T, N); a view if nothing is left out."""
        flat = X.reshape(len(X), -1)
        return flat if self._columns is None else flat[:, self._columns]

    def unpack(self, columns: Array, out: Array) -> Array:
        """Writes columns (features, columns) into `out` (features, T, N), with 0 for padding."""
        flat = out.reshape(len(out), -1)
        if self._columns is None:
            flat[...] = columns
        else:
            flat.fill(0)
            flat[:, self._columns] = columns
        return out
