"""The gradients of weights that are used at each step of sequences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nnkit.nn.layer import Binding
from nnkit.nn.params import Array

PRODUCT_COLUMNS = 128  # at least; with fewer a product is slower

Factors = tuple[Array, Array]  # dE/da(t), (rows, n), and z(t), (factors, n), of the same step


class WeightGradient:
    """Adds dE/dW = Σ_t dE/da(t) z(t)ᵀ, for one or several products a(t) = W z(t) at the steps t.

    The product of a single step would be a sum over a batch only. Here the columns of several steps
    stand side by side in a product.
    """

    def __init__(self, sums: Sequence[Array], binding: Binding) -> None:
        """Allocates memory.

        Args:
            sums: for each product, receives its gradient (rows, factors), which is added to it.
            binding: the layer's binding.
        """
        self._sums = sums
        _, length = binding.input_shape
        most = min(length * binding.batch, PRODUCT_COLUMNS + binding.batch)
        empty, dtype = binding.buffers.empty, binding.dtype
        rows, factors = (max(each) for each in zip(*(dW.shape for dW in sums), strict=True))
        self._dA, self._Z = empty((rows * most,), dtype), empty((most * factors,), dtype)
        self._product = empty((rows * factors,), dtype)
        self._waiting: list[Sequence[Factors]] = []
        self._columns = 0

    def clear(self) -> None:
        """Forgets steps whose products are not added yet."""
        self._waiting, self._columns = [], 0

    def add(self, *factors: Factors) -> None:
        """Adds a step, at the latest in `finish`; until then its arrays must not change.

        Args:
            factors: for each product, its factors at this step.
        """
        self._waiting.append(factors)
        self._columns += factors[0][0].shape[1]
        if self._columns >= PRODUCT_COLUMNS:
            self.finish()

    def finish(self) -> None:
        """Completes the sums of all steps so far."""
        if self._waiting:
            for dW, factors in zip(self._sums, zip(*self._waiting, strict=True), strict=True):
                dA, Z = self._side_by_side(factors)
                dW += np.dot(dA, Z.T, out=_within(self._product, dW.shape))
        self.clear()

    def _side_by_side(self, factors: Sequence[Factors]) -> Factors:
        """The factors of several steps, (rows, columns) and (factors, columns)."""
        if len(factors) == 1:
            return factors[0]
        dA = _within(self._dA, (len(factors[0][0]), self._columns))
        Z = _within(self._Z, (self._columns, len(factors[0][1]))).T
        np.concatenate([da for da, _ in factors], axis=1, out=dA)
        np.concatenate([z for _, z in factors], axis=1, out=Z)
        return dA, Z


def _within(memory: Array, shape: tuple[int, int]) -> Array:
    """An array at the beginning of flat memory."""
    return memory[: shape[0] * shape[1]].reshape(shape)
