"""The identity, for outputs that are real numbers and for linear layers."""

# No `from __future__ import annotations`, for the reason given in nnkit/config/spec.py.

from typing import ClassVar, Literal

from nnkit.native.kernel_kinds import ActivationKind
from nnkit.native.program_layer import ProgramFunction
from nnkit.nn.activations.function import Array, Function


class Identity(Function):
    """f(z) = z."""

    elsewhere: ClassVar[tuple[str, ...]] = ("linear", "none")
    kind: Literal["identity"] = "identity"

    def in_program(self) -> ProgramFunction:
        return ProgramFunction(ActivationKind.IDENTITY)

    def forward(self, Z: Array, Y: Array) -> None:
        if Y is not Z:
            Y[...] = Z

    def backward(self, saved: Array, dY: Array, work: Array) -> None:
        pass
