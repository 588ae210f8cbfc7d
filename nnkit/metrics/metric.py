"""The type of a metric: a number computed from statistics that are accumulated batch by batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
PredictionForm = Literal[
    "decisions", "scores", "probabilities", "outputs", "log_probabilities", "texts"
]
# One class per sample, several yes/no labels, real numbers, a label at each position, or text.
TargetKind = Literal["classes", "labels", "numbers", "sequences", "texts"]


class Statistic(ABC):
    """An accumulator over samples, sufficient for some metrics.

    Attributes:
        takes: the form of the predictions it accumulates: `decisions` are class numbers (n,);
            `scores` (n, classes) are larger for likelier classes; `probabilities` (n, classes) sum
            to 1 over the classes; `outputs` (n, outputs) are real numbers. For labels, decisions
            are 0 or 1, and both decisions and scores have shape (n, labels). For sequences,
            `decisions` are n sequences of labels, and `log_probabilities` n arrays (length,), of
            the true label at each position; `texts` are n strings.
        kind: the kind of targets that it compares predictions with.
        has_width: whether it depends on the number of classes, labels or outputs.
    """

    takes: ClassVar[PredictionForm]
    kind: ClassVar[TargetKind] = "classes"
    has_width: ClassVar[bool] = True

    @abstractmethod
    def __init__(self, width: int) -> None:
        """Starts empty; `width` is the number of classes, labels or outputs, 0 if unused."""

    @abstractmethod
    def add(self, targets: Any, predictions: Any, weights: Array) -> None:
        """Accumulates a batch of samples.

        Args:
            targets: class numbers (n,), labels (n, labels), real numbers (n, outputs), n sequences
                of labels, or the references of n texts.
            predictions: predictions in the form given by `takes`.
            weights: sample weights, (n,), none negative.
        """


S = TypeVar("S", bound=Statistic)


@dataclass(frozen=True, slots=True)
class Metric(Generic[S]):
    """An evaluation metric. Where it is undefined, its docstring gives the value returned instead.

    Attributes:
        name: its name in configs and tables.
        statistic: the accumulator it is computed from.
        of: its formula; the docstring cites the source.
        higher_is_better: whether higher values are better.
        least: the lowest possible value.
        most: the highest possible value.
    """

    name: str
    statistic: type[S]
    of: Callable[[S], float]
    higher_is_better: bool
    least: float = 0.0
    most: float = 1.0

    def __call__(
        self,
        targets: Any,
        predictions: Any,
        weights: Array | None = None,
        *,
        classes: int | None = None,
    ) -> float:
        """Computes the metric over a whole set at once.

        Args:
            targets: the true values, in the form of the statistic's kind of targets.
            predictions: predictions in the form that the statistic takes.
            weights: sample weights, (n,); None for equal weights.
            classes: the number of classes; by default inferred from predictions and targets.
        """
        width = _width(targets, predictions, classes) if self.statistic.has_width else 0
        statistic = self.statistic(width)
        statistic.add(targets, predictions, np.ones(len(targets)) if weights is None else weights)
        return self.of(statistic)

    @property
    def kind(self) -> TargetKind:
        """The kind of targets that it compares predictions with."""
        return self.statistic.kind


def _width(targets: Array, predictions: Array, classes: int | None) -> int:
    if predictions.ndim == 2:
        return predictions.shape[1]
    return classes or int(max(targets.max(), predictions.max(), 1)) + 1


def metric(
    statistic: type[S], *, higher_is_better: bool, least: float = 0.0, most: float = 1.0
) -> Callable[[Callable[[S], float]], Metric[S]]:
    """Turns a formula over a statistic into the metric of that name, by default from 0 to 1."""

    def of(formula: Callable[[S], float]) -> Metric[S]:
        return Metric(formula.__name__, statistic, formula, higher_is_better, least, most)

    return of


def ratio(parts: Array, wholes: Array) -> Array:
    """Divides elementwise, with 0 where the divisor is 0."""
    return np.where(wholes != 0, parts / np.where(wholes != 0, wholes, 1.0), 0.0)


def share(part: float, whole: float) -> float:
    """Divides, with 0 where the divisor is 0."""
    return float(part / whole) if whole else 0.0
