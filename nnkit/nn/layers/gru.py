"""Gated recurrent unit (Cho et al. 2014)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from nnkit.native.recurrence import Recurrence
from nnkit.native.structures import CellKind
from nnkit.nn.activations import Sigmoid
from nnkit.nn.initializers import Zeros
from nnkit.nn.layer import Binding
from nnkit.nn.layers.recurrent import Recurrent
from nnkit.nn.params import Array, Parameter
from nnkit.nn.recurrent.cell import RecurrentCell, through_sigmoid

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

    @property
    def cell_in_program(self) -> Recurrence | None:
        return Recurrence(CellKind.GRU, self.units) if self.reset == "after" else None

    def cell(self, binding: Binding, reverse: bool) -> RecurrentCell:
        kind = ResetAfterCell if self.reset == "after" else ResetBeforeCell
        return kind(binding, self.units, reverse)


class _GRUCell(RecurrentCell):
    """The formulas of `GRU` that both of its forms share; rows are in the order r, z, n."""

    def __init__(self, binding: Binding, units: int, reverse: bool) -> None:
        super().__init__(binding, units, gates=3, states=1, reverse=reverse)
        self.of_gates, self.of_n = slice(0, 2 * units), slice(2 * units, 3 * units)
        self.W_gates, self.W_n = self.W[self.of_gates], self.W[self.of_n]
        self._kept = self.memory(units)

    def prepare(self) -> None:
        super().prepare()
        # W s(t−1) + d, which r multiplies after the product, or r ⊙ s(t−1) before it.
        self.kept = self.steps.blocks(self._kept, self.units)

    def mix(self, step: int) -> None:
        """s(t) = n + z ⊙ (s(t−1) − n)."""
        _, z, n = np.split(self.sums[step], 3)
        s = np.subtract(self.before[0][step], n, out=self.states[0][step])
        s *= z
        s += n

    def unmix(self, step: int) -> Array:
        """Turns z and n into dE/da of their rows; returns dE/ds(t−1) through `mix`."""
        _, z, n = np.split(self.sums[step], 3)
        ds, work = self.gradients[0][step], self.scratch(n.shape)
        received = np.multiply(ds, z, out=self.scratch(n.shape, 1))
        dn = np.subtract(ds, received, out=self.scratch(n.shape, 2))
        ds *= np.subtract(self.before[0][step], n, out=work)
        through_sigmoid(z, ds, work)
        np.multiply(n, n, out=work)
        np.subtract(1, work, out=work)
        np.multiply(dn, work, out=n)
        return received


class ResetAfterCell(_GRUCell):
    """n = tanh(a + r ⊙ h) with h = W s(t−1) + d; all rows of W are in one product."""

    def advance(self, step: int) -> None:
        gates, n = np.split(self.sums[step], [2 * self.units])
        h, r = self.kept[step], gates[: self.units]
        product = np.dot(
            self.W, self.before[0][step], out=self.scratch((3 * self.units, n.shape[1]))
        )
        gates += product[self.of_gates]
        SIGMOID.forward(gates, gates)
        np.add(product[self.of_n], self.params["d"][:, None], out=h)
        n += np.multiply(r, h, out=self.scratch(n.shape))
        np.tanh(n, out=n)
        self.mix(step)

    def retreat(self, step: int) -> Sequence[Array]:
        ds_before, h = self.unmix(step), self.kept[step]
        gates, dn = np.split(self.sums[step], [2 * self.units])
        r = gates[: self.units]
        dr = np.multiply(dn, h, out=self.scratch(dn.shape, 2))
        dh = np.multiply(dn, r, out=h)
        through_sigmoid(r, dr, self.scratch(dn.shape))
        self.add_weight_gradient(gates, self.before[0][step], self.of_gates)
        self.add_weight_gradient(dh, self.before[0][step], self.of_n)
        self.grads["d"] += np.add.reduce(dh, axis=1)
        ds_before += np.dot(self.W_gates.T, gates, out=self.scratch(dn.shape))
        ds_before += np.dot(self.W_n.T, dh, out=self.scratch(dn.shape))
        return [ds_before]


class ResetBeforeCell(_GRUCell):
    """n = tanh(a + W k) with k = r ⊙ s(t−1)."""

    def advance(self, step: int) -> None:
        gates, n = np.split(self.sums[step], [2 * self.units])
        before = self.before[0][step]
        gates += np.dot(self.W_gates, before, out=self.scratch(gates.shape))
        SIGMOID.forward(gates, gates)
        k = np.multiply(gates[: self.units], before, out=self.kept[step])
        n += np.dot(self.W_n, k, out=self.scratch(n.shape))
        np.tanh(n, out=n)
        self.mix(step)

    def retreat(self, step: int) -> Sequence[Array]:
        ds_before, before = self.unmix(step), self.before[0][step]
        gates, dn = np.split(self.sums[step], [2 * self.units])
        r = gates[: self.units]
        dk = np.dot(self.W_n.T, dn, out=self.scratch(dn.shape, 2))
        ds_before += np.multiply(dk, r, out=self.scratch(dn.shape))
        dk *= before
        through_sigmoid(r, dk, self.scratch(dn.shape))
        self.add_weight_gradient(gates, before, self.of_gates)
        self.add_weight_gradient(dn, self.kept[step], self.of_n)
        ds_before += np.dot(self.W_gates.T, gates, out=self.scratch(dn.shape))
        return [ds_before]
