"""Figures by which a network is judged, from targets and outputs of a whole set."""

from __future__ import annotations

import numpy as np

from nnkit.nn.params import Array


def accuracy(targets: Array, predicted: Array) -> float:
    """The share of class numbers (n,) predicted right."""
    return float(np.mean(targets == predicted))


def mean_absolute_error(targets: Array, outputs: Array) -> float:
    """Mean of |y − t| over samples and outputs, in the targets' unit."""
    return float(np.mean(np.abs(outputs - targets)))


def root_mean_squared_error(targets: Array, outputs: Array) -> float:
    """Root of the mean of (y − t)² over samples and outputs, in the targets' unit."""
    return float(np.sqrt(np.mean((outputs - targets) ** 2)))


def r2(targets: Array, outputs: Array) -> float:
    """Share of the targets' variance explained, 1 − Σ(y − t)²/Σ(t − t̄)², the mean over outputs.

    0 for an output whose targets never change.
    """
    residual = ((outputs - targets) ** 2).sum(axis=0)
    total = ((targets - targets.mean(axis=0)) ** 2).sum(axis=0)
    explained = np.where(total > 0, 1 - residual / np.where(total > 0, total, 1), 0.0)
    return float(explained.mean())


CLASSIFICATION = ("loss", "accuracy")
REGRESSION = ("loss", "mae", "rmse", "r2")
HIGHER_IS_BETTER = frozenset({"accuracy", "r2"})


def names(*, classification: bool) -> tuple[str, ...]:
    """The figures that an evaluation gives."""
    return CLASSIFICATION if classification else REGRESSION


def score(targets: Array, outputs: Array, predicted: Array | None) -> dict[str, float]:
    """All figures but the loss.

    Args:
        targets: class numbers (n,), or real targets (n, outputs).
        outputs: of the network (n, outputs).
        predicted: decided class numbers (n,), or None for real targets.
    """
    if predicted is not None:
        return {"accuracy": accuracy(targets, predicted)}
    outputs = np.asarray(outputs, dtype=np.float64)
    return {
        "mae": mean_absolute_error(targets, outputs),
        "rmse": root_mean_squared_error(targets, outputs),
        "r2": r2(targets, outputs),
    }
