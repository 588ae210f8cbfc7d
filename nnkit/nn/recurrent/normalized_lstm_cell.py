"""One direction of an LSTM whose sums are normalized over its units."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nnkit.nn.layer import Binding
from nnkit.nn.params import Array
from nnkit.nn.recurrent.lstm_cell import LSTMCell
from nnkit.nn.recurrent.steps import Steps

EPSILON = 1e-5  # that of the layer `layer_norm`


class NormalizedLSTMCell(LSTMCell):
    """An LSTM with layer normalization N (Ba, Kiros & Hinton 2016, eq. 20 to 22).

    a(t) = scale_s ⊙ N(W s(t−1)) + scale_x ⊙ N(U x(t)) + b, each over the rows of all gates, and
    s(t) = o ⊙ tanh(scale_c ⊙ N(c(t)) + shift_c). The shifts of the first two are part of b.
    """

    def __init__(self, binding: Binding, units: int, reverse: bool) -> None:
        super().__init__(binding, units, reverse)
        self.of_state = _Normalization(self, self.rows, "scale_s")
        self.of_input = _Normalization(self, self.rows, "scale_x")
        self.of_cell = _Normalization(self, units, "scale_c")
        self._d_of_state = self.memory(self.rows)

    def divide(self, steps: Steps) -> None:
        super().divide(steps)
        self.d_of_state = steps.blocks(self._d_of_state, self.rows)  # gradients of W s(t−1)
        for each in (self.of_state, self.of_input, self.of_cell):
            each.divide(steps)

    def project(self, step: int) -> None:
        z, a, units = self.z[step], self.sums[step], self.units
        self.multiply(self.W, z[:units], a)
        self.of_state.forward(step, a)
        from_input = self.multiply(self.U, z[units + 1 :], self.scratch(a.shape))
        a += self.of_input.forward(step, from_input)
        a += self.b[:, None]
        a[self.halved] *= 0.5

    def squash(self, step: int) -> Array:
        c = self.tanh_c[step]
        c[...] = self.states[1][step]
        self.of_cell.forward(step, c)
        c += self.params["shift_c"][:, None]
        return np.tanh(c, out=c)

    def squash_back(self, step: int, d: Array) -> Array:
        self.grads["shift_c"] += np.add.reduce(d, axis=1)
        return self.of_cell.backward(step, d)

    def gradients_of_products(self) -> Sequence[Array]:
        return [self.d_packed[:, : self.units], self.d_packed[:, self.units + 1 :]]

    def project_back(self, step: int) -> Array:
        z, a, d, units = self.z[step], self.sums[step], self.d_of_state[step], self.units
        self.d_packed[:, units] += np.add.reduce(a, axis=1)
        d[...] = a
        self.of_state.backward(step, d)
        self.of_input.backward(step, a)
        self.weight_gradient.add((d, z[:units]), (a, z[units + 1 :]))
        return self.multiply(self.W.T, d, self.scratch((units, d.shape[1])))


class _Normalization:
    """Normalizes the columns of the blocks of all steps: scale ⊙ (A − μ)/√(σ² + ε)."""

    def __init__(self, cell: LSTMCell, rows: int, name: str) -> None:
        self.rows, self.scale = rows, cell.params[name][:, None]
        self.d_scale = cell.grads.get(name)
        self._normalized, self._spread = cell.memory(rows), cell.memory(1)

    def divide(self, steps: Steps) -> None:
        """Divides the memory among the steps of a batch."""
        self.normalized = steps.blocks(self._normalized, self.rows)
        self.spread = steps.blocks(self._spread, 1)

    def forward(self, step: int, A: Array) -> Array:
        """Normalizes A (rows, n) in place."""
        normalized, spread = self.normalized[step], self.spread[step]
        A -= np.mean(A, axis=0)
        variance = np.einsum("ij,ij->j", A, A) / self.rows
        spread[0] = 1 / np.sqrt(variance + variance.dtype.type(EPSILON))
        np.multiply(A, spread, out=normalized)
        return np.multiply(normalized, self.scale, out=A)

    def backward(self, step: int, dA: Array) -> Array:
        """Turns the gradient of the result into that of A, in place."""
        normalized = self.normalized[step]
        assert self.d_scale is not None
        self.d_scale += np.einsum("ij,ij->i", dA, normalized)
        dA *= self.scale
        along = np.einsum("ij,ij->j", dA, normalized) / self.rows
        dA -= np.mean(dA, axis=0)
        normalized *= along
        dA -= normalized
        dA *= self.spread[step]
        return dA
