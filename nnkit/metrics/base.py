"""A metric: one figure, computed from what is kept of targets and answers, batch by batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Answer = Literal["decisions", "scores", "probabilities", "outputs"]


class Statistic(ABC):
    """What is kept of the samples seen so far: all that some metrics need.

    Attributes:
        takes: which form of the answers it is made from: `decisions` are class numbers (n,);
            `scores` (n, classes) are larger for likelier classes; `probabilities` (n, classes) sum
            to 1 over the classes; `outputs` (n, outputs) are real numbers.
    """

    takes: ClassVar[Answer]

    @abstractmethod
    def __init__(self, width: int) -> None:
        """Nothing seen yet; `width` is the number of classes, or of outputs."""

    @abstractmethod
    def add(self, targets: Array, answers: Array, weights: Array) -> None:
        """Takes some more samples into account.

        Args:
            targets: class numbers (n,); for `outputs` real numbers (n, outputs).
            answers: in the form that it `takes`.
            weights: how much each sample counts, (n,), none negative.
        """


S = TypeVar("S", bound=Statistic)


@dataclass(frozen=True, slots=True)
class Metric(Generic[S]):
    """A figure by which answers are judged. Where it is undefined it says what it is instead.

    Attributes:
        name: as it is asked for.
        statistic: what it is computed from.
        of: its formula, with the source in its docstring.
        higher_is_better: whether more is better.
    """

    name: str
    statistic: type[S]
    of: Callable[[S], float]
    higher_is_better: bool

    def __call__(
        self,
        targets: Array,
        answers: Array,
        weights: Array | None = None,
        *,
        classes: int | None = None,
    ) -> float:
        """The figure over a whole set at once.

        Args:
            targets: class numbers (n,), or real numbers (n, outputs).
            answers: in the form that the metric's statistic takes.
            weights: how much each sample counts, (n,); None for all the same.
            classes: how many there are; by default those that answers and targets show.
        """
        width = answers.shape[1] if answers.ndim == 2 else classes
        statistic = self.statistic(width or int(max(targets.max(), answers.max(), 1)) + 1)
        statistic.add(targets, answers, np.ones(len(targets)) if weights is None else weights)
        return self.of(statistic)

    @property
    def for_classes(self) -> bool:
        """Whether it judges decisions between classes; else real outputs."""
        return self.statistic.takes != "outputs"

    @property
    def about(self) -> str:
        """What it is, in a line."""
        return (self.of.__doc__ or "").strip().partition("\n")[0]


def metric(
    statistic: type[S], *, higher_is_better: bool
) -> Callable[[Callable[[S], float]], Metric[S]]:
    """Makes a formula over a statistic the metric of that name."""

    def of(formula: Callable[[S], float]) -> Metric[S]:
        return Metric(formula.__name__, statistic, formula, higher_is_better)

    return of


def ratio(parts: Array, wholes: Array) -> Array:
    """Each part divided by its whole, and 0 where that is 0."""
    return np.where(wholes != 0, parts / np.where(wholes != 0, wholes, 1.0), 0.0)


def share(part: float, whole: float) -> float:
    """One part divided by its whole, and 0 where that is 0."""
    return float(part / whole) if whole else 0.0
