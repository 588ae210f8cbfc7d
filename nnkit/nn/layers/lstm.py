"""Long short-term memory (Hochreiter & Schmidhuber 1997), with forget gates and peepholes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from nnkit.native.recurrence import Recurrence
from nnkit.native.structures import CellKind
from nnkit.nn.activations import Sigmoid
from nnkit.nn.initializers import AnyInitializer, Constant, Zeros
from nnkit.nn.layer import Binding
from nnkit.nn.layers.recurrent import Recurrent
from nnkit.nn.params import Array, Parameter
from nnkit.nn.recurrent.cell import RecurrentCell, through_sigmoid

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

    @property
    def cell_in_program(self) -> Recurrence | None:
        return None if self.peepholes else Recurrence(CellKind.LSTM, self.units)

    def cell(self, binding: Binding, reverse: bool) -> RecurrentCell:
        return LSTMCell(binding, self.units, reverse)


class LSTMCell(RecurrentCell):
    """The formulas of `LSTM`; rows of gates are in the order i, f, o, g.

    dE/dc += dE/ds ⊙ o ⊙ (1 − tanh² c); the gradients of the gates are dE/dc ⊙ g, dE/dc ⊙ c(t−1),
    dE/ds ⊙ tanh c and dE/dc ⊙ i, each times the derivative of its σ or tanh.
    """

    def __init__(self, binding: Binding, units: int, reverse: bool) -> None:
        super().__init__(binding, units, gates=4, states=2, reverse=reverse)
        self.p = np.split(binding.params["p"][:, None], 3) if "p" in binding.params else None
        self._tanh_c = self.memory(units)

    def prepare(self) -> None:
        super().prepare()
        self.tanh_c = self.steps.blocks(self._tanh_c, self.units)

    def advance(self, step: int) -> None:
        (s_before, c_before), (s, c) = (
            [vector[step] for vector in vectors] for vectors in (self.before, self.states)
        )
        a, tanh_c, work = self.sums[step], self.tanh_c[step], self.scratch(c.shape)
        i, f, o, g = np.split(a, 4)
        a += np.dot(self.W, s_before, out=self.scratch(a.shape))
        if self.p is not None:
            i += np.multiply(self.p[0], c_before, out=work)
            f += np.multiply(self.p[1], c_before, out=work)
        sigmoids = a[: (3 if self.p is None else 2) * self.units]
        SIGMOID.forward(sigmoids, sigmoids)
        np.tanh(g, out=g)
        np.multiply(f, c_before, out=c)
        c += np.multiply(i, g, out=work)
        if self.p is not None:
            o += np.multiply(self.p[2], c, out=work)
            SIGMOID.forward(o, o)
        np.tanh(c, out=tanh_c)
        np.multiply(o, tanh_c, out=s)

    def retreat(self, step: int) -> Sequence[Array]:
        ds, dc = (gradient[step] for gradient in self.gradients)
        c_before, tanh_c, a = self.before[1][step], self.tanh_c[step], self.sums[step]
        i, f, o, g = np.split(a, 4)
        work, dg = (self.scratch(ds.shape, number) for number in range(2))
        # Through s = o ⊙ tanh c to c and o.
        np.multiply(tanh_c, tanh_c, out=work)
        np.subtract(1, work, out=work)
        work *= o
        work *= ds
        dc += work
        ds *= tanh_c
        through_sigmoid(o, ds, work)
        if self.p is not None:
            dc += np.multiply(self.p[2], o, out=work)
        # Through c = f ⊙ c(t−1) + i ⊙ g to f, c(t−1), i and g.
        dc_before = np.multiply(dc, f, out=self.scratch(dc.shape, 2))
        np.multiply(dc, i, out=dg)
        through_sigmoid(f, np.multiply(dc, c_before, out=ds), work)
        dc *= g
        through_sigmoid(i, dc, work)
        np.multiply(g, g, out=work)
        np.subtract(1, work, out=work)
        np.multiply(dg, work, out=g)
        if self.p is not None:
            self._through_peepholes(i, f, o, step, dc_before)
        self.add_weight_gradient(a, self.before[0][step])
        return [np.dot(self.W.T, a, out=work), dc_before]

    def _through_peepholes(
        self, di: Array, df: Array, do: Array, step: int, dc_before: Array
    ) -> None:
        """Adds the gradients of p, and those of c(t−1) that pass through i and f."""
        assert self.p is not None
        dc_before += self.p[0] * di + self.p[1] * df
        c_before, c = self.before[1][step], self.states[1][step]
        seen = ((di, c_before), (df, c_before), (do, c))
        for dp, (gate, cell) in zip(np.split(self.grads["p"], 3), seen, strict=True):
            dp += np.einsum("ij,ij->i", gate, cell)
