"""Regression metrics of outputs y against targets t, from sums over samples; 0 without samples.

For several outputs each metric is the mean over them, in the unit of the targets.
"""

from __future__ import annotations

from math import inf
from typing import ClassVar

import numpy as np

from nnkit.metrics.metric import Array, PredictionForm, Statistic, TargetKind, metric, ratio, share


class Moments:
    """Weight, mean and Σ w (x − mean)², (outputs,), updated batch by batch.

    Batches are combined as in Chan, Golub & LeVeque 1979, Updating formulae and a pairwise
    algorithm, eq. 2.1, so that no precision is lost where the mean is far from 0.
    """

    def __init__(self, width: int) -> None:
        self.weight = 0.0
        self.mean, self.squares = np.zeros((2, width))

    def add(self, values: Array, weights: Array) -> None:
        """Accumulates values (n, outputs) with weights (n,)."""
        weight = float(weights.sum())
        if weight == 0:
            return
        origin = values[0]  # differences of equal values from it are exactly 0
        mean = origin + weights @ (values - origin) / weight
        apart, total = mean - self.mean, self.weight + weight
        self.squares += weights @ (values - mean) ** 2
        self.squares += apart**2 * (self.weight * weight / total)
        self.mean += apart * (weight / total)
        self.weight = total

    @property
    def mean_square(self) -> Array:
        """Mean of x², (outputs,)."""
        return self.mean**2 + self.squares / (self.weight or 1.0)


class Errors(Statistic):
    """Moments of the targets t and of the errors y − t, and Σ w |y − t|, (outputs,)."""

    takes: ClassVar[PredictionForm] = "outputs"
    kind: ClassVar[TargetKind] = "numbers"

    def __init__(self, width: int) -> None:
        self.targets, self.errors = Moments(width), Moments(width)
        self.absolute = np.zeros(width)

    def add(self, targets: Array, predictions: Array, weights: Array) -> None:
        errors = predictions - targets
        self.targets.add(targets, weights)
        self.errors.add(errors, weights)
        self.absolute += weights @ np.abs(errors)


@metric(Errors, higher_is_better=False, most=inf)
def mae(sums: Errors) -> float:
    """Mean absolute error, the mean of |y − t|."""
    return share(sums.absolute.mean(), sums.errors.weight)


@metric(Errors, higher_is_better=False, most=inf)
def rmse(sums: Errors) -> float:
    """Root mean squared error, the square root of the mean of (y − t)² over samples and outputs."""
    return float(np.sqrt(sums.errors.mean_square.mean()))


@metric(Errors, higher_is_better=True, least=-inf)
def r2(sums: Errors) -> float:
    """Coefficient of determination, 1 − Σ (y − t)² / Σ (t − t̄)².

    For an output with constant targets it is 1 if they are met exactly, else 0. Draper & Smith
    1998, Applied regression analysis, § 1.3.
    """
    return _explained(sums.errors.mean_square * sums.errors.weight, sums.targets.squares)


@metric(Errors, higher_is_better=True, least=-inf)
def explained_variance(sums: Errors) -> float:
    """1 − Var(y − t) / Var(t): equal to r2 if the mean error is 0, else higher.

    For an output with constant targets it is 1 if the errors are constant too, else 0.
    """
    return _explained(sums.errors.squares, sums.targets.squares)


def _explained(left: Array, total: Array) -> float:
    """The mean over outputs of 1 − left/total."""
    of_constants = np.where(left == 0, 1.0, 0.0)
    return float(np.where(total > 0, 1 - ratio(left, total), of_constants).mean())
