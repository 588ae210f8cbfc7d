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
    """

    symbols = ("ifog", "sc")

    def __init__(self, binding: Binding, units: int, reverse: bool) -> None:
        super().__init__(binding, units, GATES, STATES, reverse, halved=slice(0, 3 * units))
        self.p: list[Array] | None = None
        if "p" in binding.params:
            self.p = np.split(binding.params["p"][:, None], 3)
        self._tanh_c = self.memory(units)

    def divide(self, steps: Steps) -> None:
        super().divide(steps)
        self.tanh_c = steps.blocks(self._tanh_c, self.units)
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

    def squash_back(self, step: int, d: Array) -> Array:
        """Turns the gradient of tanh c(t) into what comes through it of dE/dc(t)."""
        work = self.scratch(d.shape)
        through_tanh(self.tanh_c[step], d, work)
        return self.tanh_c[step]

    def retreat(self, step: int, gradients: Sequence[Array]) -> None:
        ds, dc = gradients
        a, c_before, tanh_c = self.sums[step], self.before[1][step], self.tanh_c[step]
        i, f, o, g = self.gates[step]
        of_gates = self.scratch(a.shape)
        di, df, do, dg = of_gates.reshape(GATES, *ds.shape)
        np.multiply(ds, tanh_c, out=do)
        ds *= o
        dc += self.squash_back(step, ds)
        work = self.scratch(a.shape, 1)
        if self.p is not None:
            through_sigmoid(o, do, work[: self.units])
            dc += np.multiply(self.p[2], o, out=work[: self.units])
        np.multiply(dc, g, out=di)
        np.multiply(dc, c_before, out=df)
        np.multiply(dc, i, out=dg)
        dc *= f
        through_tanh(g, dg, work[: self.units])
        sigmoids = slice(0, (3 if self.p is None else 2) * self.units)
        through_sigmoid(a[sigmoids], of_gates[sigmoids], work[sigmoids])
        ds.fill(0)
        if self.p is not None:
            self._through_peepholes(step, dc)

    def _through_peepholes(self, step: int, dc_before: Array) -> None:
        """Adds the gradients of p, and those of c(t−1) that pass through i and f."""
        assert self.p is not None
        c_before, c = self.before[1][step], self.states[1][step]
        di, df, do, _ = self.gates[step]
        dc_before += self.p[0] * di + self.p[1] * df
        seen = ((di, c_before), (df, c_before), (do, c))
        for dp, (gate, cell) in zip(np.split(self.grads["p"], 3), seen, strict=True):
            dp += np.einsum("ij,ij->i", gate, cell)
