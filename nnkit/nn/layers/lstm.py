"""Long short-term memory (Hochreiter & Schmidhuber 1997), with forget gates and peepholes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from nnkit.nn.activations import Sigmoid
from nnkit.nn.initializers import AnyInitializer, Constant, Zeros
from nnkit.nn.layer import Binding
from nnkit.nn.layers.recurrent import Recurrent
from nnkit.nn.params import Array, Parameter
from nnkit.nn.recurrent.cell import RecurrentCell

SIGMOID = Sigmoid()


class LSTM(Recurrent):
    """Long short-term memory (Hochreiter & Schmidhuber 1997; forget gates: Gers et al. 2000).

    i, f, o = σ(W s(t−1) + U x(t) + b), g = tanh(W s(t−1) + U x(t) + b), each with rows of its own;
    c(t) = f ⊙ c(t−1) + i ⊙ g; s(t) = o ⊙ tanh c(t). With peepholes the gates also see the cell:
    i and f add p ⊙ c(t−1), o adds p ⊙ c(t) (Gers, Schraudolph & Schmidhuber 2002).
    """

    kind: Literal["lstm"] = "lstm"
    gates: ClassVar[int] = 4
    states: ClassVar[int] = 2
    forget_bias: float = Field(
        1.0, description="Initial bias of f, added to that drawn (Jozefowicz et al. 2015)."
    )
    peepholes: bool = Field(False, description="Whether the gates see the cell.")

    def biases(self) -> Sequence[Parameter]:
        initial = self.bias_initializer or Zeros()
        of_gates: list[AnyInitializer] = [initial] * self.gates
        if isinstance(initial, Zeros):
            of_gates[1] = Constant(value=self.forget_bias)
        found = [self.block("b", (self.gates * self.units,), 1, of_gates)]
        if self.peepholes:
            found.append(self.block("p", (3 * self.units,), 1, [Zeros()] * 3))
        return found

    def cell(self, binding: Binding, reverse: bool) -> RecurrentCell:
        return LSTMCell(binding, self.units, reverse)


class LSTMCell(RecurrentCell):
    """The formulas of `LSTM`; rows of gates are in the order i, f, o, g.

    dE/dc += dE/ds ⊙ o ⊙ (1 − tanh² c); the gradients of the gates are dE/dc ⊙ g, dE/dc ⊙ c(t−1),
    dE/ds ⊙ tanh c and dE/dc ⊙ i, each times the derivative of its σ or tanh.
    """

    def __init__(self, binding: Binding, units: int, reverse: bool) -> None:
        super().__init__(binding, units, gates=4, states=2, reverse=reverse)
        self.p = binding.params.get("p")
        self._tanh_c = self.buffer(units)

    def gates_of(self, at: slice) -> Sequence[Array]:
        """The rows i, f, o and g of a step, each (units, n)."""
        return np.split(self.sums[:, at], 4)

    def advance(self, at: slice) -> None:
        (s, c), (s_before, c_before) = (
            [array[:, at] for array in arrays] for arrays in (self.states, self.before)
        )
        a, units = self.sums[:, at], self.units
        i, f, o, g = self.gates_of(at)
        a += np.dot(self.W, s_before, out=self.scratch(*a.shape))
        if self.p is not None:
            of_i, of_f, of_o = np.split(self.p[:, None], 3)
            i += of_i * c_before
            f += of_f * c_before
        sigmoids = a[: (2 if self.p is not None else 3) * units]
        SIGMOID.forward(sigmoids, sigmoids)
        np.tanh(g, out=g)
        np.multiply(f, c_before, out=c)
        c += np.multiply(i, g, out=self.scratch(*g.shape))
        if self.p is not None:
            o += of_o * c
            SIGMOID.forward(o, o)
        tanh_c = self.packed(self._tanh_c, units)[:, at]
        np.tanh(c, out=tanh_c)
        np.multiply(o, tanh_c, out=s)

    def retreat(self, at: slice) -> Sequence[Array]:
        ds, dc = (gradient[:, at] for gradient in self.gradients)
        i, f, o, g = self.gates_of(at)
        c_before, tanh_c = self.before[1][:, at], self.packed(self._tanh_c, self.units)[:, at]
        do = ds * tanh_c * o * (1 - o)
        dc += ds * o * (1 - tanh_c * tanh_c)
        if self.p is not None:
            of_i, of_f, of_o = np.split(self.p[:, None], 3)
            dc += of_o * do
        dc_before = dc * f
        di, df = dc * g * i * (1 - i), dc * c_before * f * (1 - f)
        if self.p is not None:
            dc_before += of_i * di + of_f * df
        g[...] = dc * i * (1 - g * g)
        i[...], f[...], o[...] = di, df, do
        a = self.sums[:, at]
        return [np.dot(self.W.T, a, out=self.scratch(*ds.shape)), dc_before]

    def collect(self) -> None:
        super().collect()
        if self.p is not None:
            i, f, o, _ = np.split(self.sums, 4)
            seen = ((i, self.before[1]), (f, self.before[1]), (o, self.states[1]))
            for dp, (gate, c) in zip(np.split(self.grads["p"], 3), seen, strict=True):
                np.einsum("ij,ij->i", gate, c, out=dp)
