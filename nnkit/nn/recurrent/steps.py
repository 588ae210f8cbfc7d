"""Sequences of different lengths, divided into steps without padding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import accumulate, groupby, pairwise
from typing import NamedTuple

import numpy as np

from nnkit.nn.params import Array

RUN_COLUMNS = 256  # in the blocks of a run, which fit into the cache; more only in a single block


class Transition(NamedTuple):
    """A step and the one taken before it.

    Attributes:
        step: the number of the step.
        previous: the number of the step taken before; None for the first.
        running: the number of sequences that ran in both, which are the first of each; the others
            start at this step.
    """

    step: int
    previous: int | None
    running: int


class Steps:
    """The steps of a batch of sequences: at step t, the position t of each that is longer than t.

    An array of all steps is a list of blocks, (rows, n) for the n sequences that run, and each
    block is contiguous. Sequences are sorted from the longest to the shortest, so those that go on
    are the first columns of a block, and no block has columns for padding.

    Attributes:
        counts: the number of sequences that run at each step.
        order: the samples in the order of the columns, (N,); None for their own.
    """

    def __init__(self, positions: int, samples: int, lengths: Array | None = None) -> None:
        """Sorts the sequences.

        Args:
            positions: the number of positions of the longest sequence, T.
            samples: the number of sequences, N.
            lengths: the length of each sequence, (N,); None if all have `positions`.

        Raises:
            ValueError: there is not one length for each sequence.
        """
        if lengths is not None and len(lengths) != samples:
            raise ValueError(f"{len(lengths)} lengths for {samples} sequences")
        self._samples = samples
        self.counts = [samples] * positions
        self.order: Array | None = None
        if lengths is not None:
            negative = -np.asarray(lengths)
            self.order = order = negative.argsort(kind="stable")
            # Those longer than t are the ones whose negative length is less than −t.
            self.counts = negative[order].searchsorted(-np.arange(positions)).tolist()
        self._edges = [*accumulate(self.counts, initial=0)]

    def to_columns(self, A: Array) -> Array:
        """Sorts the columns of A (rows, N) as those of the steps."""
        return A if self.order is None else A[:, self.order]

    def to_samples(self, A: Array) -> Array:
        """Sorts the columns of A (rows, N) as the samples: the inverse of `to_columns`."""
        if self.order is None:
            return A
        sorted_back = np.empty_like(A)
        sorted_back[:, self.order] = A
        return sorted_back

    @cached_property
    def starts(self) -> Array:
        """The first of the columns of each step among those of all, and their number, (T + 1,)."""
        return np.array(self._edges, np.int64)

    @cached_property
    def rows(self) -> tuple[Array, Array]:
        """The position of each column of all steps, and its place among those of its step."""
        counts, starts = self.counts, self.starts
        positions = np.arange(len(counts)).repeat(counts)
        return positions, np.arange(starts[-1]) - starts[positions]

    @cached_property
    def places(self) -> tuple[Array, Array]:
        """The position and the sample of each column of all steps."""
        positions, columns = self.rows
        return positions, columns if self.order is None else self.order[columns]

    def blocks(self, memory: Array, rows: int) -> list[Array]:
        """Arrays (rows, n) of all steps in flat memory."""
        return [
            memory[rows * first : rows * end].reshape(rows, -1)
            for first, end in pairwise(self._edges)
        ]

    @cached_property
    def runs(self) -> list[range]:
        """Neighbouring steps of equally many sequences; the blocks of a run fit into the cache."""
        found, first = [], 0
        for count, steps in groupby(self.counts):
            end = first + len([*steps])
            most = max(RUN_COLUMNS // max(count, 1), 1)
            found += [range(step, min(step + most, end)) for step in range(first, end, most)]
            first = end
        return found

    def stacks(self, memory: Array, rows: int) -> list[Array]:
        """An array (steps, rows, n) for each run of neighbouring steps, in flat memory."""
        edges = self._edges
        return [
            memory[rows * edges[run.start] : rows * edges[run.stop]].reshape(len(run), rows, -1)
            for run in self.runs
        ]

    def run_scratch(self, memory: Array, rows: int) -> list[Array]:
        """An array (steps, rows, n) for each run, all at the beginning of flat memory."""
        edges = self._edges
        return [
            memory[: rows * (edges[run.stop] - edges[run.start])].reshape(len(run), rows, -1)
            for run in self.runs
        ]

    def transitions(self, reverse: bool = False) -> Iterator[Transition]:
        """Yields the steps from the first position to the last, or from the last to the first."""
        previous, running = None, 0
        order = range(len(self.counts))
        for step in reversed(order) if reverse else order:
            yield Transition(step, previous, min(running, self.counts[step]))
            previous, running = step, self.counts[step]

    def of(self, X: Array, step: int) -> Array:
        """The columns of a step in X (rows, T, N), sorted: a view, or a copy."""
        if self.order is None:
            return X[:, step]
        found: Array = X[:, step, self.order[: self.counts[step]]]
        return found

    def add(self, out: Array, step: int, block: Array) -> None:
        """Adds the block of a step to `out` (rows, T, N)."""
        if self.order is None:
            out[:, step] += block
        else:
            out[:, step, self.order[: self.counts[step]]] += block

    def divide(self, X: Array, blocks: Sequence[Array]) -> None:
        """Copies X (rows, T, N) into the blocks of an array."""
        for step, block in enumerate(blocks):
            block[...] = self.of(X, step)

    def join(self, blocks: Sequence[Array], out: Array) -> None:
        """Copies the blocks of an array into `out` (rows, T, N), with 0 for padding."""
        if self.order is None:
            for t, block in enumerate(blocks):
                out[:, t] = block
            return
        out.fill(0)
        for t, block in enumerate(blocks):
            out[:, t, self.order[: self.counts[t]]] = block

    @cached_property
    def _flat(self) -> Array:
        """The place of each row of all steps among the positions (T · N) of the samples."""
        positions, samples = self.places
        places: Array = positions * self._samples + samples
        return places

    def to_rows(self, X: Array, rows: Array) -> None:
        """Copies X (numbers, T, N) to the rows of all steps, the columns of `blocks`."""
        found = X.transpose(1, 2, 0).reshape(-1, len(X))
        if self.order is not None:
            found = found[self._flat]
        rows[: len(found), : len(X)] = found

    def to_positions(self, rows: Array, out: Array) -> None:
        """Copies the rows of all steps to `out` (numbers, T, N), with 0 for padding.

        The memory of `out` is (T, N, numbers).
        """
        places = out.transpose(1, 2, 0).reshape(-1, len(out))
        if self.order is None:
            np.copyto(places, rows[:, : len(out)])
            return
        places.fill(0)
        places[self._flat] = rows[: len(self._flat), : len(out)]

    def last_rows(self, reverse: bool) -> tuple[Array, Array]:
        """The columns of sequences that are not empty, and the row of the last step of each.

        Args:
            reverse: whether the sequences are read from the last position to the first.
        """
        columns = np.arange(self.counts[0] if self.counts else 0)
        if reverse:
            return columns, columns
        lengths = np.searchsorted(-np.array(self.counts), -columns)
        return columns, self.starts[lengths - 1] + columns

    def ends(self, reverse: bool) -> Iterator[tuple[int, slice, Array | slice]]:
        """Yields the steps with which sequences end, their columns there, and their samples.

        Args:
            reverse: whether the sequences are read from the last position to the first.
        """
        following = [0] if reverse else [*self.counts[1:], 0]
        for step, (count, going_on) in enumerate(zip(self.counts, following, strict=False)):
            if count > going_on:
                columns = slice(going_on, count)
                yield step, columns, columns if self.order is None else self.order[columns]
