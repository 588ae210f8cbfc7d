"""Bounded S-shaped activations: the logistic sigmoid, tanh and what resembles them."""

# No `from __future__ import annotations`, for the reason given in nnkit/config/spec.py.

from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import model_validator

from nnkit.config.spec import Positive
from nnkit.native.kernel_kinds import ActivationKind
from nnkit.native.program_layer import ProgramFunction
from nnkit.nn.activations.function import Array, Function, constant


class Sigmoid(Function):
    """f(z) = 1/(1 + e^−z); f′ = y(1 − y)."""

    elsewhere: ClassVar[tuple[str, ...]] = ("logistic",)
    kind: Literal["sigmoid"] = "sigmoid"
    nonnegative: ClassVar[bool] = True
    probability: ClassVar[bool] = True

    def in_program(self) -> ProgramFunction:
        return ProgramFunction(ActivationKind.SIGMOID)

    def forward(self, Z: Array, Y: Array) -> None:
        # Where e^−z overflows, 1/∞ gives the correct 0. The form ½ + ½ tanh(z/2) cannot overflow,
        # but loses the tail towards 0 to rounding.
        np.negative(Z, out=Y)
        np.exp(Y, out=Y)
        np.add(Y, constant(1.0, Y.dtype), out=Y)
        np.reciprocal(Y, out=Y)

    def backward(self, saved: Array, dY: Array, work: Array) -> None:
        np.subtract(constant(1.0, work.dtype), saved, out=work)
        np.multiply(work, saved, out=work)
        np.multiply(dY, work, out=dY)


class HardSigmoid(Function):
    """f(z) = slope · z + ½, clipped to [0, 1] (1/6 as in PyTorch and Keras 3; 1/5 in ONNX)."""

    kind: Literal["hard_sigmoid"] = "hard_sigmoid"
    nonnegative: ClassVar[bool] = True
    probability: ClassVar[bool] = True
    slope: Positive = 1 / 6

    def in_program(self) -> ProgramFunction:
        return ProgramFunction(ActivationKind.HARD_SIGMOID, self.slope)

    def forward(self, Z: Array, Y: Array) -> None:
        np.multiply(Z, self.slope, out=Y)
        np.add(Y, 0.5, out=Y)
        np.clip(Y, 0, 1, out=Y)

    def backward(self, saved: Array, dY: Array, work: Array) -> None:
        np.multiply((saved > 0) & (saved < 1), self.slope, out=work, casting="unsafe")
        np.multiply(dY, work, out=dY)


class Tanh(Function):
    """f(z) = tanh z; f′ = 1 − y²."""

    kind: Literal["tanh"] = "tanh"

    def in_program(self) -> ProgramFunction:
        return ProgramFunction(ActivationKind.TANH, 1.0, 1.0)

    def forward(self, Z: Array, Y: Array) -> None:
        np.tanh(Z, out=Y)

    def backward(self, saved: Array, dY: Array, work: Array) -> None:
        np.multiply(saved, saved, out=work)
        np.subtract(1, work, out=work)
        np.multiply(dY, work, out=dY)


class HardTanh(Function):
    """f(z) = z, clipped to [low, high] (Collobert 2004)."""

    kind: Literal["hard_tanh"] = "hard_tanh"
    low: float = -1.0
    high: float = 1.0

    @model_validator(mode="after")
    def _low_is_below_high(self) -> Self:
        if self.low >= self.high:
            raise ValueError("low must be below high")
        return self

    def in_program(self) -> ProgramFunction:
        return ProgramFunction(ActivationKind.CLIP, self.low, self.high)

    def forward(self, Z: Array, Y: Array) -> None:
        np.clip(Z, self.low, self.high, out=Y)

    def backward(self, saved: Array, dY: Array, work: Array) -> None:
        np.multiply(dY, (saved > self.low) & (saved < self.high), out=dY)


class ScaledTanh(Function):
    """f(z) = amplitude · tanh(slope · z) (LeCun et al. 1998, §4.4).

    With 1.7159 and ⅔, f(±1) = ±1, and f″ is largest there.
    """

    kind: Literal["scaled_tanh"] = "scaled_tanh"
    amplitude: Positive = 1.7159
    slope: Positive = 2 / 3

    def in_program(self) -> ProgramFunction:
        return ProgramFunction(ActivationKind.TANH, self.amplitude, self.slope)

    def forward(self, Z: Array, Y: Array) -> None:
        np.multiply(Z, self.slope, out=Y)
        np.tanh(Y, out=Y)
        np.multiply(Y, self.amplitude, out=Y)

    def backward(self, saved: Array, dY: Array, work: Array) -> None:
        # f′ = slope · (amplitude − y²/amplitude)
        np.multiply(saved, saved, out=work)
        np.divide(work, -self.amplitude, out=work)
        np.add(work, self.amplitude, out=work)
        np.multiply(work, self.slope, out=work)
        np.multiply(dY, work, out=dY)


class Softsign(Function):
    """f(z) = z/(1 + |z|) (Turian et al. 2009); f′ = (1 − |y|)²."""

    kind: Literal["softsign"] = "softsign"

    def in_program(self) -> ProgramFunction:
        return ProgramFunction(ActivationKind.SOFTSIGN)

    def forward(self, Z: Array, Y: Array) -> None:
        np.divide(Z, 1 + np.abs(Z), out=Y)

    def backward(self, saved: Array, dY: Array, work: Array) -> None:
        np.abs(saved, out=work)
        np.subtract(1, work, out=work)
        np.multiply(work, work, out=work)
        np.multiply(dY, work, out=dY)


AnySigmoid = Sigmoid | HardSigmoid | Tanh | HardTanh | ScaledTanh | Softsign
