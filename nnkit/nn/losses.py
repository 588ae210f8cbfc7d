"""Losses: the number that training lowers, and its gradient, both means over the batch."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from nnkit.compiled import compiled
from nnkit.config.base import Component, Tagged
from nnkit.nn import kernels

Array = NDArray[Any]
Measure = Callable[[Array, Array, Array], float]  # (Y or logits, T, their gradient) → mean loss


class Loss(Component):
    """A loss E(Y, T), averaged over the N samples of a batch; Y and T have shape (outputs, …, N).

    Attributes:
        output: the output activation that goes with it, used where the config names none.
        fused: the output activation whose gradient is computed together with the loss, from the
            logits, because that is stable and cheap; `from_logits` then stands in for `__call__`.
        coding: what the two classes of a yes/no unit are: `binary` 0 and 1, `signed` −1 and 1;
            `number` where targets are not classes by nature.
    """

    output: ClassVar[str] = "identity"
    fused: ClassVar[str | None] = None
    coding: ClassVar[Literal["binary", "signed", "number"]] = "binary"

    @abstractmethod
    def __call__(self, Y: Array, T: Array, dY: Array) -> float:
        """The mean loss; writes dE/dY, same shape as Y, into dY."""

    def from_logits(self, Z: Array, T: Array, dZ: Array) -> float:
        """The mean loss of f(Z), f the `fused` activation; writes dE/dZ into dZ."""
        raise NotImplementedError(f"{self.tag()} has no fused form")

    def measure(self, dY: Array, fused: bool, quick: bool) -> Measure:
        """`from_logits` or `__call__`, or a compiled twin: gradients have the same bits.

        Args:
            dY: shaped like the gradients that it will write.
            fused: whether it is given logits.
            quick: whether a compiled kernel is wanted, should there be one.
        """
        return self.from_logits if fused else self.__call__


class SquaredError(Loss):
    """E = ½ Σ_k (y_k − t_k)², summed over outputs; without the ½ if `half` is false."""

    kind: Literal["squared_error"] = "squared_error"
    coding: ClassVar[Literal["binary", "signed", "number"]] = "number"
    half: bool = True

    def __call__(self, Y: Array, T: Array, dY: Array) -> float:
        scale = (0.5 if self.half else 1.0) / Y.shape[-1]
        np.subtract(Y, T, out=dY)
        loss = float(np.vdot(dY, dY)) * scale
        np.multiply(dY, 2 * scale, out=dY)
        return loss

    def measure(self, dY: Array, fused: bool, quick: bool) -> Measure:
        if not quick or dY.ndim != 2:
            return super().measure(dY, fused, quick)
        kernel = compiled(kernels.squared_error)
        scale = (0.5 if self.half else 1.0) / dY.shape[-1]
        slope = dY.dtype.type(2 * scale)
        return lambda Y, T, dY: kernel(Y, T, dY, slope) * scale


class BinaryCrossEntropy(Loss):
    """E = −Σ_k [t_k ln y_k + (1 − t_k) ln(1 − y_k)], each output a probability of its own."""

    kind: Literal["binary_cross_entropy"] = "binary_cross_entropy"
    output: ClassVar[str] = "sigmoid"
    fused: ClassVar[str | None] = "sigmoid"

    def __call__(self, Y: Array, T: Array, dY: Array) -> float:
        smallest = np.finfo(Y.dtype).eps  # a probability of exactly 0 or 1 would make it infinite
        P = np.clip(Y, smallest, 1 - smallest)
        loss = -float(np.sum(T * np.log(P) + (1 - T) * np.log1p(-P))) / Y.shape[-1]
        np.divide(P - T, P * (1 - P) * Y.shape[-1], out=dY)
        return loss

    def from_logits(self, Z: Array, T: Array, dZ: Array) -> float:
        # −t ln σ(z) − (1−t) ln(1−σ(z)) = max(z, 0) − t z + ln(1 + e^−|z|)
        samples = Z.shape[-1]
        np.abs(Z, out=dZ)
        np.negative(dZ, out=dZ)
        np.exp(dZ, out=dZ)  # e^−|z|
        loss = float(np.sum(np.maximum(Z, 0) - T * Z + np.log1p(dZ))) / samples
        # σ(z) = 1/(1 + e^−|z|) for z ≥ 0, and 1 minus that for z < 0
        np.divide(np.where(Z >= 0, 1, dZ), 1 + dZ, out=dZ)
        np.subtract(dZ, T, out=dZ)
        np.divide(dZ, samples, out=dZ)
        return loss


class CrossEntropy(Loss):
    """E = −Σ_k t_k ln y_k, the outputs one distribution over classes (Bishop 2006, eq. 4.108)."""

    kind: Literal["cross_entropy"] = "cross_entropy"
    output: ClassVar[str] = "softmax"
    fused: ClassVar[str | None] = "softmax"

    def __call__(self, Y: Array, T: Array, dY: Array) -> float:
        samples = Y.shape[-1]
        P = np.maximum(Y, np.finfo(Y.dtype).tiny)
        loss = -float(np.vdot(T, np.log(P))) / samples
        np.divide(T, P, out=dY)
        np.divide(dY, -samples, out=dY)
        return loss

    def from_logits(self, Z: Array, T: Array, dZ: Array) -> float:
        # −Σ t_k ln softmax(z)_k = ln Σ_j e^{z_j} − Σ t_k z_k, shifted by the largest z
        samples = Z.shape[-1]
        np.subtract(Z, np.maximum.reduce(Z, axis=0), out=dZ)
        wanted = float(np.vdot(T, dZ))
        np.exp(dZ, out=dZ)
        totals = np.add.reduce(dZ, axis=0)  # (…, N)
        loss = (float(np.add.reduce(np.log(totals), axis=None)) - wanted) / samples
        np.divide(dZ, totals, out=dZ)
        np.subtract(dZ, T, out=dZ)
        np.multiply(dZ, 1 / samples, out=dZ)
        return loss

    def measure(self, dY: Array, fused: bool, quick: bool) -> Measure:
        if not quick or not fused or dY.ndim != 2:
            return super().measure(dY, fused, quick)
        shift, finish = compiled(kernels.shift_logits), compiled(kernels.softmax_gradient)
        samples = dY.shape[-1]
        share, scratch = dY.dtype.type(1 / samples), np.empty(samples, dY.dtype)

        def from_logits(Z: Array, T: Array, dZ: Array) -> float:
            wanted = shift(Z, T, dZ, scratch)
            np.exp(dZ, out=dZ)  # NumPy's, whose bits no other has
            return (finish(dZ, T, share, scratch) - wanted) / samples

        return from_logits


class Hinge(Loss):
    """E = Σ_k max(0, 1 − t_k y_k) with t = ±1: the linear SVM (Cortes & Vapnik 1995)."""

    kind: Literal["hinge"] = "hinge"
    coding: ClassVar[Literal["binary", "signed", "number"]] = "signed"

    def __call__(self, Y: Array, T: Array, dY: Array) -> float:
        margin = 1 - T * Y
        active = margin > 0
        np.multiply(T, active, out=dY)
        np.divide(dY, -Y.shape[-1], out=dY)
        return float(np.sum(margin, where=active)) / Y.shape[-1]


class PerceptronCriterion(Loss):
    """E = Σ_k max(0, −t_k y_k) with t = ±1 (Rosenblatt 1958); a unit at 0 counts as a mistake."""

    kind: Literal["perceptron"] = "perceptron"
    coding: ClassVar[Literal["binary", "signed", "number"]] = "signed"

    def __call__(self, Y: Array, T: Array, dY: Array) -> float:
        margin = T * Y
        mistaken = margin <= 0
        np.multiply(T, mistaken, out=dY)
        np.divide(dY, -Y.shape[-1], out=dY)
        return -float(np.sum(margin, where=mistaken)) / Y.shape[-1]


AnyLoss = Annotated[
    SquaredError | BinaryCrossEntropy | CrossEntropy | Hinge | PerceptronCriterion, Tagged()
]
