"""The config's `regularization` section, and weight penalties as operations on the flat vectors."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from nnkit.config.base import Count, NonNegative, Spec

Array = NDArray[Any]


class EarlyStopping(Spec):
    """Stops when the monitored figure has not improved for `patience` evaluations."""

    shorthand: ClassVar[str | None] = "patience"
    patience: Count
    minimum_change: NonNegative = Field(0.0, description="A smaller improvement does not count.")


class Regularization(Spec):
    """What keeps a network from learning its training data by heart."""

    l1: NonNegative = Field(0.0, description="λ of the penalty λ·Σ|w|, over weights, not biases.")
    l2: NonNegative = Field(0.0, description="λ of the penalty ½λ·Σw², over weights, not biases.")
    dropout: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        None, description="The rate at which units are left out after each hidden activation."
    )
    early_stopping: EarlyStopping | None = None

    @property
    def penalizes(self) -> bool:
        """Whether there is a penalty on weights."""
        return bool(self.l1 or self.l2)

    def penalty(self, weights: Array) -> float:
        """λ₁·Σ|w| + ½λ₂·Σw² of the decayed part of the parameters."""
        exact = weights.astype(np.float64)
        return self.l1 * float(np.abs(exact).sum()) + 0.5 * self.l2 * float(np.vdot(exact, exact))

    def add_gradient(self, weights: Array, grads: Array) -> None:
        """Adds the penalty's gradient, λ₁·sign(w) + λ₂·w, to `grads`, both of one length."""
        if self.l2:
            grads += self.l2 * weights
        if self.l1:
            grads += self.l1 * np.sign(weights)
