"""Smooth activations that are unbounded, and the piecewise approximation of one of them."""

# No `from __future__ import annotations`, for the reason given in nnkit/config/spec.py.

from math import pi, sqrt
from typing import ClassVar, Literal

import numpy as np

from nnkit.config.spec import Positive
from nnkit.native.kernel_kinds import ActivationKind
from nnkit.native.program_layer import ProgramFunction
from nnkit.nn.activations.function import Array, Function
from nnkit.nn.special import erf


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


def _sigmoid(Z: Array) -> Array:
    """The sigmoid 1/(1 + e^−z), computed from e^−|z|, which cannot overflow."""
    E = np.exp(-np.abs(Z))
    return np.where(Z >= 0, 1, E) / (1 + E)


def _softplus(Z: Array) -> Array:
    """The softplus ln(1 + e^z), without overflow."""
    return np.maximum(Z, 0) + np.log1p(np.exp(-np.abs(Z)))


AnySmooth = GELU | SiLU | Mish | Softplus | HardSwish
