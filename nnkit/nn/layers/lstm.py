"""Long short-term memory (Hochreiter & Schmidhuber 1997), with forget gates and peepholes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from nnkit.native.kernel_kinds import CellKind
from nnkit.native.recurrence import Recurrence
from nnkit.nn.initializers import AnyInitializer, Constant, Zeros
from nnkit.nn.layer import Binding
from nnkit.nn.layers.gated_recurrent import GatedRecurrent
from nnkit.nn.params import Parameter
from nnkit.nn.recurrent.cell import RecurrentCell
from nnkit.nn.recurrent.lstm_cell import GATES, STATES, LSTMCell
from nnkit.nn.recurrent.normalized_lstm_cell import NormalizedLSTMCell


class LSTM(GatedRecurrent):
    """Long short-term memory (Hochreiter & Schmidhuber 1997; forget gates: Gers et al. 2000).

    i, f, o = σ(W s(t−1) + U x(t) + b), g = tanh(W s(t−1) + U x(t) + b), each with rows of its own;
    c(t) = f ⊙ c(t−1) + i ⊙ g; s(t) = o ⊙ tanh c(t). With peepholes the gates also see the cell:
    i and f add p ⊙ c(t−1), o adds p ⊙ c(t) (Gers, Schraudolph & Schmidhuber 2002).

    With layer normalization, the mean and variance of W s(t−1) over the rows of all gates become 0
    and 1, then those of U x(t), and in s(t) those of c(t), each followed by a trained scale (Ba,
    Kiros & Hinton 2016, eq. 20 to 22).
    """

    gradient_formulas: ClassVar[tuple[str, ...]] = (
        "rows of U, W and b: i, f, o, g, each with all units",
        "∂E/∂c(t) = f(t+1) ⊙ ∂E/∂c(t+1) + ∂E/∂s(t) ⊙ o(t) ⊙ (1 − tanh² c(t))",
        "∂E/∂a_f = ∂E/∂c(t) ⊙ c(t−1) ⊙ f (1 − f), ∂E/∂a_i = ∂E/∂c(t) ⊙ g ⊙ i (1 − i)",
        "∂E/∂a_g = ∂E/∂c(t) ⊙ i ⊙ (1 − g²), ∂E/∂a_o = ∂E/∂s(t) ⊙ tanh c(t) ⊙ o (1 − o)",
    )
    kind: Literal["lstm"] = "lstm"
    gates: ClassVar[int] = GATES
    states: ClassVar[int] = STATES
    signs_of_chrono: ClassVar[tuple[int, ...]] = (-1, 1, 0, 0)
    forget_bias: float | None = Field(
        None,
        description="Initial bias of f; by default 1 (Jozefowicz et al. 2015), or as "
        "`bias_initializer` draws it.",
    )
    peepholes: bool = Field(False, description="Whether the gates see the cell.")
    layer_norm: bool = Field(False, description="Whether to normalize over the units.")

    @model_validator(mode="after")
    def _normalized_without_peepholes(self) -> Self:
        if self.layer_norm and self.peepholes:
            raise ValueError("layer_norm is not defined with peepholes; choose one of them")
        return self

    @model_validator(mode="after")
    def _one_initial_bias_of_f(self) -> Self:
        if self.chrono is not None and self.forget_bias is not None:
            raise ValueError("chrono draws the biases of f; remove forget_bias")
        return self

    def biases(self) -> Sequence[Parameter]:
        initial = self.bias_initializer or Zeros()
        of_gates: list[AnyInitializer] = [initial] * self.gates
        if self.forget_bias is not None or isinstance(initial, Zeros):
            of_gates[1] = Constant(value=1.0 if self.forget_bias is None else self.forget_bias)
        found = [self.bias_of_gates(of_gates)]
        if self.peepholes:
            found.append(self.block("p", (3 * self.units,), 1, [Zeros()] * 3))
        if self.layer_norm:
            one = Constant(value=1.0)
            rows = (GATES * self.units,)
            found += [self.block(name, rows, 1, [one]) for name in ("scale_s", "scale_x")]
            found.append(self.block("scale_c", (self.units,), 1, [one]))
            found.append(self.block("shift_c", (self.units,), 1, [Zeros()]))
        return found

    @property
    def cell_in_program(self) -> Recurrence | None:
        if self.peepholes or self.layer_norm:
            return None
        return Recurrence(CellKind.LSTM, self.units)

    def new_cell(self, binding: Binding, reverse: bool) -> RecurrentCell:
        kind = NormalizedLSTMCell if self.layer_norm else LSTMCell
        return kind(binding, self.units, reverse)
