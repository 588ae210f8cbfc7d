"""Losses for targets that are real numbers or counts."""

# No `from __future__ import annotations`, for the reason given in nnkit/config/spec.py.

from abc import abstractmethod
from math import log
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from nnkit.config.spec import Positive
from nnkit.native.kernel_kinds import ActivationKind, LossKind
from nnkit.native.program import ProgramLoss
from nnkit.nn.loss import Array, Loss, over_samples


class SquaredError(Loss):
    """E = ½ Σ_k (y_k − t_k)², summed over outputs; without the ½ if `half` is false."""

    elsewhere: ClassVar[tuple[str, ...]] = ("mse", "mean_squared_error", "mse_loss", "l2")
    kind: Literal["squared_error"] = "squared_error"
    half: bool = True

    def in_program(self) -> ProgramLoss:
        return ProgramLoss(LossKind.SQUARED_ERROR, 0.5 if self.half else 1.0)

    def per_sample(self, Y: Array, T: Array, dY: Array) -> Array:
        scale = dY.dtype.type(0.5 if self.half else 1)
        np.subtract(Y, T, out=dY)
        losses = over_samples(dY * dY) * scale
        np.multiply(dY, 2 * scale, out=dY)
        return losses

    def __call__(self, Y: Array, T: Array, dY: Array, weights: Array | None = None) -> float:
        if weights is not None or T.ndim < Y.ndim:
            return super().__call__(Y, T, dY, weights)
        scale = (0.5 if self.half else 1.0) / Y.shape[-1]
        np.subtract(Y, T, out=dY)
        loss = float(np.vdot(dY, dY)) * scale
        np.multiply(dY, 2 * scale, out=dY)
        return loss


class _Residual(Loss):
    """A loss Σ_k ρ(y_k − t_k) of the residuals, for regression."""

    @abstractmethod
    def penalty(self, R: Array, slope: Array) -> Array:
        """Returns ρ(r) for residuals R (outputs, …, N) and writes ρ′(r) into `slope`.

        R may be overwritten.
        """

    def per_sample(self, Y: Array, T: Array, dY: Array) -> Array:
        return over_samples(self.penalty(Y - T, dY))


class AbsoluteError(_Residual):
    """E = Σ_k |y_k − t_k|, minimized by the median; the derivative at 0 is taken as 0."""

    elsewhere: ClassVar[tuple[str, ...]] = ("mae", "mean_absolute_error", "l1", "l1_loss")
    kind: Literal["absolute_error"] = "absolute_error"

    def in_program(self) -> ProgramLoss:
        return ProgramLoss(LossKind.ABSOLUTE_ERROR)

    def penalty(self, R: Array, slope: Array) -> Array:
        np.sign(R, out=slope)
        return np.abs(R)


class Huber(_Residual):
    """E = Σ_k ½r² where |r| ≤ δ, else δ(|r| − ½δ), with r = y − t (Huber 1964)."""

    elsewhere: ClassVar[tuple[str, ...]] = ("smooth_l1",)
    kind: Literal["huber"] = "huber"
    shorthand: ClassVar[str | None] = "delta"
    delta: Positive = 1.0

    def in_program(self) -> ProgramLoss:
        return ProgramLoss(LossKind.HUBER, self.delta)

    def penalty(self, R: Array, slope: Array) -> Array:
        np.clip(R, -self.delta, self.delta, out=slope)
        return slope * (R - slope / 2)


class LogCosh(_Residual):
    """E = Σ_k ln cosh(y_k − t_k): ½r² for small r, |r| − ln 2 for large ones; ρ′ = tanh r."""

    kind: Literal["log_cosh"] = "log_cosh"

    def in_program(self) -> ProgramLoss:
        return ProgramLoss(LossKind.LOG_COSH)

    def penalty(self, R: Array, slope: Array) -> Array:
        np.tanh(R, out=slope)
        size = np.abs(R)
        return size + np.log1p(np.exp(-2 * size)) - R.dtype.type(log(2))


class Quantile(_Residual):
    """E = Σ_k level·(t − y) where t > y, else (1 − level)·(y − t) (Koenker & Bassett 1978).

    Its minimum is the quantile of that level; the derivative at 0 is taken as 1 − level.
    """

    elsewhere: ClassVar[tuple[str, ...]] = ("pinball",)
    kind: Literal["quantile"] = "quantile"
    shorthand: ClassVar[str | None] = "level"
    level: Annotated[float, Field(gt=0, lt=1)] = 0.5

    def in_program(self) -> ProgramLoss:
        return ProgramLoss(LossKind.QUANTILE, self.level)

    def penalty(self, R: Array, slope: Array) -> Array:
        np.copyto(slope, np.where(R < 0, -self.level, 1 - self.level))
        return R * slope


class Cosine(Loss):
    """E = 1 − cos(y, t), the cosine distance between the vectors of outputs and targets.

    Never negative, as in PyTorch; Keras leaves out the 1.
    """

    elsewhere: ClassVar[tuple[str, ...]] = ("cosine_similarity",)
    kind: Literal["cosine"] = "cosine"
    smallest: ClassVar[float] = 1e-8  # length, so that the angle of a zero vector is defined

    def per_sample(self, Y: Array, T: Array, dY: Array) -> Array:
        y, t = (np.maximum(np.linalg.norm(A, axis=0), self.smallest) for A in (Y, T))  # lengths
        cosine = np.add.reduce(Y * T, axis=0) / (y * t)
        np.subtract((cosine / y) * (Y / y), T / (y * t), out=dY)
        return over_samples((1 - cosine)[None])


class Poisson(Loss):
    """E = Σ_k y_k − t_k ln y_k, for counts t with the expected count y = e^z.

    Poisson regression (McCullagh & Nelder 1989, ch. 6). The constant ln t! is left out, as in
    PyTorch.
    """

    elsewhere: ClassVar[tuple[str, ...]] = ("poisson_nll",)
    kind: Literal["poisson"] = "poisson"
    output: ClassVar[str] = "exponential"
    fused: ClassVar[str | None] = "exponential"
    outputs: ClassVar[frozenset[str] | None] = frozenset({"exponential", "softplus"})
    expected_outputs: ClassVar[str] = "positive rates"

    def in_program(self) -> ProgramLoss:
        return ProgramLoss(LossKind.POISSON, head=ActivationKind.EXPONENTIAL)

    def per_sample(self, Y: Array, T: Array, dY: Array) -> Array:
        rates = np.maximum(Y, np.finfo(Y.dtype).eps ** 2)  # so that t/y stays finite
        np.subtract(1, T / rates, out=dY)
        return over_samples(Y - T * np.log(rates))

    def per_sample_from_logits(self, Z: Array, T: Array, dZ: Array) -> Array:
        rates = np.exp(Z)
        np.subtract(rates, T, out=dZ)
        return over_samples(rates - T * Z)

    def target_error(self, T: Array) -> str | None:
        return None if (T >= 0).all() else f"but counts must not be negative; found {T.min():g}"


AnyRegressionLoss = SquaredError | AbsoluteError | Huber | LogCosh | Quantile | Cosine | Poisson
