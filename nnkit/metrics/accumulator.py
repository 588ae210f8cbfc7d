"""Several metrics at once, accumulated over a set batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from nnkit.metrics.metric import Array, Metric, PredictionForm, S, Statistic


class Accumulator:
    """Accumulates the statistics of several metrics, each statistic once.

    Args:
        metrics: the metrics to compute.
        width: the number of classes, or of outputs.
        also: further statistics to accumulate.
    """

    def __init__(
        self, metrics: Iterable[Metric[Any]], width: int, also: Iterable[type[Statistic]] = ()
    ) -> None:
        self.metrics = tuple(metrics)
        kinds = dict.fromkeys((*(metric.statistic for metric in self.metrics), *also))
        self.statistics: dict[type[Statistic], Statistic] = {kind: kind(width) for kind in kinds}

    def add(
        self, targets: Any, predictions: Callable[[PredictionForm], Any], weights: Array | None
    ) -> None:
        """Accumulates a batch of samples.

        Args:
            targets: the true values, in the form that the statistics take.
            predictions: returns the predictions in a given form.
            weights: sample weights, (n,); None for equal weights.
        """
        counts = np.ones(len(targets)) if weights is None else weights
        forms = {form: predictions(form) for form in {kind.takes for kind in self.statistics}}
        for kind, statistic in self.statistics.items():
            statistic.add(targets, forms[kind.takes], counts)

    def kept(self, kind: type[S]) -> S:
        """The accumulated statistic of that kind."""
        statistic = self.statistics[kind]
        assert isinstance(statistic, kind)
        return statistic

    def figures(self) -> dict[str, float]:
        """The metrics by name, in the order requested."""
        return {
            metric.name: metric.of(self.statistics[metric.statistic]) for metric in self.metrics
        }
