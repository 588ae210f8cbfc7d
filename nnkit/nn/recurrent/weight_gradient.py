"""The gradient of weights that are used at each step of sequences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nnkit.nn.layer import Binding
from nnkit.nn.params import Array

COLUMNS = 256  # of a product; with fewer it is slower, with many more the factors leave the cache


class WeightGradient:
    """Adds dE/dW = Σ_t dE/da(t) z(t)ᵀ, for a(t) = W z(t) at the steps t.

    A product of one step would be a sum over a batch only. Here the columns of several steps stand
    side by side in a product.
    """

    def __init__(self, out: Array, binding: Binding) -> None:
        """Allocates memory.

        Args:
            out: the sum, (rows, factors), to which it is added.
            binding: the layer's binding.
        """
        self.out = out
        _, length = binding.input_shape
        most = min(length * binding.batch, COLUMNS + binding.batch)
        empty = binding.buffers.empty
        self._memory = [empty((rows * most,), binding.dtype) for rows in out.shape]
        self._product = empty(out.shape, binding.dtype)
        self._waiting: list[tuple[Array, Array]] = []
        self._columns = 0

    def clear(self) -> None:
        """Drops steps that were not finished."""
        self._waiting, self._columns = [], 0

    def add(self, da: Array, z: Array) -> None:
        """Adds a step, at the latest in `finish`; until then its arrays must not change.

        Args:
            da: dE/da(t), (rows, n).
            z: z(t), (factors, n).
        """
        self._waiting.append((da, z))
        self._columns += da.shape[1]
        if self._columns >= COLUMNS:
            self.finish()

    def finish(self) -> None:
        """Adds all steps of which `add` was told."""
        if self._waiting:
            factors = zip(*self._waiting, strict=True)
            dA, Z = (self._side_by_side(*each) for each in zip(factors, self._memory, strict=True))
            self.out += np.dot(dA, Z.T, out=self._product)
            self.clear()

    def _side_by_side(self, blocks: Sequence[Array], memory: Array) -> Array:
        """The columns of blocks (rows, n) as one array."""
        if len(blocks) == 1:
            return blocks[0]
        shape = (len(blocks[0]), self._columns)
        return np.concatenate(blocks, axis=1, out=memory[: shape[0] * shape[1]].reshape(shape))
