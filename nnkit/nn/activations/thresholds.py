"""Activations that are thresholds, for decisions in inference."""

# No `from __future__ import annotations`, for the reason given in nnkit/config/spec.py.

from typing import ClassVar, Literal

import numpy as np

from nnkit.nn.activations.function import Array, Function


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


AnyThreshold = Sign | Heaviside
