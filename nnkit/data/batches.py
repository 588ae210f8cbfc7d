"""Batches for one epoch: shuffled by the epoch's own random stream, so that any batch can be found again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from nnkit.data.dataset import Array
from nnkit.random import generator

GATHERED = 4096  # samples fetched at a time: one large copy costs less than many small ones


@dataclass(frozen=True, slots=True)
class Batches:
    """Inputs (n, *shape) and targets (n, *outputs), both ready for the network, cut into batches."""

    inputs: Array
    targets: Array
    batch_size: int
    seed: int

    @property
    def per_epoch(self) -> int:
        """How many batches an epoch has, a short last one included."""
        return -(-len(self.inputs) // self.batch_size)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[tuple[Array, Array]]:
        """The batches of an epoch (X, T), each (*shape, N) as a view of memory used again.

        Args:
            epoch: its number from 0, which keys the shuffle.
            start: the first batch wanted; those before it are skipped at no cost.
        """
        order = generator(self.seed, "shuffle", epoch).permutation(len(self.inputs))
        size = self.batch_size
        rows = min(max(1, GATHERED // size) * size, len(order))
        X = np.empty((rows, *self.inputs.shape[1:]), dtype=self.inputs.dtype)
        T = np.empty((rows, *self.targets.shape[1:]), dtype=self.targets.dtype)
        X_last, T_last = np.moveaxis(X, 0, -1), np.moveaxis(T, 0, -1)
        for first in range(start * size, len(order), rows):
            chosen = order[first : first + rows]
            # mode="clip" lets take() write straight into `out`; every index is in range.
            np.take(self.inputs, chosen, axis=0, out=X[: len(chosen)], mode="clip")
            np.take(self.targets, chosen, axis=0, out=T[: len(chosen)], mode="clip")
            for at in range(0, len(chosen), size):
                end = min(at + size, len(chosen))
                yield X_last[..., at:end], T_last[..., at:end]
