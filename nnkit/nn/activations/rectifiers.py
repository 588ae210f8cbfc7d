"""Piecewise linear rectifiers: ReLU, and those with a bound or a slope for negative values."""

# No `from __future__ import annotations`, for the reason given in nnkit/config/spec.py.

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from nnkit.config.spec import NonNegative
from nnkit.native.kernel_kinds import ActivationKind
from nnkit.native.program_layer import ProgramFunction
from nnkit.nn.activation import Activation
from nnkit.nn.activations.function import Array, Function, constant
from nnkit.nn.form import Form
from nnkit.nn.initializers import Constant
from nnkit.nn.layer import Binding, Layer
from nnkit.nn.params import Parameter
from nnkit.nn.passes import Pass


class ReLU(Function):
    """f(z) = max(0, z) (Nair & Hinton 2010); f′(0) is taken as 0."""

    elsewhere: ClassVar[tuple[str, ...]] = ("rectifier",)
    kind: Literal["relu"] = "relu"
    nonnegative: ClassVar[bool] = True
    rectifier: ClassVar[bool] = True
    commutes_with_max: ClassVar[bool] = True

    def in_program(self) -> ProgramFunction:
        return ProgramFunction(ActivationKind.RELU)

    def forward(self, Z: Array, Y: Array) -> None:
        np.maximum(Z, constant(0.0, Y.dtype), out=Y)

    def backward(self, saved: Array, dY: Array, work: Array) -> None:
        np.sign(saved, out=work)  # 1 where the unit is on, 0 where it is off
        np.multiply(dY, work, out=dY)


class ReLU6(Function):
    """f(z) = min(max(0, z), 6) (Krizhevsky 2010)."""

    kind: Literal["relu6"] = "relu6"
    nonnegative: ClassVar[bool] = True
    rectifier: ClassVar[bool] = True

    def in_program(self) -> ProgramFunction:
        return ProgramFunction(ActivationKind.CLIP, 0.0, 6.0)

    def forward(self, Z: Array, Y: Array) -> None:
        np.clip(Z, 0, 6, out=Y)

    def backward(self, saved: Array, dY: Array, work: Array) -> None:
        np.multiply(dY, (saved > 0) & (saved < 6), out=dY)


class LeakyReLU(Function):
    """f(z) = z for z > 0, else slope · z (Maas et al. 2013)."""

    kind: Literal["leaky_relu"] = "leaky_relu"
    shorthand: ClassVar[str | None] = "slope"
    saves: ClassVar[Literal["input", "output"]] = "input"
    rectifier: ClassVar[bool] = True
    slope: NonNegative = 0.01

    def in_program(self) -> ProgramFunction:
        return ProgramFunction(ActivationKind.LEAKY_RELU, self.slope)

    def forward(self, Z: Array, Y: Array) -> None:
        np.multiply(Z, self.slope, out=Y)
        np.copyto(Y, Z, where=Z > 0)

    def backward(self, saved: Array, dY: Array, work: Array) -> None:
        np.multiply(dY, self.slope, out=dY, where=saved <= 0)


class PReLU(Activation):
    """f(z) = z for z > 0, else a · z, with a trained for each channel (He et al. 2015, eq. 1)."""

    kind: Literal["prelu"] = "prelu"
    rectifier: ClassVar[bool] = True
    slope: float = Field(0.25, description="Initial value.")
    shared: bool = Field(False, description="Whether all channels share one slope.")

    def parameters(self, form: Form) -> Sequence[Parameter]:
        slopes = 1 if self.shared else form.channels
        initial = Constant(value=self.slope)
        # No decay, as in He et al.: it would pull a towards plain ReLU.
        return (Parameter("slope", (slopes,), 1, 1, initial, decay=False),)

    def in_program(self) -> ProgramFunction:
        return ProgramFunction(ActivationKind.PRELU)

    def bind(self, binding: Binding) -> Layer:
        return BoundPReLU(binding)


class BoundPReLU(Layer):
    """Y = max(0, Z) + a·min(0, Z); da = Σ dY·min(0, Z), summed over all entries that share a."""

    kept: ClassVar[tuple[str, ...]] = ("Z",)

    def __init__(self, binding: Binding) -> None:
        ones = [1] * len(binding.input_shape)  # an axis for each position, and for the batch
        self.slope = binding.params["slope"].reshape(-1, *ones)
        self.Y = binding.buffer(*binding.input_shape)
        if binding.training:
            self.dslope = binding.grads["slope"]
            self.work = binding.buffer(*binding.input_shape)

    def forward(self, X: Array, now: Pass) -> Array:
        if now.training:
            self.Z = X
        np.multiply(X, self.slope, out=self.Y)
        np.copyto(self.Y, X, where=X > 0)
        return self.Y

    def backward(self, dY: Array, now: Pass) -> Array | None:
        np.minimum(self.Z, 0, out=self.work)
        np.multiply(self.work, dY, out=self.work)
        of_channels = self.work.reshape(len(self.work), -1).sum(axis=1)
        self.dslope[...] = of_channels.sum() if len(self.dslope) == 1 else of_channels
        np.multiply(dY, np.where(self.Z > 0, self.work.dtype.type(1), self.slope), out=dY)
        return dY


AnyRectifier = ReLU | ReLU6 | LeakyReLU | PReLU
