"""Activation functions: value and derivative, in place, shapes kept."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from nnkit.config.base import Component, NonNegative, Tagged
from nnkit.nn import kernels

Array = NDArray[Any]
GradientKernel = Callable[[Array, Array], None]  # (saved, dY)


@cache
def constant(value: float, dtype: np.dtype[Any]) -> Array:
    """A number as an array: NumPy converts a Python number anew at each call, for 0.3 µs."""
    return np.array(value, dtype=dtype)


class Activation(Component):
    """An activation Y = f(Z) over arrays (units, …, N).

    Attributes:
        saves: what its derivative is computed from; with `output`, Y may overwrite Z.
        trainable: False where the derivative is zero almost everywhere, so that no gradient
            passes and it can only serve for inference.
        rectifier: whether it cuts negative values, for which He initialization is made.
        probability: whether its outputs are probabilities.
    """

    saves: ClassVar[Literal["input", "output"]] = "output"
    trainable: ClassVar[bool] = True
    rectifier: ClassVar[bool] = False
    probability: ClassVar[bool] = False

    @abstractmethod
    def forward(self, Z: Array, Y: Array) -> None:
        """Writes f(Z) into Y, of the same shape; Y may be Z where `saves` is `output`."""

    @abstractmethod
    def backward(self, saved: Array, dY: Array, work: Array) -> None:
        """Turns dE/dY into dE/dZ in place: dY ← dY · f′(Z).

        Args:
            saved: Z or Y, as `saves` says.
            dY: dE/dY on entry, dE/dZ on return.
            work: scratch of the same shape and type.
        """

    def kernel(self) -> GradientKernel | None:
        """What does the work of `backward` without scratch, once it is compiled; None if none."""
        return None


class Identity(Activation):
    """f(z) = z."""

    kind: Literal["identity"] = "identity"

    def forward(self, Z: Array, Y: Array) -> None:
        if Y is not Z:
            Y[...] = Z

    def backward(self, saved: Array, dY: Array, work: Array) -> None:
        pass


class Sign(Activation):
    """f(z) = 1 for z > 0, else −1: the answer of a perceptron or SVM (for inference)."""

    kind: Literal["sign"] = "sign"
    trainable: ClassVar[bool] = False

    def forward(self, Z: Array, Y: Array) -> None:
        np.greater(Z, 0, out=Y, casting="unsafe")
        Y *= 2
        Y -= 1

    def backward(self, saved: Array, dY: Array, work: Array) -> None:
        dY.fill(0)


class Step(Activation):
    """f(z) = 1 for z > 0, else 0: the unit of McCulloch & Pitts 1943 (for inference)."""

    kind: Literal["step"] = "step"
    trainable: ClassVar[bool] = False

    def forward(self, Z: Array, Y: Array) -> None:
        np.greater(Z, 0, out=Y, casting="unsafe")

    def backward(self, saved: Array, dY: Array, work: Array) -> None:
        dY.fill(0)


class Sigmoid(Activation):
    """f(z) = 1/(1 + e^−z); f′ = y(1 − y)."""

    kind: Literal["sigmoid"] = "sigmoid"
    probability: ClassVar[bool] = True

    def forward(self, Z: Array, Y: Array) -> None:
        # σ(z) = ½ + ½ tanh(z/2): cannot overflow, and tanh is vectorized.
        half = constant(0.5, Y.dtype)
        np.multiply(Z, half, out=Y)
        np.tanh(Y, out=Y)
        np.multiply(Y, half, out=Y)
        np.add(Y, half, out=Y)

    def backward(self, saved: Array, dY: Array, work: Array) -> None:
        np.subtract(constant(1.0, work.dtype), saved, out=work)
        np.multiply(work, saved, out=work)
        np.multiply(dY, work, out=dY)

    def kernel(self) -> GradientKernel:
        return kernels.sigmoid_gradient


class Tanh(Activation):
    """f(z) = tanh z; f′ = 1 − y²."""

    kind: Literal["tanh"] = "tanh"

    def forward(self, Z: Array, Y: Array) -> None:
        np.tanh(Z, out=Y)

    def backward(self, saved: Array, dY: Array, work: Array) -> None:
        np.multiply(saved, saved, out=work)
        np.subtract(1, work, out=work)
        np.multiply(dY, work, out=dY)


class ReLU(Activation):
    """f(z) = max(0, z) (Nair & Hinton 2010); f′(0) is taken as 0."""

    kind: Literal["relu"] = "relu"
    rectifier: ClassVar[bool] = True

    def forward(self, Z: Array, Y: Array) -> None:
        np.maximum(Z, constant(0.0, Y.dtype), out=Y)

    def backward(self, saved: Array, dY: Array, work: Array) -> None:
        np.sign(saved, out=work)  # 1 where the unit is on, 0 where it is off
        np.multiply(dY, work, out=dY)

    def kernel(self) -> GradientKernel:
        return kernels.relu_gradient


class LeakyReLU(Activation):
    """f(z) = z for z > 0, else slope · z (Maas et al. 2013)."""

    kind: Literal["leaky_relu"] = "leaky_relu"
    shorthand: ClassVar[str | None] = "slope"
    saves: ClassVar[Literal["input", "output"]] = "input"
    rectifier: ClassVar[bool] = True
    slope: NonNegative = 0.01

    def forward(self, Z: Array, Y: Array) -> None:
        np.minimum(Z, 0, out=Y)
        np.multiply(Y, self.slope - 1, out=Y)
        np.add(Y, Z, out=Y)

    def backward(self, saved: Array, dY: Array, work: Array) -> None:
        np.less_equal(saved, 0, out=work, casting="unsafe")
        np.multiply(work, self.slope - 1, out=work)
        np.add(work, 1, out=work)
        np.multiply(dY, work, out=dY)


class Softmax(Activation):
    """f(z)_k = e^{z_k} / Σ_j e^{z_j} over the units; dZ = y ⊙ (dY − Σ_j dY_j y_j)."""

    kind: Literal["softmax"] = "softmax"
    probability: ClassVar[bool] = True

    def forward(self, Z: Array, Y: Array) -> None:
        np.subtract(Z, np.maximum.reduce(Z, axis=0), out=Y)
        np.exp(Y, out=Y)
        np.divide(Y, np.add.reduce(Y, axis=0), out=Y)

    def backward(self, saved: Array, dY: Array, work: Array) -> None:
        np.multiply(dY, saved, out=work)
        np.subtract(dY, np.add.reduce(work, axis=0), out=dY)
        np.multiply(dY, saved, out=dY)


AnyActivation = Annotated[
    Identity | Sign | Step | Sigmoid | Tanh | ReLU | LeakyReLU | Softmax, Tagged()
]
