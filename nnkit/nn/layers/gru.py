"""Gated recurrent unit (Cho et al. 2014)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from nnkit.nn.activations import Sigmoid
from nnkit.nn.initializers import Zeros
from nnkit.nn.layer import Binding
from nnkit.nn.layers.recurrent import Recurrent
from nnkit.nn.params import Array, Parameter
from nnkit.nn.recurrent.cell import RecurrentCell

SIGMOID = Sigmoid()
Reset = Literal["after", "before"]


class GRU(Recurrent):
    """Gated recurrent unit (Cho et al. 2014, eq. 5 to 8).

    r, z = σ(W s(t−1) + U x(t) + b), each with rows of its own; s(t) = z ⊙ s(t−1) + (1 − z) ⊙ n.
    The candidate n is tanh(U x(t) + b + r ⊙ (W s(t−1) + d)) if the reset gate acts after the
    product, as in PyTorch, or tanh(U x(t) + b + W (r ⊙ s(t−1))) if before, as published.
    """

    kind: Literal["gru"] = "gru"
    gates: ClassVar[int] = 3
    reset: Reset = Field(
        "after", description="Whether r acts after or before the product with W, which is slower."
    )

    def biases(self) -> Sequence[Parameter]:
        initial = self.bias_initializer or Zeros()
        found = [self.block("b", (self.gates * self.units,), 1, [initial] * self.gates)]
        if self.reset == "after":
            found.append(self.block("d", (self.units,), 1, [initial]))
        return found

    def cell(self, binding: Binding, reverse: bool) -> RecurrentCell:
        kind = ResetAfterCell if self.reset == "after" else ResetBeforeCell
        return kind(binding, self.units, reverse)


class _GRUCell(RecurrentCell):
    """The formulas of `GRU` that both of its forms share; rows are in the order r, z, n."""

    def __init__(self, binding: Binding, units: int, reverse: bool) -> None:
        super().__init__(binding, units, gates=3, states=1, reverse=reverse)
        self.W_gates, self.W_n = self.W[: 2 * units], self.W[2 * units :]
        # What r multiplies: W s(t−1) + d after the product, or r ⊙ s(t−1) before it.
        self._kept = self.buffer(units)

    @property
    def kept(self) -> Array:
        """The factor of r, or its product with r, at all steps, (units, columns)."""
        return self.packed(self._kept, self.units)

    def parts(self, at: slice) -> tuple[Array, Array, Array, Array, Array]:
        """The gates r and z, both together, the candidate n, and the state before a step."""
        both, n = self.sums[: 2 * self.units, at], self.sums[2 * self.units :, at]
        r, z = np.split(both, 2)
        return r, z, both, n, self.before[0][:, at]

    def mix(self, at: slice) -> None:
        """s(t) = n + z ⊙ (s(t−1) − n)."""
        _, z, _, n, before = self.parts(at)
        s = self.states[0][:, at]
        np.subtract(before, n, out=s)
        s *= z
        s += n

    def unmix(self, at: slice) -> tuple[Array, Array]:
        """Turns z and n into the gradients of their sums; returns dE/ds(t) and its share z."""
        _, z, _, n, before = self.parts(at)
        ds = self.gradients[0][:, at]
        through = ds * z
        dz = ds * (before - n) * z * (1 - z)
        n[...] = ds * (1 - z) * (1 - n * n)
        z[...] = dz
        return ds, through


class ResetAfterCell(_GRUCell):
    """n = tanh(a_n + r ⊙ h) with h = W_n s(t−1) + d, one product for all rows of W."""

    def advance(self, at: slice) -> None:
        r, _, both, n, before = self.parts(at)
        product = np.dot(self.W, before, out=self.scratch(3 * self.units, n.shape[1]))
        both += product[: 2 * self.units]
        SIGMOID.forward(both, both)
        h = self.kept[:, at]
        np.add(product[2 * self.units :], self.params["d"][:, None], out=h)
        n += r * h
        np.tanh(n, out=n)
        self.mix(at)

    def retreat(self, at: slice) -> Sequence[Array]:
        r, _, both, n, _ = self.parts(at)
        _, through = self.unmix(at)
        h = self.kept[:, at]
        dn = n.copy()
        dh = dn * r
        r[...] = dn * h * r * (1 - r)
        h[...] = dh  # dE/dh, from which `collect` takes the gradients of W_n and d
        through += np.dot(self.W_gates.T, both)
        through += np.dot(self.W_n.T, dh)
        return [through]

    def collect(self) -> None:
        units, before = self.units, self.before[0]
        np.dot(self.sums, self.X.T, out=self.grads["U"])
        np.add.reduce(self.sums, axis=1, out=self.grads["b"])
        np.dot(self.sums[: 2 * units], before.T, out=self.grads["W"][: 2 * units])
        np.dot(self.kept, before.T, out=self.grads["W"][2 * units :])
        np.add.reduce(self.kept, axis=1, out=self.grads["d"])


class ResetBeforeCell(_GRUCell):
    """n = tanh(a_n + W_n k) with k = r ⊙ s(t−1)."""

    def advance(self, at: slice) -> None:
        r, _, both, n, before = self.parts(at)
        both += np.dot(self.W_gates, before, out=self.scratch(*both.shape))
        SIGMOID.forward(both, both)
        k = self.kept[:, at]
        np.multiply(r, before, out=k)
        n += np.dot(self.W_n, k, out=self.scratch(*n.shape))
        np.tanh(n, out=n)
        self.mix(at)

    def retreat(self, at: slice) -> Sequence[Array]:
        r, _, both, n, before = self.parts(at)
        _, through = self.unmix(at)
        dk = np.dot(self.W_n.T, n)
        through += dk * r
        r[...] = dk * before * r * (1 - r)
        through += np.dot(self.W_gates.T, both)
        return [through]

    def collect(self) -> None:
        units = self.units
        np.dot(self.sums, self.X.T, out=self.grads["U"])
        np.add.reduce(self.sums, axis=1, out=self.grads["b"])
        np.dot(self.sums[: 2 * units], self.before[0].T, out=self.grads["W"][: 2 * units])
        np.dot(self.sums[2 * units :], self.kept.T, out=self.grads["W"][2 * units :])
