"""Early stopping: the best evaluation so far, and how long to wait for a better one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pydantic import Field

from nnkit.config.spec import Count, NonNegative, Spec


@dataclass(slots=True)
class Best:
    """The best evaluation so far.

    Attributes:
        value: value of the monitored metric; None before the first evaluation.
        step: step at which it was reached.
        evaluations_since: number of evaluations since then without an improvement.
    """

    value: float | None = None
    step: int = 0
    evaluations_since: int = 0

    def is_improved_by(self, value: float, *, higher: bool, minimum_change: float) -> bool:
        """Whether a value is better by more than `minimum_change`.

        Args:
            value: the monitored metric of another evaluation.
            higher: whether higher values are better.
            minimum_change: the smallest improvement that counts.
        """
        if self.value is None:
            return True
        gain = value - self.value if higher else self.value - value
        return gain > minimum_change


class EarlyStopping(Spec):
    """Stop when the monitored metric has not improved for `patience` evaluations."""

    shorthand: ClassVar[str | None] = "patience"
    patience: Count
    minimum_change: NonNegative = Field(0.0, description="A smaller improvement does not count.")

    def is_due(self, best: Best) -> bool:
        """Whether training is to stop."""
        return best.evaluations_since >= self.patience
