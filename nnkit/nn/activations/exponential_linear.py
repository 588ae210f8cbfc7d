"""Exponential linear units: rectifiers whose negative part is an exponential."""

# No `from __future__ import annotations`, for the reason given in nnkit/config/spec.py.

from typing import ClassVar, Literal

import numpy as np

from nnkit.config.spec import Positive
from nnkit.native.kernel_kinds import ActivationKind
from nnkit.native.program_layer import ProgramFunction
from nnkit.nn.activations.function import Array, Function


class ELU(Function):
    """f(z) = z for z > 0, else α(e^z − 1) (Clevert et al. 2016, eq. 13)."""

    kind: Literal["elu"] = "elu"
    shorthand: ClassVar[str | None] = "alpha"
    rectifier: ClassVar[bool] = True
    alpha: Positive = 1.0

    def in_program(self) -> ProgramFunction:
        return ProgramFunction(ActivationKind.ELU, self.alpha, 1.0, 1.0)

    def forward(self, Z: Array, Y: Array) -> None:
        _elu(Z, Y, np.minimum(Z, 0), self.alpha)

    def backward(self, saved: Array, dY: Array, work: Array) -> None:
        np.minimum(saved, 0, out=work)  # f′ = y + α where y ≤ 0
        np.add(work, self.alpha, out=work)
        work[saved > 0] = 1
        np.multiply(dY, work, out=dY)


class SELU(Function):
    """f(z) = λ·z for z > 0, else λα(e^z − 1), with λ and α that keep mean 0 and variance 1.

    For weights of variance 1/fan_in, the `lecun` initializer (Klambauer et al. 2017, eq. 2).
    """

    kind: Literal["selu"] = "selu"
    alpha: ClassVar[float] = 1.6732632423543772
    scale: ClassVar[float] = 1.0507009873554805

    def in_program(self) -> ProgramFunction:
        return ProgramFunction(ActivationKind.ELU, self.alpha, 1.0, self.scale)

    def forward(self, Z: Array, Y: Array) -> None:
        _elu(Z, Y, np.minimum(Z, 0), self.alpha)
        np.multiply(Y, self.scale, out=Y)

    def backward(self, saved: Array, dY: Array, work: Array) -> None:
        np.minimum(saved, 0, out=work)  # f′ = y + λα where y ≤ 0
        np.add(work, self.scale * self.alpha, out=work)
        work[saved > 0] = self.scale
        np.multiply(dY, work, out=dY)


class CELU(Function):
    """f(z) = max(0, z) + min(0, α(e^{z/α} − 1)): ELU without its kink (Barron 2017, eq. 2)."""

    kind: Literal["celu"] = "celu"
    shorthand: ClassVar[str | None] = "alpha"
    rectifier: ClassVar[bool] = True
    alpha: Positive = 1.0

    def in_program(self) -> ProgramFunction:
        return ProgramFunction(ActivationKind.ELU, self.alpha, 1 / self.alpha, 1.0)

    def forward(self, Z: Array, Y: Array) -> None:
        _elu(Z, Y, np.minimum(Z, 0) / Y.dtype.type(self.alpha), self.alpha)

    def backward(self, saved: Array, dY: Array, work: Array) -> None:
        np.minimum(saved, 0, out=work)  # f′ = y/α + 1 where y ≤ 0
        np.divide(work, self.alpha, out=work)
        np.add(work, 1, out=work)
        np.multiply(dY, work, out=dY)


def _elu(Z: Array, Y: Array, exponent: Array, alpha: float) -> None:
    """Writes max(0, z) + α(e^exponent − 1) into Y, for an exponent that is 0 where z > 0."""
    negative = np.expm1(exponent, out=exponent)
    np.multiply(negative, alpha, out=negative)
    np.maximum(Z, 0, out=Y)
    np.add(Y, negative, out=Y)


AnyExponentialLinear = ELU | SELU | CELU
