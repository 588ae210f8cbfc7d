"""Activation functions: values and derivatives, computed in place where possible."""

# No `from __future__ import annotations`, for the reason given in nnkit/config/spec.py.

from abc import abstractmethod
from collections.abc import Sequence
from functools import cache
from math import pi, sqrt
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from nnkit.config.spec import Count, NonNegative, Positive, Tagged
from nnkit.native.program_layer import ProgramFunction
from nnkit.native.structures import ActivationKind
from nnkit.nn.form import Form, ShapeError
from nnkit.nn.initializers import Constant
from nnkit.nn.layer import Activation, Binding, Layer
from nnkit.nn.params import Parameter
from nnkit.nn.passes import Pass
from nnkit.nn.special import erf

Array = NDArray[Any]


@cache
def constant(value: float, dtype: np.dtype[Any]) -> Array:
    """A number as a cached array, which saves NumPy the conversion (0.3 µs per call)."""
    return np.array(value, dtype=dtype)


class Function(Activation):
    """An activation Y = f(Z) without parameters, over arrays (units, …, N).

    Attributes:
        saves: what its derivative is computed from; with `output`, Y may overwrite Z.
    """

    saves: ClassVar[Literal["input", "output"]] = "output"

    @abstractmethod
    def forward(self, Z: Array, Y: Array) -> None:
        """Writes f(Z) into Y, of the same shape; Y may be Z where `saves` is `output`."""

    @abstractmethod
    def backward(self, saved: Array, dY: Array, work: Array) -> None:
        """Turns dE/dY into dE/dZ in place: dY ← dY · f′(Z).

        Args:
            saved: Z or Y, according to `saves`.
            dY: dE/dY on entry, dE/dZ on return.
            work: scratch of the same shape and type.
        """

    def bind(self, binding: Binding) -> Layer:
        return BoundFunction(self, binding)


class BoundFunction(Layer):
    """Y = f(Z), computed in place if Z may be overwritten and f′ can be computed from Y."""

    def __init__(self, function: Function, binding: Binding) -> None:
        self.function = function
        self.in_place = binding.input_is_scratch and function.saves == "output"
        if not self.in_place:
            self.Y = binding.buffer(*binding.input_shape)
        if binding.training:
            self.work = binding.buffer(*binding.input_shape)

    def forward(self, X: Array, now: Pass) -> Array:
        Y = X if self.in_place else self.Y
        self.function.forward(X, Y)
        self.saved = Y if self.function.saves == "output" else X
        return Y

    def backward(self, dY: Array, now: Pass) -> Array | None:
        self.function.backward(self.saved, dY, self.work)
        return dY


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


class Sign(Function):
    """f(z) = 1 for z > 0, else −1: the decision of a perceptron or SVM (for inference)."""

    kind: Literal["sign"] = "sign"
    is_threshold: ClassVar[bool] = True
    trainable: ClassVar[bool] = False

    def forward(self, Z: Array, Y: Array) -> None:
        np.greater(Z, 0, out=Y, casting="unsafe")
        Y *= 2
        Y -= 1

    def backward(self, saved: Array, dY: Array, work: Array) -> None:
        dY.fill(0)


class Heaviside(Function):
    """f(z) = 1 for z > 0, else 0: the unit of McCulloch & Pitts 1943 (for inference)."""

    kind: Literal["step"] = "step"
    nonnegative: ClassVar[bool] = True
    is_threshold: ClassVar[bool] = True
    trainable: ClassVar[bool] = False

    def forward(self, Z: Array, Y: Array) -> None:
        np.greater(Z, 0, out=Y, casting="unsafe")

    def backward(self, saved: Array, dY: Array, work: Array) -> None:
        dY.fill(0)


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


class GELU(Function):
    """f(z) = z·Φ(z), Φ the normal distribution (Hendrycks & Gimpel 2016).

    With `form: tanh`, Φ(z) ≈ ½(1 + tanh(√(2/π)(z + 0.044715 z³))).
    """

    kind: Literal["gelu"] = "gelu"
    shorthand: ClassVar[str | None] = "form"
    saves: ClassVar[Literal["input", "output"]] = "input"
    rectifier: ClassVar[bool] = True
    form: Literal["exact", "tanh"] = "exact"

    def in_program(self) -> ProgramFunction:
        exact = self.form == "exact"
        return ProgramFunction(ActivationKind.GELU if exact else ActivationKind.GELU_TANH)

    def forward(self, Z: Array, Y: Array) -> None:
        np.multiply(Z, self._distribution(Z)[0], out=Y)

    def backward(self, saved: Array, dY: Array, work: Array) -> None:
        distribution, density = self._distribution(saved)
        np.multiply(saved, density, out=work)
        np.add(work, distribution, out=work)
        np.multiply(dY, work, out=dY)

    def _distribution(self, Z: Array) -> tuple[Array, Array]:
        """Φ(z), exact or approximated, and its derivative."""
        real = Z.dtype.type
        if self.form == "exact":
            half = real(0.5)
            density = np.exp(-half * Z * Z) * real(1 / sqrt(2 * pi))
            return half * (1 + erf(Z * real(sqrt(0.5)))), density
        # clipping at 10³ does not change the result, and keeps the cube from overflowing
        near = np.clip(Z, -1e3, 1e3).astype(Z.dtype)
        T = np.tanh(real(sqrt(2 / pi)) * (near + real(0.044715) * near**3))
        slope = real(sqrt(2 / pi)) * (1 + real(3 * 0.044715) * near**2)
        return real(0.5) * (1 + T), real(0.5) * (1 - T * T) * slope


class SiLU(Function):
    """f(z) = z·σ(βz): SiLU (Elfwing et al. 2018), with β Swish (Ramachandran et al. 2017)."""

    elsewhere: ClassVar[tuple[str, ...]] = ("swish",)
    kind: Literal["silu"] = "silu"
    shorthand: ClassVar[str | None] = "beta"
    saves: ClassVar[Literal["input", "output"]] = "input"
    rectifier: ClassVar[bool] = True
    beta: Positive = 1.0

    def in_program(self) -> ProgramFunction:
        return ProgramFunction(ActivationKind.SILU, self.beta)

    def forward(self, Z: Array, Y: Array) -> None:
        np.multiply(Z, _sigmoid(Z * Z.dtype.type(self.beta)), out=Y)

    def backward(self, saved: Array, dY: Array, work: Array) -> None:
        scaled = saved * saved.dtype.type(self.beta)
        S = _sigmoid(scaled)  # f′ = σ + βz·σ(1 − σ)
        np.subtract(1, S, out=work)
        np.multiply(work, scaled, out=work)
        np.add(work, 1, out=work)
        np.multiply(work, S, out=work)
        np.multiply(dY, work, out=dY)


class Mish(Function):
    """f(z) = z·tanh(ln(1 + e^z)) (Misra 2020)."""

    kind: Literal["mish"] = "mish"
    saves: ClassVar[Literal["input", "output"]] = "input"
    rectifier: ClassVar[bool] = True

    def in_program(self) -> ProgramFunction:
        return ProgramFunction(ActivationKind.MISH)

    def forward(self, Z: Array, Y: Array) -> None:
        np.multiply(Z, np.tanh(_softplus(Z)), out=Y)

    def backward(self, saved: Array, dY: Array, work: Array) -> None:
        T = np.tanh(_softplus(saved))  # f′ = t + z(1 − t²)σ
        np.multiply(T, T, out=work)
        np.subtract(1, work, out=work)
        np.multiply(work, _sigmoid(saved), out=work)
        np.multiply(work, saved, out=work)
        np.add(work, T, out=work)
        np.multiply(dY, work, out=dY)


class Softplus(Function):
    """f(z) = ln(1 + e^{βz})/β (Dugas et al. 2001); f′ = σ(βz)."""

    kind: Literal["softplus"] = "softplus"
    nonnegative: ClassVar[bool] = True
    shorthand: ClassVar[str | None] = "beta"
    saves: ClassVar[Literal["input", "output"]] = "input"
    rectifier: ClassVar[bool] = True
    beta: Positive = 1.0

    def in_program(self) -> ProgramFunction:
        return ProgramFunction(ActivationKind.SOFTPLUS, self.beta)

    def forward(self, Z: Array, Y: Array) -> None:
        np.divide(_softplus(Z * Z.dtype.type(self.beta)), self.beta, out=Y)

    def backward(self, saved: Array, dY: Array, work: Array) -> None:
        np.multiply(dY, _sigmoid(saved * saved.dtype.type(self.beta)), out=dY)


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


class HardSwish(Function):
    """f(z) = z · (z/6 + ½, clipped to [0, 1]) (Howard et al. 2019, MobileNetV3)."""

    elsewhere: ClassVar[tuple[str, ...]] = ("hardswish",)
    kind: Literal["hard_swish"] = "hard_swish"
    saves: ClassVar[Literal["input", "output"]] = "input"
    rectifier: ClassVar[bool] = True

    def in_program(self) -> ProgramFunction:
        return ProgramFunction(ActivationKind.HARD_SWISH)

    def forward(self, Z: Array, Y: Array) -> None:
        np.multiply(Z, np.clip(Z / 6 + Z.dtype.type(0.5), 0, 1), out=Y)

    def backward(self, saved: Array, dY: Array, work: Array) -> None:
        np.divide(saved, 3, out=work)  # f′ = z/3 + ½ between −3 and 3
        np.add(work, 0.5, out=work)
        work[saved <= -3] = 0
        work[saved >= 3] = 1
        np.multiply(dY, work, out=dY)


class Exponential(Function):
    """f(z) = e^z: for outputs that are rates or counts, with the loss `poisson`; f′ = y."""

    elsewhere: ClassVar[tuple[str, ...]] = ("exp",)
    kind: Literal["exponential"] = "exponential"
    nonnegative: ClassVar[bool] = True

    def in_program(self) -> ProgramFunction:
        return ProgramFunction(ActivationKind.EXPONENTIAL)

    def forward(self, Z: Array, Y: Array) -> None:
        np.exp(Z, out=Y)

    def backward(self, saved: Array, dY: Array, work: Array) -> None:
        np.multiply(dY, saved, out=dY)


class Softmax(Function):
    """f(z)_k = e^{z_k} / Σ_j e^{z_j} over the units; dZ = y ⊙ (dY − Σ_j dY_j y_j)."""

    kind: Literal["softmax"] = "softmax"
    least_units: ClassVar[int] = 2
    nonnegative: ClassVar[bool] = True
    probability: ClassVar[bool] = True
    elementwise: ClassVar[bool] = False

    def in_program(self) -> ProgramFunction:
        return ProgramFunction(ActivationKind.SOFTMAX)

    def forward(self, Z: Array, Y: Array) -> None:
        np.subtract(Z, np.maximum.reduce(Z, axis=0), out=Y)
        np.exp(Y, out=Y)
        np.divide(Y, np.add.reduce(Y, axis=0), out=Y)

    def backward(self, saved: Array, dY: Array, work: Array) -> None:
        np.multiply(dY, saved, out=work)
        np.subtract(dY, np.add.reduce(work, axis=0), out=dY)
        np.multiply(dY, saved, out=dY)


class LogSoftmax(Function):
    """f(z)_k = z_k − ln Σ_j e^{z_j} over the units; dZ = dY − e^y Σ_j dY_j."""

    kind: Literal["log_softmax"] = "log_softmax"
    log_probability: ClassVar[bool] = True
    least_units: ClassVar[int] = 2
    elementwise: ClassVar[bool] = False

    def in_program(self) -> ProgramFunction:
        return ProgramFunction(ActivationKind.LOG_SOFTMAX)

    def forward(self, Z: Array, Y: Array) -> None:
        np.subtract(Z, np.maximum.reduce(Z, axis=0), out=Y)
        np.subtract(Y, np.log(np.add.reduce(np.exp(Y), axis=0)), out=Y)

    def backward(self, saved: Array, dY: Array, work: Array) -> None:
        np.exp(saved, out=work)
        np.multiply(work, np.add.reduce(dY, axis=0), out=work)
        np.subtract(dY, work, out=dY)


class Maxout(Activation):
    """f(z) = the maximum of each group of `pieces` units (Goodfellow et al. 2013).

    A dense layer of 128 units with `maxout: 2` thus has 64 outputs.
    """

    kind: Literal["maxout"] = "maxout"
    shorthand: ClassVar[str | None] = "pieces"
    rectifier: ClassVar[bool] = True
    elementwise: ClassVar[bool] = False
    pieces: Count = 2

    def output_form(self, form: Form) -> Form:
        units = form.channels
        if units % self.pieces:
            raise ShapeError(
                f"{units} units cannot be divided into groups of {self.pieces}", "pieces"
            )
        return Form(units // self.pieces, form.positions)

    def bind(self, binding: Binding) -> Layer:
        return BoundMaxout(self.pieces, binding)


class BoundMaxout(Layer):
    """Y_j = max over the pieces Z_{j,i}; dY_j goes to the first maximum."""

    kept: ClassVar[tuple[str, ...]] = ("X",)

    def __init__(self, pieces: int, binding: Binding) -> None:
        units, *positions = binding.input_shape
        self.grouped = (units // pieces, pieces, *positions, binding.batch)
        self.Y = binding.buffer(units // pieces, *positions)
        if binding.training:
            self.dX = binding.buffer(units, *positions)

    def forward(self, X: Array, now: Pass) -> Array:
        if now.training:
            self.X = X
        return np.maximum.reduce(X.reshape(self.grouped), axis=1, out=self.Y)

    def backward(self, dY: Array, now: Pass) -> Array | None:
        largest = np.argmax(self.X.reshape(self.grouped), axis=1)[:, None]
        self.dX.fill(0)
        np.put_along_axis(self.dX.reshape(self.grouped), largest, dY[:, None], axis=1)
        return self.dX


def _elu(Z: Array, Y: Array, exponent: Array, alpha: float) -> None:
    """Writes max(0, z) + α(e^exponent − 1) into Y, for an exponent that is 0 where z > 0."""
    negative = np.expm1(exponent, out=exponent)
    np.multiply(negative, alpha, out=negative)
    np.maximum(Z, 0, out=Y)
    np.add(Y, negative, out=Y)


def _sigmoid(Z: Array) -> Array:
    """The sigmoid 1/(1 + e^−z), computed from e^−|z|, which cannot overflow."""
    E = np.exp(-np.abs(Z))
    return np.where(Z >= 0, 1, E) / (1 + E)


def _softplus(Z: Array) -> Array:
    """The softplus ln(1 + e^z), without overflow."""
    return np.maximum(Z, 0) + np.log1p(np.exp(-np.abs(Z)))


AnyActivation = Annotated[
    Identity
    | Sign
    | Heaviside
    | Sigmoid
    | HardSigmoid
    | Tanh
    | HardTanh
    | ScaledTanh
    | ReLU
    | ReLU6
    | LeakyReLU
    | PReLU
    | ELU
    | SELU
    | CELU
    | GELU
    | SiLU
    | Mish
    | Softplus
    | Softsign
    | HardSwish
    | Exponential
    | Softmax
    | LogSoftmax
    | Maxout,
    Tagged(),
]
