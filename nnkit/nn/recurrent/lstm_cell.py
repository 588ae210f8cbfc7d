"""One direction of an LSTM."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nnkit.nn.layer import Binding
from nnkit.nn.params import Array
from nnkit.nn.recurrent.cell import RecurrentCell
from nnkit.nn.recurrent.gate_functions import halved_to_sigmoid, through_sigmoid, through_tanh
from nnkit.nn.recurrent.steps import Steps

GATES, STATES = 4, 2


class LSTMCell(RecurrentCell):
    """The formulas of the layer `LSTM`; rows of gates are in the order i, f, o, g.

    dE/dc += dE/ds ⊙ o ⊙ (1 − tanh² c); the gradients of the gates are dE/dc ⊙ g, dE/dc ⊙ c(t−1),
    dE/ds ⊙ tanh c and dE/dc ⊙ i, each times the derivative of its σ or tanh.

    Attributes:
        p: the weights of the peepholes of i, f and o, (units, 1); None without them.
        tanh_c: the blocks of tanh c(t), which `differentiate` turns into ∂s(t)/∂c(t).
        kept: the blocks of ∂c(t)/∂c(t−1), after `differentiate`.
    """

    symbols = ("ifog", "sc")

    def __init__(self, binding: Binding, units: int, reverse: bool) -> None:
        super().__init__(binding, units, GATES, STATES, reverse, halved=slice(0, 3 * units))
        self.p: list[Array] | None = None
        if "p" in binding.params:
            self.p = np.split(binding.params["p"][:, None], 3)
        self._tanh_c, self._kept = self.memory(units), self.memory(units)
        self._work = self.run_memory(units)

    def divide(self, steps: Steps) -> None:
        super().divide(steps)
        self.tanh_c = steps.blocks(self._tanh_c, self.units)
        self.kept = steps.blocks(self._kept, self.units)
        self.stacks = [
            *zip(
                self.gate_stacks(),
                self.stacks_before[1],
                steps.stacks(self._tanh_c, self.units),
                steps.stacks(self._kept, self.units),
                steps.run_scratch(self._work, self.units),
                strict=True,
            )
        ]
        self.sigmoids = [a[self.halved] for a in self.sums]

    def advance(self, step: int) -> None:
        a, c, c_before = self.sums[step], self.states[1][step], self.before[1][step]
        i, f, o, g = self.gates[step]
        work = self.scratch(c.shape)
        if self.p is not None:
            i += np.multiply(self.p[0] / 2, c_before, out=work)
            f += np.multiply(self.p[1] / 2, c_before, out=work)
            halved_before = o.copy()
        np.tanh(a, out=a)
        halved_to_sigmoid(self.sigmoids[step])
        np.multiply(f, c_before, out=c)
        c += np.multiply(i, g, out=work)
        if self.p is not None:
            np.add(halved_before, np.multiply(self.p[2] / 2, c, out=work), out=o)
            np.tanh(o, out=o)
            halved_to_sigmoid(o)
        np.multiply(o, self.squash(step), out=self.states[0][step])

    def squash(self, step: int) -> Array:
        """Computes tanh c(t)."""
        return np.tanh(self.states[1][step], out=self.tanh_c[step])

    def differentiate(self, run: int) -> None:
        (i, f, o, g), c_before, tanh_c, kept, work = self.stacks[run]
        kept[...] = g
        through_tanh(g, i, work)  # ∂c/∂a_g = i ⊙ (1 − g²)
        through_sigmoid(i, kept, work)  # ∂c/∂a_i = g ⊙ i ⊙ (1 − i)
        kept[...] = o
        through_sigmoid(o, tanh_c, work)  # ∂s/∂a_o = tanh c ⊙ o ⊙ (1 − o)
        through_tanh(tanh_c, kept, work)  # ∂s/∂c = o ⊙ (1 − tanh² c)
        kept[...] = f  # ∂c/∂c(t−1)
        through_sigmoid(f, c_before, work)  # ∂c/∂a_f = c(t−1) ⊙ f ⊙ (1 − f)
        if self.p is not None:
            kept += np.multiply(self.p[0], i, out=work)
            kept += np.multiply(self.p[1], f, out=work)
            tanh_c += np.multiply(self.p[2], o, out=work)

    def retreat(self, step: int, gradients: Sequence[Array]) -> None:
        ds, dc = gradients
        i, f, o, g = self.gates[step]
        through_squash = np.multiply(ds, self.tanh_c[step], out=self.scratch(ds.shape))
        dc += self.squash_back(step, through_squash)
        o *= ds
        for gate in (i, f, g):
            gate *= dc
        if self.p is not None:
            self._add_to_gradient_of_p(step)
        ds.fill(0)
        dc *= self.kept[step]

    def squash_back(self, step: int, d: Array) -> Array:
        """The part of dE/dc(t) that comes through s(t), from dE/ds(t) ⊙ ∂s(t)/∂c(t)."""
        return d

    def _add_to_gradient_of_p(self, step: int) -> None:
        c_before, c = self.before[1][step], self.states[1][step]
        di, df, do, _ = self.gates[step]
        seen = ((di, c_before), (df, c_before), (do, c))
        for dp, (gate, cell) in zip(np.split(self.grads["p"], 3), seen, strict=True):
            dp += np.einsum("ij,ij->i", gate, cell)
