"""The metrics of a model on a set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, repr=False)
class SetMetrics:
    """The metrics of a model on a set, as `TrainedModel.evaluate` returns them.

    `found["accuracy"]` is one of them.

    Attributes:
        split: the name of the set; None for other data than that of the training.
        samples: the number of samples.
        figures: the loss and the metrics that training computes, by name.
    """

    split: str | None
    samples: int
    figures: Mapping[str, float]

    @property
    def loss(self) -> float:
        """The loss."""
        return self.figures["loss"]

    def __getitem__(self, name: str) -> float:
        """The metric of that name."""
        return self.figures[name]

    def __repr__(self) -> str:
        return f"<SetMetrics {in_words(self.split, self.samples, self.figures)}>"


def in_words(split: str | None, samples: int, figures: Mapping[str, float]) -> str:
    """A set with its metrics on one line, for representations of objects.

    Args:
        split: the name of the set; None for other data.
        samples: the number of samples.
        figures: the metrics by name.
    """
    shown = "".join(f", {name} {value:.4g}" for name, value in figures.items())
    return f"{split or 'other data'}: {samples:,} samples{shown}"
