"""The events of training: steps and evaluations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from nnkit.metrics import LAST


class Step(NamedTuple):
    """A completed update: its number from 1, and the batch's mean loss before it."""

    number: int
    loss: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The state of training between two steps.

    Attributes:
        step: updates done so far.
        epoch: passes over the training set so far.
        lr: the learning rate of the last step.
        train_loss: mean loss over the samples seen since the last evaluation.
        penalty: weight penalty of the current weights; None if the config has none.
        figures: metrics of the evaluated sets, such as `validation.accuracy`.
        samples_per_second: training speed since the last evaluation, without evaluations.
    """

    step: int
    epoch: float
    lr: float
    train_loss: float
    penalty: float | None
    figures: Mapping[str, float]
    samples_per_second: float

    def all_figures(self) -> dict[str, float]:
        """The training metrics and those of the evaluated sets."""
        own = {"train.loss": self.train_loss}
        if self.penalty is not None:
            own["train.objective"] = self.train_loss + self.penalty
        return {**own, **self.figures}

    def monitored(self, name: str) -> float:
        """The value of a metric; for `last`, the step, so that the latest evaluation is best."""
        return self.step if name == LAST else self.all_figures()[name]

    def record(self) -> dict[str, Any]:
        """The evaluation as one line of metrics.jsonl."""
        return {
            "step": self.step,
            "epoch": round(self.epoch, 6),
            "lr": self.lr,
            **self.all_figures(),
            "samples_per_second": round(self.samples_per_second),
        }
