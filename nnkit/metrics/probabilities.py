"""Metrics of predicted probabilities, from sums over samples; 0 without samples."""

from __future__ import annotations

from math import inf
from typing import ClassVar

import numpy as np

from nnkit.metrics.metric import Array, PredictionForm, Statistic, metric, share

BINS = 15
SMALLEST = np.finfo(np.float64).eps  # probabilities are kept this far from 0 and 1 under logarithms


class ProbabilitySums(Statistic):
    """Sums over samples, where y_k are the predicted probabilities and t is the true class.

    Attributes:
        total: Σ w.
        surprise: −Σ w ln y_t.
        squares: Σ w Σ_k (y_k − [k = t])².
        bins: by the confidence max_k y_k, in 15 bins of equal width that include their upper
            edge: Σ w, Σ w max_k y_k, and Σ w of correct predictions, (3, 15).
    """

    takes: ClassVar[PredictionForm] = "probabilities"

    def __init__(self, width: int) -> None:
        self.classes = width
        self.total = self.surprise = self.squares = 0.0
        self.bins = np.zeros((3, BINS))

    def add(self, targets: Array, predictions: Array, weights: Array) -> None:
        given = np.take_along_axis(predictions, targets[:, None], axis=1)[:, 0]
        decided = predictions.argmax(axis=1)
        confidence = np.take_along_axis(predictions, decided[:, None], axis=1)[:, 0]
        misses = predictions.copy()
        misses[np.arange(len(targets)), targets] -= 1
        self.total += float(weights.sum())
        self.surprise -= float(weights @ np.log(np.clip(given, SMALLEST, 1 - SMALLEST)))
        self.squares += float(weights @ (misses**2).sum(axis=1))
        place = np.searchsorted(np.linspace(0, 1, BINS + 1)[1:-1], confidence)
        for i, values in enumerate((weights, weights * confidence, weights * (decided == targets))):
            self.bins[i] += np.bincount(place, values, BINS)


@metric(ProbabilitySums, higher_is_better=False, most=inf)
def log_loss(sums: ProbabilitySums) -> float:
    """Mean of −ln y_t in nats, with y clipped to [ε, 1 − ε], ε = 2⁻⁵².

    Good 1952, Rational decisions: the logarithmic score.
    """
    return share(sums.surprise, sums.total)


@metric(ProbabilitySums, higher_is_better=False, most=2.0)
def brier(sums: ProbabilitySums) -> float:
    """Mean of Σ_k (y_k − [k = t])²; for two classes half of it, (y_1 − t)².

    Brier 1950, Verification of forecasts expressed in terms of probability, eq. 2.
    """
    half = 0.5 if sums.classes == 2 else 1.0
    return half * share(sums.squares, sums.total)


@metric(ProbabilitySums, higher_is_better=False)
def expected_calibration_error(sums: ProbabilitySums) -> float:
    """Mean gap between accuracy and confidence over 15 bins of the confidence.

    Σ_b w_b |accuracy_b − confidence_b| / Σ w, where the confidence is the largest probability. Guo
    et al. 2017, On calibration of modern neural networks, eq. 3.
    """
    _, confidence, right = sums.bins
    return share(np.abs(right - confidence).sum(), sums.total)
