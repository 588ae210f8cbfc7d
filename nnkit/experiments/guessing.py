"""Guessing: the score of a prediction that uses no inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from nnkit.experiments.significance import wilson_interval
from nnkit.task.task import Task


@dataclass(frozen=True, slots=True)
class MajorityClass:
    """The accuracy of always predicting the most frequent class of the training set.

    Attributes:
        split: the set on which it is measured: `test` if there is one, else `validation`.
        samples: the number of samples in it.
        accuracy: the share of that class.
    """

    split: str
    samples: int
    accuracy: float


def majority_class(task: Task) -> MajorityClass | None:
    """The baseline of a classifier; None for real targets, or if no set is held out."""
    split = next((name for name in ("test", "validation") if name in task.sets), None)
    if task.classes is None or split is None:
        return None
    most_frequent = np.bincount(task.sets["train"].targets[:]).argmax()
    share = float((task.sets[split].targets[:] == most_frequent).mean())
    return MajorityClass(split, len(task.sets[split]), share)


def no_better_than_guessing(
    baseline: MajorityClass | None, metrics: Mapping[str, float]
) -> str | None:
    """Says that a model is no better than a guess, if it is not; otherwise None.

    A classifier is better than its baseline if the 95 % interval of its accuracy is above it, a
    regression model if its R² is above 0, which the mean of the targets has.

    Args:
        baseline: that of a classifier, None for a regression model.
        metrics: final metrics of the model, by names such as `test.accuracy`.
    """
    if baseline is not None:
        accuracy = metrics.get(f"{baseline.split}.accuracy")
        if accuracy is None:
            return None
        low, _ = wilson_interval(round(accuracy * baseline.samples), baseline.samples)
        if low > baseline.accuracy:
            return None
        return (
            f"the best trial is no better than always predicting the most frequent class: its "
            f"{baseline.split}.accuracy is {100 * accuracy:.2f} %, that of the class "
            f"{100 * baseline.accuracy:.2f} %, on {baseline.samples:,} samples"
        )
    name = next((name for name in ("test.r2", "validation.r2") if name in metrics), None)
    if name is None or metrics[name] > 0:
        return None
    return (
        f"the best trial is no better than always predicting the mean: its {name} is "
        f"{metrics[name]:.3g}"
    )
