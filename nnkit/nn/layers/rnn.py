"""Simple recurrent layer (Elman 1990)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from nnkit.native.kernel_kinds import CellKind
from nnkit.native.program_layer import NEEDS_INPUT
from nnkit.native.recurrence import Recurrence
from nnkit.nn.activations import AnyActivation
from nnkit.nn.activations.function import Function
from nnkit.nn.activations.sigmoids import Tanh
from nnkit.nn.layer import Binding
from nnkit.nn.layers.recurrent import Recurrent
from nnkit.nn.params import Array
from nnkit.nn.recurrent.cell import RecurrentCell


class RNN(Recurrent):
    """s(t) = f(W s(t−1) + U x(t) + b) (Elman 1990).

    With `activation: relu` and `recurrent_initializer: identity` it is an IRNN (Le, Jaitly &
    Hinton 2015).
    """

    elsewhere: ClassVar[tuple[str, ...]] = ("simple_rnn", "simplernn", "elman")
    gradient_formulas: ClassVar[tuple[str, ...]] = (
        "∂E/∂s(t) = ∂E/∂out(t), if it is used, + Wᵀ ∂E/∂a(t+1)",
        "∂E/∂a(t) = ∂E/∂s(t) ⊙ f′(a(t))",
        "∂E/∂W = Σ_t ∂E/∂a(t) s(t−1)ᵀ, ∂E/∂U = Σ_t ∂E/∂a(t) x(t)ᵀ, ∂E/∂b = Σ_t ∂E/∂a(t)",
    )
    kind: Literal["rnn"] = "rnn"
    activation: AnyActivation = Field(Tanh(), description="The function f.")

    @model_validator(mode="after")
    def _activation_is_a_curve(self) -> Self:
        found = self.activation
        if not (isinstance(found, Function) and found.elementwise and found.trainable):
            raise ValueError(f"'{found.tag()}' is no function of single numbers with a derivative")
        return self

    @property
    def inner_activation(self) -> AnyActivation:
        return self.activation

    @property
    def cell_in_program(self) -> Recurrence | None:
        function = self.activation.in_program()
        if function is None or function.kind in NEEDS_INPUT:
            return None
        return Recurrence(CellKind.RNN, self.units, function=function)

    def new_cell(self, binding: Binding, reverse: bool) -> RecurrentCell:
        assert isinstance(self.activation, Function)
        return RNNCell(self.activation, binding, self.units, reverse)


class RNNCell(RecurrentCell):
    """s = f(a); dE/da = dE/ds f′."""

    def __init__(self, function: Function, binding: Binding, units: int, reverse: bool) -> None:
        super().__init__(binding, units, 1, 1, reverse, halved=slice(0))
        self.function = function

    def advance(self, step: int) -> None:
        self.function.forward(self.sums[step], self.states[0][step])

    def values(self, step: int) -> dict[str, Array]:
        z, units = self.z[step], self.units
        before = "t+1" if self.reverse else "t−1"
        terms = {f"W s({before})": self.W @ z[:units], "U x(t)": self.U @ z[units + 1 :]}
        return terms | super().values(step)

    def retreat(self, step: int, gradients: Sequence[Array]) -> None:
        (ds,), a = gradients, self.sums[step]
        saved = a if self.function.saves == "input" else self.states[0][step]
        self.function.backward(saved, ds, self.scratch(ds.shape))
        a[...] = ds
        ds.fill(0)
