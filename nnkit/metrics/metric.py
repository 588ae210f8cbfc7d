"""The type of a metric: a number computed from statistics that are accumulated batch by batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Answer = Literal["decisions", "scores", "probabilities", "outputs"]
# One class per sample, several yes/no labels, or real numbers.
TargetKind = Literal["classes", "labels", "numbers"]


class Statistic(ABC):
    """An accumulator over samples, sufficient for some metrics.

    Attributes:
        takes: the form of the predictions it accumulates: `decisions` are class numbers (n,);
            `scores` (n, classes) are larger for likelier classes; `probabilities` (n, classes) sum
            to 1 over the classes; `outputs` (n, outputs) are real numbers. For labels, decisions
            are 0 or 1, and both decisions and scores have shape (n, labels).
        kind: the kind of targets that it compares predictions with.
    """

    takes: ClassVar[Answer]
    kind: ClassVar[TargetKind] = "classes"

    @abstractmethod
    def __init__(self, width: int) -> None:
        """Start empty; `width` is the number of classes, labels or outputs."""

    @abstractmethod
    def add(self, targets: Array, answers: Array, weights: Array) -> None:
        """Accumulate a batch of samples.

        Args:
            targets: class numbers (n,), labels (n, labels) or real numbers (n, outputs).
            answers: predictions in the form given by `takes`.
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
        targets: Array,
        answers: Array,
        weights: Array | None = None,
        *,
        classes: int | None = None,
    ) -> float:
        """Compute the metric over a whole set at once.

        Args:
            targets: class numbers (n,), labels (n, labels) or real numbers (n, outputs).
            answers: predictions in the form that the statistic takes.
            weights: sample weights, (n,); None for equal weights.
            classes: the number of classes; by default inferred from predictions and targets.
        """
        width = answers.shape[1] if answers.ndim == 2 else classes
        statistic = self.statistic(width or int(max(targets.max(), answers.max(), 1)) + 1)
        statistic.add(targets, answers, np.ones(len(targets)) if weights is None else weights)
        return self.of(statistic)

    @property
    def kind(self) -> TargetKind:
        """The kind of targets that it compares predictions with."""
        return self.statistic.kind


def metric(
    statistic: type[S], *, higher_is_better: bool, least: float = 0.0, most: float = 1.0
) -> Callable[[Callable[[S], float]], Metric[S]]:
    """Turn a formula over a statistic into the metric of that name, by default from 0 to 1."""

    def of(formula: Callable[[S], float]) -> Metric[S]:
        return Metric(formula.__name__, statistic, formula, higher_is_better, least, most)

    return of


def ratio(parts: Array, wholes: Array) -> Array:
    """Divide elementwise, with 0 where the divisor is 0."""
    return np.where(wholes != 0, parts / np.where(wholes != 0, wholes, 1.0), 0.0)


def share(part: float, whole: float) -> float:
    """Divide, with 0 where the divisor is 0."""
    return float(part / whole) if whole else 0.0
