"""Counts kept sample by sample, for metrics that are functions of their sums."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Self, TypeVar

import numpy as np

from nnkit.errors import DataError
from nnkit.metrics.metric import Array, PredictionForm, Statistic, TargetKind

References = str | Sequence[str]  # of one text
C = TypeVar("C", bound="SampleCounts")


class SampleCounts(Statistic):
    """Counts of each sample; a metric is a function of their weighted sums.

    Because the counts of the samples are kept, a metric of resampled data needs only another sum:
    see `bootstrap_values`.

    Attributes:
        names: what is counted, in the order of the columns of `rows`.
    """

    kind: ClassVar[TargetKind] = "sequences"
    has_width: ClassVar[bool] = False
    names: ClassVar[tuple[str, ...]]

    def __init__(self, width: int = 0) -> None:
        self._batches: list[tuple[Array, Array]] = []  # rows and weights

    def add(self, targets: Sequence[Any], predictions: Sequence[Any], weights: Array) -> None:
        counts = [self.count(t, a) for t, a in zip(targets, predictions, strict=True)]
        rows = np.array(counts, dtype=np.float64).reshape(-1, len(self.names))
        self._batches.append((rows, weights))

    def _joined(self) -> tuple[Array, Array]:
        """Joins what has been accumulated to one batch."""
        if len(self._batches) != 1:
            empty = np.empty((0, len(self.names))), np.empty(0)
            rows, weights = zip(empty, *self._batches, strict=True)
            self._batches = [(np.concatenate(rows), np.concatenate(weights))]
        return self._batches[0]

    @property
    def rows(self) -> Array:
        """The counts of each sample, (n, counts)."""
        return self._joined()[0]

    @property
    def weights(self) -> Array:
        """The sample weights, (n,)."""
        return self._joined()[1]

    @classmethod
    @abstractmethod
    def count(cls, target: Any, prediction: Any) -> Sequence[float]:
        """The counts of one sample, in the order of `names`."""

    def weighted(self, weights: Array) -> Self:
        """A copy of the counts with other sample weights, (n,)."""
        other = type(self)()
        other._batches = [(self.rows, weights)]
        return other

    @property
    def sums(self) -> Array:
        """The weighted sum of each count over the samples, (counts,)."""
        return self.weights @ self.rows

    def sum(self, name: str) -> float:
        """The weighted sum of one count over the samples."""
        return float(self.sums[self.names.index(name)])

    @property
    def total(self) -> float:
        """The total weight of the samples."""
        return float(self.weights.sum())


class TextCounts(SampleCounts):
    """Counts from a text, the hypothesis, and its references."""

    kind: ClassVar[TargetKind] = "texts"
    takes: ClassVar[PredictionForm] = "texts"

    @classmethod
    def count(cls, target: References, prediction: str) -> Sequence[float]:
        references = (target,) if isinstance(target, str) else target
        if not references:
            raise DataError(f"the text {prediction!r} has no reference to be compared with")
        return cls.compare(references, prediction)

    @classmethod
    @abstractmethod
    def compare(cls, references: Sequence[str], hypothesis: str) -> Sequence[float]:
        """The counts of one text, compared with at least one reference."""
