"""Reports on each class, and on each yes/no label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nnkit.metrics import METRICS_OF
from nnkit.metrics.classification import ClassCounts, Confusion, f1s, precisions, recalls
from nnkit.metrics.multilabel import LabelCounts


@dataclass(frozen=True, slots=True)
class ClassReport:
    """Metrics of each class, and the confusion matrix of true and predicted classes.

    Attributes:
        names: names of the classes.
        counts: total weight of each class among targets, predictions and correct predictions.
        confusion: total weight of each pair of true and predicted class.
    """

    names: tuple[str, ...]
    counts: ClassCounts
    confusion: Confusion

    def rows(self) -> list[dict[str, Any]]:
        """The name, `precision`, `recall`, `f1` and `support` of each class."""
        figures = (precisions(self.counts), recalls(self.counts), f1s(self.counts))
        return [
            {"class": name, "precision": p, "recall": r, "f1": f, "support": plain(weight)}
            for name, p, r, f, weight in zip(
                self.names, *(x.tolist() for x in figures), self.counts.true, strict=True
            )
        ]

    def averages(self) -> dict[str, dict[str, float]]:
        """The `macro` and `weighted` means of the scores in the rows."""
        known = METRICS_OF["classes"]
        return {
            kind: {
                name: known[f"{name}_{kind}"].of(self.counts)
                for name in ("precision", "recall", "f1")
            }
            for kind in ("macro", "weighted")
        }

    def confused(self) -> list[dict[str, Any]]:
        """Pairs of true (`target`) and wrongly predicted (`answer`) class, most frequent first."""
        return [
            {"target": self.names[t], "answer": self.names[a], "support": plain(weight)}
            for t, a, weight in self.confusion.mistakes()
        ]

    def matrix(self) -> list[list[float]] | None:
        """The confusion matrix, true classes in rows; None for more than a hundred classes."""
        if len(self.names) > MATRIX_CLASSES:
            return None
        return [[plain(weight) for weight in row] for row in self.confusion.matrix()]


@dataclass(frozen=True, slots=True)
class LabelReport:
    """Metrics of each of several yes/no labels.

    Attributes:
        names: names of the labels.
        counts: weights of the samples by label.
    """

    names: tuple[str, ...]
    counts: LabelCounts

    def rows(self) -> list[dict[str, Any]]:
        """The name, `accuracy`, `precision`, `recall`, `f1` and `support` of each label."""
        counts = self.counts
        accuracies = counts.decided / (counts.total or 1)
        figures = (accuracies, precisions(counts), recalls(counts), f1s(counts))
        columns = ("accuracy", "precision", "recall", "f1")
        return [
            {"label": name, **dict(zip(columns, row, strict=True)), "support": plain(support)}
            for name, support, *row in zip(
                self.names, counts.true, *(x.tolist() for x in figures), strict=True
            )
        ]


MATRIX_CLASSES = 100  # classes up to which the confusion matrix is given in full


def plain(weight: float) -> float:
    """Converts a weight to an int if it is a whole number."""
    return int(weight) if float(weight).is_integer() else float(weight)
