"""Several metrics at once over a set that is seen batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from nnkit.metrics.base import Answer, Array, Metric, S, Statistic


class Tally:
    """What metrics need of the samples seen so far; each statistic is kept once.

    Args:
        metrics: those wanted.
        width: the number of classes, or of outputs.
        also: statistics to keep beside those that the metrics need.
    """

    def __init__(
        self, metrics: Iterable[Metric[Any]], width: int, also: Iterable[type[Statistic]] = ()
    ) -> None:
        self.metrics = tuple(metrics)
        kinds = dict.fromkeys((*(metric.statistic for metric in self.metrics), *also))
        self.statistics: dict[type[Statistic], Statistic] = {kind: kind(width) for kind in kinds}

    def add(
        self, targets: Array, answers: Callable[[Answer], Array], weights: Array | None
    ) -> None:
        """Takes more samples into account.

        Args:
            targets: class numbers (n,), or real targets (n, outputs).
            answers: gives the answers in the form asked for.
            weights: how much each sample counts, (n,); None for all the same.
        """
        counts = np.ones(len(targets)) if weights is None else weights
        forms = {form: answers(form) for form in {kind.takes for kind in self.statistics}}
        for kind, statistic in self.statistics.items():
            statistic.add(targets, forms[kind.takes], counts)

    def kept(self, kind: type[S]) -> S:
        """What was kept in a statistic of that kind."""
        statistic = self.statistics[kind]
        assert isinstance(statistic, kind)
        return statistic

    def figures(self) -> dict[str, float]:
        """The figures by name, in the order in which they were asked for."""
        return {
            metric.name: metric.of(self.statistics[metric.statistic]) for metric in self.metrics
        }
