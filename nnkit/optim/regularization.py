"""The config's `regularization` section, and its operations on parameters."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from nnkit.config.spec import NonNegative, Positive, Spec
from nnkit.optim.early_stopping import EarlyStopping

Array = NDArray[Any]


class L1(Spec):
    """The penalty λ·Σ|w|, by its subgradient λ·sign(w), or by a proximal step after each update.

    The proximal step w ← sign(w)·max(0, |w| − lr·λ) makes weights exactly 0 (Tibshirani 1996;
    Parikh & Boyd 2014, §4.2).
    """

    shorthand: ClassVar[str | None] = "strength"
    strength: NonNegative = 0.0
    proximal: bool = Field(
        False, description="Use the proximal step, which sets weights to exactly 0."
    )


class ElasticNet(Spec):
    """λ(ρ·Σ|w| + ½(1 − ρ)·Σw²), ρ the `ratio` of the L1 part (Zou & Hastie 2005)."""

    shorthand: ClassVar[str | None] = "strength"
    strength: Positive
    ratio: Annotated[float, Field(ge=0, le=1)] = 0.5
    proximal: bool = Field(True, description="Use a proximal step for the L1 part, as for `l1`.")


class Regularization(Spec):
    """Methods against overfitting."""

    l1: L1 = Field(L1(), description="λ of the penalty λ·Σ|w| over the weights, without biases.")
    l2: NonNegative = Field(
        0.0, description="λ of the penalty ½λ·Σw² over the weights, without biases."
    )
    elastic_net: ElasticNet | None = Field(
        None, description="Both penalties, instead of l1 and l2."
    )
    weight_decay: NonNegative = Field(
        0.0, description="λ of w ← w − lr·λ·w before each update, decoupled from the gradient."
    )
    max_norm: Positive | None = Field(
        None, description="Upper bound on the norm of the weights into each unit or filter."
    )
    dropout: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        None, description="The probability of dropping a unit, after each hidden activation."
    )
    input_noise: Positive | None = Field(
        None, description="Standard deviation of noise added to the inputs, in training only."
    )
    weight_noise: Positive | None = Field(
        None,
        description="Standard deviation of noise added to all parameters to compute gradients.",
    )
    early_stopping: EarlyStopping | None = None

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        if self.elastic_net is not None and (self.l1.strength or self.l2):
            raise ValueError("elastic_net replaces l1 and l2; remove them")
        return self

    @property
    def l1_strength(self) -> float:
        """λ of Σ|w|."""
        if self.elastic_net is not None:
            return self.elastic_net.strength * self.elastic_net.ratio
        return self.l1.strength

    @property
    def l2_strength(self) -> float:
        """λ of ½Σw²."""
        if self.elastic_net is not None:
            return self.elastic_net.strength * (1 - self.elastic_net.ratio)
        return self.l2

    @property
    def l1_is_proximal(self) -> bool:
        """Whether the L1 penalty is a proximal step rather than a gradient."""
        net = self.elastic_net
        return bool(self.l1_strength) and (net.proximal if net is not None else self.l1.proximal)

    @property
    def penalizes(self) -> bool:
        """Whether there is a penalty on weights."""
        return bool(self.l1_strength or self.l2_strength)

    def penalty(self, weights: Array) -> float:
        """λ₁·Σ|w| + ½λ₂·Σw² of the decayed part of the parameters."""
        exact = weights.astype(np.float64)
        squares = 0.5 * self.l2_strength * float(np.vdot(exact, exact))
        return self.l1_strength * float(np.abs(exact).sum()) + squares

    def add_gradient(self, weights: Array, grads: Array) -> None:
        """Adds the penalty's gradient, λ₁·sign(w) + λ₂·w, to `grads`, of the same length."""
        if self.l2_strength:
            grads += self.l2_strength * weights
        if self.l1_strength and not self.l1_is_proximal:
            grads += self.l1_strength * np.sign(weights)

    def shrink(self, weights: Array, lr: float) -> None:
        """The proximal step of the L1 penalty, in place."""
        reduced = np.maximum(np.abs(weights) - lr * self.l1_strength, 0)
        np.multiply(np.sign(weights), reduced, out=weights)

    def limit_norms(self, W: Array, units: Array | None = None) -> None:
        """Scales each unit's weights down to a norm of at most `max_norm`, in place.

        Srivastava et al. 2014, §5.1.

        Args:
            W: the weights, C-ordered.
            units: the unit of each run of consecutive weights, (runs,), where all runs have the
                same length; by default W is (units, …).
        """
        if self.max_norm is None:
            return
        rows = W.reshape(len(W) if units is None else len(units), -1)
        squares = np.einsum("ij,ij->i", rows, rows)
        if units is not None:
            squares = np.bincount(units, squares)[units].astype(W.dtype)
        lengths = np.sqrt(squares)
        np.multiply(
            rows, np.minimum(1, self.max_norm / np.maximum(lengths, 1e-30))[:, None], out=rows
        )
