"""Focal losses: cross-entropies in which well-classified samples count less."""

# No `from __future__ import annotations`, for the reason given in nnkit/config/spec.py.

from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from nnkit.config.spec import NonNegative
from nnkit.nn.loss import Array, ClassLoss, over_samples
from nnkit.nn.losses.binary_cross_entropy import PROBABILITIES
from nnkit.nn.losses.softmax_loss import SoftmaxLoss, shifted_exponentials


class BinaryFocal(ClassLoss):
    """E = −Σ_k α_t (1 − p_t)^γ ln p_t (Lin et al. 2017, eq. 5).

    Here p_t is the probability assigned to the true class; α_t is `alpha` for the positive class
    and 1 − `alpha` for the negative one, or 1 for both without `alpha`.
    """

    kind: Literal["binary_focal"] = "binary_focal"
    shorthand: ClassVar[str | None] = "gamma"
    output: ClassVar[str] = "sigmoid"
    fused: ClassVar[str | None] = "sigmoid"
    outputs: ClassVar[frozenset[str] | None] = PROBABILITIES
    expected_outputs: ClassVar[str] = "probabilities"
    gamma: NonNegative = 2.0
    alpha: Annotated[float, Field(gt=0, lt=1)] | None = None

    def per_sample(self, Y: Array, T: Array, dY: Array) -> Array:
        smallest = np.finfo(Y.dtype).eps
        P = np.clip(Y, smallest, 1 - smallest)
        right = np.where(T > 0.5, P, 1 - P)
        losses, slope = _focal(right, np.log(right), self._balance(T), self.gamma)
        np.multiply(np.where(T > 0.5, 1, -1), slope / right, out=dY)
        return over_samples(losses)

    def per_sample_from_logits(self, Z: Array, T: Array, dZ: Array) -> Array:
        towards = np.where(T > 0.5, Z, -Z)  # p_t = σ(towards)
        log_right = np.minimum(towards, 0) - np.log1p(np.exp(-np.abs(towards)))
        right = np.exp(log_right)
        losses, slope = _focal(right, log_right, self._balance(T), self.gamma)
        np.multiply(np.where(T > 0.5, 1, -1), slope * (1 - right), out=dZ)
        return over_samples(losses)

    def _balance(self, T: Array) -> Array:
        alpha = 1.0 if self.alpha is None else np.where(T > 0.5, self.alpha, 1 - self.alpha)
        return np.broadcast_to(np.asarray(alpha, dtype=T.dtype), T.shape)


class Focal(SoftmaxLoss):
    """E = −Σ_k t_k (1 − y_k)^γ ln y_k: well-classified samples count less (Lin et al. 2017)."""

    kind: Literal["focal"] = "focal"
    shorthand: ClassVar[str | None] = "gamma"
    gamma: NonNegative = 2.0

    def per_sample(self, Y: Array, T: Array, dY: Array) -> Array:
        P = np.maximum(Y, np.finfo(Y.dtype).tiny)
        losses, slope = _focal(P, np.log(P), T, self.gamma)
        np.divide(slope, P, out=dY)
        return over_samples(losses)

    def per_sample_from_logits(self, Z: Array, T: Array, dZ: Array) -> Array:
        shifted, exponentials, totals = shifted_exponentials(Z)
        P = exponentials / totals
        losses, slope = _focal(P, shifted - np.log(totals), T, self.gamma)
        np.subtract(slope, P * np.add.reduce(slope, axis=0), out=dZ)
        return over_samples(losses)


def _focal(P: Array, log_P: Array, weight: Array, gamma: float) -> tuple[Array, Array]:
    """Returns −weight·(1 − p)^γ ln p and its derivative with respect to ln p."""
    wrong = 1 - P
    factor = weight * wrong**gamma
    # (1 − p)^(γ−1) is infinite at p = 1 for γ < 1; the term's limit there is 0, since ln 1 = 0
    bend = gamma * np.where(wrong > 0, wrong, 1) ** (gamma - 1)
    return -factor * log_P, weight * bend * P * log_P - factor


AnyFocal = BinaryFocal | Focal
