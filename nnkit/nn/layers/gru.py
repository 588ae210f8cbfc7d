"""Gated recurrent unit (Cho et al. 2014)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from nnkit.native.kernel_kinds import CellKind
from nnkit.native.recurrence import Recurrence
from nnkit.nn.initializers import Zeros
from nnkit.nn.layer import Binding
from nnkit.nn.layers.gated_recurrent import GatedRecurrent
from nnkit.nn.params import Array, Parameter
from nnkit.nn.recurrent.cell import RecurrentCell
from nnkit.nn.recurrent.gate_functions import halved_to_sigmoid, through_sigmoid, through_tanh
from nnkit.nn.recurrent.steps import Steps

Reset = Literal["after", "before"]


class GRU(GatedRecurrent):
    """Gated recurrent unit (Cho et al. 2014, eq. 5 to 8).

    r, z = σ(W s(t−1) + U x(t) + b), each with rows of its own; s(t) = z ⊙ s(t−1) + (1 − z) ⊙ n.
    The candidate n is tanh(U x(t) + b + r ⊙ (W s(t−1) + d)) if the reset gate acts after the
    product, as in PyTorch, or tanh(U x(t) + b + W (r ⊙ s(t−1))) if before, as published.
    """

    gradient_formulas: ClassVar[tuple[str, ...]] = (
        "rows of U, W and b: r, z, n, each with all units",
        "∂E/∂a_z = ∂E/∂s(t) ⊙ (s(t−1) − n) ⊙ z (1 − z)",
        "∂E/∂a_n = ∂E/∂s(t) ⊙ (1 − z) ⊙ (1 − n²)",
    )
    kind: Literal["gru"] = "gru"
    gates: ClassVar[int] = 3
    signs_of_chrono: ClassVar[tuple[int, ...]] = (0, 1, 0)
    reset: Reset = Field(
        "after", description="Whether r acts after or before the product with W, which is slower."
    )

    def biases(self) -> Sequence[Parameter]:
        initial = self.bias_initializer or Zeros()
        found = [self.bias_of_gates([initial] * self.gates)]
        if self.reset == "after":
            found.append(self.block("d", (self.units,), 1, [initial]))
        return found

    @property
    def cell_in_program(self) -> Recurrence | None:
        return Recurrence(CellKind.GRU, self.units) if self.reset == "after" else None

    def new_cell(self, binding: Binding, reverse: bool) -> RecurrentCell:
        kind = ResetAfterCell if self.reset == "after" else ResetBeforeCell
        return kind(binding, self.units, reverse)


class _GRUCell(RecurrentCell):
    """The formulas of `GRU` that both of its forms share; rows are in the order r, z, n.

    Attributes:
        inner: the blocks of what W is multiplied by or multiplies in n, apart from the gates.
        kept: the blocks of z, which is ∂s(t)/∂s(t−1) but for the gates, after `differentiate`.
    """

    symbols = ("rzn", "s")

    def __init__(self, binding: Binding, units: int, reverse: bool) -> None:
        self.of_gates, self.of_n = slice(0, 2 * units), slice(2 * units, 3 * units)
        super().__init__(binding, units, 3, 1, reverse, halved=self.of_gates)
        self._inner, self._kept = self.memory(units), self.memory(units)
        self._slope, self._work = self.run_memory(units), self.run_memory(units)

    def divide(self, steps: Steps) -> None:
        super().divide(steps)
        self.inner = steps.blocks(self._inner, self.units)
        self.kept = steps.blocks(self._kept, self.units)
        self.stacks = [
            *zip(
                self.gate_stacks(),
                self.stacks_before[0],
                steps.stacks(self._inner, self.units),
                steps.stacks(self._kept, self.units),
                steps.run_scratch(self._slope, self.units),
                steps.run_scratch(self._work, self.units),
                strict=True,
            )
        ]

    def project(self, step: int) -> None:
        """Computes a(t) without W s(t−1) in the rows of n."""
        z, a, units = self.z[step], self.sums[step], self.units
        n = a[self.of_n]
        if self.is_packed:
            self.multiply(self.packed[self.of_gates], z, a[self.of_gates])
            self.multiply(self.packed[self.of_n, units:], z[units:], n)
            return
        super().project(step)
        n -= np.dot(self.W[self.of_n], z[:units])

    def open_gates(self, step: int) -> tuple[Array, Array, Array]:
        """Computes r and z; returns them and the rows of n."""
        a = self.sums[step]
        gates = a[self.of_gates]
        np.tanh(gates, out=gates)
        halved_to_sigmoid(gates)
        r, z, n = self.gates[step]
        return r, z, n

    def mix(self, step: int) -> None:
        """s(t) = n + z ⊙ (s(t−1) − n), for n the tanh of its rows."""
        _, z, n = self.gates[step]
        np.tanh(n, out=n)
        s = np.subtract(self.before[0][step], n, out=self.states[0][step])
        s *= z
        s += n

    def differentiate(self, run: int) -> None:
        (_, z, n), s_before, _, kept, slope, work = self.stacks[run]
        kept[...] = z
        np.subtract(s_before, n, out=slope)
        through_sigmoid(z, slope, work)  # ∂s/∂a_z = (s(t−1) − n) ⊙ z ⊙ (1 − z)
        np.subtract(1, kept, out=slope)
        through_tanh(n, slope, work)  # ∂s/∂a_n = (1 − z) ⊙ (1 − n²)

    def gradients_of_products(self) -> Sequence[Array]:
        """The parts of `d_packed` for the gates, for [b U] in n, and for W in n."""
        d, units = self.d_packed, self.units
        return [d[self.of_gates], d[self.of_n, units:], d[self.of_n, :units]]

    def add_to_gradients(self, step: int, dh: Array, factors: Array) -> None:
        """Adds to the gradients of the weights; those of W in n are of a product h = W factors."""
        z, a = self.z[step], self.sums[step]
        of_gates, of_inputs = (a[self.of_gates], z), (a[self.of_n], z[self.units :])
        self.weight_gradient.add(of_gates, of_inputs, (dh, factors))


class ResetAfterCell(_GRUCell):
    """n = tanh(a + r ⊙ h) with h = W s(t−1) + d."""

    def advance(self, step: int) -> None:
        r, _, n = self.open_gates(step)
        h = self.multiply(self.W[self.of_n], self.z[step][: self.units], self.inner[step])
        h += self.params["d"][:, None]
        n += np.multiply(r, h, out=self.scratch(n.shape))
        self.mix(step)

    def differentiate(self, run: int) -> None:
        super().differentiate(run)
        (r, _, n), _, h, _, slope, work = self.stacks[run]
        np.multiply(n, h, out=slope)
        np.multiply(n, r, out=h)  # ∂s/∂h = ∂s/∂a_n ⊙ r
        through_sigmoid(r, slope, work)  # ∂s/∂a_r = ∂s/∂a_n ⊙ h ⊙ r ⊙ (1 − r)

    def retreat(self, step: int, gradients: Sequence[Array]) -> None:
        (ds,) = gradients
        for derivative in (*self.gates[step], self.inner[step]):
            derivative *= ds
        ds *= self.kept[step]

    def project_back(self, step: int) -> Array:
        a, dh = self.sums[step], self.inner[step]
        self.add_to_gradients(step, dh, self.z[step][: self.units])
        self.grads["d"] += np.add.reduce(dh, axis=1)
        ds = self.multiply(self.W[self.of_gates].T, a[self.of_gates], self.scratch(dh.shape))
        ds += self.multiply(self.W[self.of_n].T, dh, self.scratch(dh.shape, 1))
        return ds


class ResetBeforeCell(_GRUCell):
    """n = tanh(a + W k) with k = r ⊙ s(t−1)."""

    def advance(self, step: int) -> None:
        r, _, n = self.open_gates(step)
        k = np.multiply(r, self.z[step][: self.units], out=self.inner[step])
        n += self.multiply(self.W[self.of_n], k, self.scratch(n.shape))
        self.mix(step)

    def retreat(self, step: int, gradients: Sequence[Array]) -> None:
        (ds,), (r, z, n) = gradients, self.gates[step]
        z *= ds
        n *= ds
        ds *= self.kept[step]
        dk, work, through_k = (self.scratch(ds.shape, number) for number in (1, 2, 3))
        self.multiply(self.W[self.of_n].T, n, dk)
        np.multiply(dk, r, out=through_k)
        dk *= self.z[step][: self.units]
        through_sigmoid(r, dk, work)

    def project_back(self, step: int) -> Array:
        a, k = self.sums[step], self.inner[step]
        self.add_to_gradients(step, a[self.of_n], k)
        ds = self.multiply(self.W[self.of_gates].T, a[self.of_gates], self.scratch(k.shape))
        ds += self.scratch(k.shape, 3)
        return ds
