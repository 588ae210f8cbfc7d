"""The decision threshold of two classes that maximizes a metric on validation data."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from nnkit.inference.evaluation import accumulate
from nnkit.metrics import METRICS_OF
from nnkit.metrics.accumulator import Accumulator
from nnkit.metrics.classification import ClassCounts
from nnkit.metrics.metric import Metric
from nnkit.nn.model import Model
from nnkit.nn.params import Array
from nnkit.task.predictions import default_threshold, positive_scores
from nnkit.task.prepared_set import PreparedSet

MOST_CANDIDATES = 2000  # thresholds tried


@dataclass(frozen=True, slots=True)
class ChosenThreshold:
    """A threshold chosen on validation data.

    Attributes:
        value: the threshold: the second class is predicted where its score is above it.
        maximize: the metric.
        reached: the metric on the validation set at this threshold.
        default: the metric at the usual threshold.
    """

    value: float
    maximize: str
    reached: float
    default: float

    def record(self) -> dict[str, Any]:
        """The choice as plain data."""
        return asdict(self)


def choose_threshold(model: Model, data: PreparedSet, name: str) -> ChosenThreshold:
    """Chooses the threshold with the highest value of a metric on a set of two classes.

    Of thresholds with equal values the one nearest to the usual threshold is taken. Thresholds
    are tried halfway between neighbouring scores, of more than 2,000 distinct ones at quantiles.

    Args:
        model: the network.
        data: the set.
        name: a metric of decisions.
    """
    parts: list[Array] = []
    accumulate(model, data, Accumulator((), 2), parts)
    return model.ranks.on_first(lambda: _choice(model, data, name, np.concatenate(parts)))


def _choice(model: Model, data: PreparedSet, name: str, kept: Array) -> ChosenThreshold:
    """The choice of a threshold from the outputs (n, outputs)."""
    metric = METRICS_OF["classes"][name]
    scores = positive_scores(kept, model.output_activation)
    targets = data.targets[:]
    weights = np.ones(len(targets)) if data.counted is None else np.asarray(data.counted[:])
    (outputs,) = model.output_shape
    usual = default_threshold(outputs, model.loss, model.output_activation)
    candidates = np.append(_between(scores), usual)
    values = values_at(candidates, metric, targets, scores, weights)
    best = np.flatnonzero(values == values.max())
    chosen = best[np.abs(candidates[best] - usual).argmin()]
    return ChosenThreshold(
        float(candidates[chosen]), name, float(values[chosen]), float(values[-1])
    )


def values_at(
    thresholds: Array, metric: Metric[Any], targets: Array, scores: Array, weights: Array
) -> Array:
    """A metric of decisions at each of several thresholds.

    Args:
        thresholds: the thresholds, (k,).
        metric: the metric.
        targets: class numbers, 0 or 1, (n,).
        scores: scores of the second class, (n,).
        weights: sample weights, (n,).
    """
    order = np.argsort(scores, kind="stable")
    # below[i] is the weight, by true class, of the i samples with the lowest scores, (n + 1, 2)
    by_class = weights[order, None] * (targets[order, None] == [0, 1])
    below = np.vstack([np.zeros(2), np.cumsum(by_class, axis=0)])
    true = below[-1]
    values = []
    for no in below[np.searchsorted(scores[order], thresholds, side="right")]:
        counts = ClassCounts(2)
        counts.true[:] = true
        counts.predicted[:] = no.sum(), (true - no).sum()
        counts.correct[:] = no[0], (true - no)[1]
        values.append(metric.of(counts))
    return np.array(values)


def _between(scores: Array) -> Array:
    """Thresholds halfway between neighbouring scores, at most 2,000."""
    distinct = np.unique(scores)
    middle = (distinct[:-1] + distinct[1:]) / 2
    if len(middle) <= MOST_CANDIDATES:
        return middle
    return middle[np.linspace(0, len(middle) - 1, MOST_CANDIDATES).astype(int)]
