"""Metrics of several yes/no labels per sample, from counts by label.

With t_k the weight of the samples that have label k, p_k of those predicted to have it, and c_k of
those with both (true positives), precision, recall and F1 of each label are as for classes:
c_k / p_k, c_k / t_k and 2 c_k / (p_k + t_k), or 0 where the denominator is 0. Means are over all
labels.

Tsoumakas & Katakis 2007, Multi-label classification: an overview.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from nnkit.metrics import classification as of_classes
from nnkit.metrics.metric import Array, PredictionForm, Statistic, TargetKind, metric, share
from nnkit.metrics.ranking import area_under_roc, precision_over_thresholds, weights_by_score


class LabelCounts(Statistic):
    """Weights of samples by label.

    Attributes:
        total: n, of all samples.
        true: t (labels,), with the label.
        predicted: p (labels,), predicted to have it.
        correct: c (labels,), with the label and predicted to have it.
        decided: correct decisions, yes or no, (labels,).
        exact: samples all of whose labels are predicted correctly.
    """

    takes: ClassVar[PredictionForm] = "decisions"
    kind: ClassVar[TargetKind] = "labels"

    def __init__(self, width: int) -> None:
        self.total = self.exact = 0.0
        self.true, self.predicted, self.correct, self.decided = np.zeros((4, width))

    def add(self, targets: Array, predictions: Array, weights: Array) -> None:
        hit = targets == predictions
        self.total += float(weights.sum())
        self.exact += float(weights @ hit.all(axis=1))
        self.decided += weights @ hit
        self.true += weights @ targets
        self.predicted += weights @ predictions
        self.correct += weights @ (targets * predictions)


def _weighted(by_label: Array, counts: LabelCounts) -> float:
    return share(float(by_label @ counts.true), counts.true.sum())


@metric(LabelCounts, higher_is_better=True)
def accuracy(counts: LabelCounts) -> float:
    """Fraction of correct decisions over all samples and labels."""
    return share(counts.decided.mean(), counts.total)


@metric(LabelCounts, higher_is_better=True)
def exact_match(counts: LabelCounts) -> float:
    """Fraction of samples all of whose labels are predicted correctly (subset accuracy)."""
    return share(counts.exact, counts.total)


@metric(LabelCounts, higher_is_better=False)
def hamming_loss(counts: LabelCounts) -> float:
    """Fraction of wrong decisions over all samples and labels, 1 − accuracy; 0 without samples."""
    return share(counts.total - counts.decided.mean(), counts.total)


@metric(LabelCounts, higher_is_better=True)
def precision(counts: LabelCounts) -> float:
    """Mean precision over the labels, `precision_macro`."""
    return float(of_classes.precisions(counts).mean())


@metric(LabelCounts, higher_is_better=True)
def precision_macro(counts: LabelCounts) -> float:
    """Unweighted mean of the precision over the labels."""
    return float(of_classes.precisions(counts).mean())


@metric(LabelCounts, higher_is_better=True)
def precision_micro(counts: LabelCounts) -> float:
    """Precision pooled over all labels, Σ c_k / Σ p_k."""
    return share(counts.correct.sum(), counts.predicted.sum())


@metric(LabelCounts, higher_is_better=True)
def precision_weighted(counts: LabelCounts) -> float:
    """Mean of the precision weighted by t_k."""
    return _weighted(of_classes.precisions(counts), counts)


@metric(LabelCounts, higher_is_better=True)
def recall(counts: LabelCounts) -> float:
    """Mean recall over the labels, `recall_macro`."""
    return float(of_classes.recalls(counts).mean())


@metric(LabelCounts, higher_is_better=True)
def recall_macro(counts: LabelCounts) -> float:
    """Unweighted mean of the recall over the labels."""
    return float(of_classes.recalls(counts).mean())


@metric(LabelCounts, higher_is_better=True)
def recall_micro(counts: LabelCounts) -> float:
    """Recall pooled over all labels, Σ c_k / Σ t_k."""
    return share(counts.correct.sum(), counts.true.sum())


@metric(LabelCounts, higher_is_better=True)
def recall_weighted(counts: LabelCounts) -> float:
    """Mean of the recall weighted by t_k."""
    return _weighted(of_classes.recalls(counts), counts)


@metric(LabelCounts, higher_is_better=True)
def f1(counts: LabelCounts) -> float:
    """Mean F1 over the labels, `f1_macro`."""
    return float(of_classes.f1s(counts).mean())


@metric(LabelCounts, higher_is_better=True)
def f1_macro(counts: LabelCounts) -> float:
    """Unweighted mean of F1 over the labels."""
    return float(of_classes.f1s(counts).mean())


@metric(LabelCounts, higher_is_better=True)
def f1_micro(counts: LabelCounts) -> float:
    """F1 pooled over all labels, 2 Σ c_k / Σ (p_k + t_k)."""
    return share(2 * counts.correct.sum(), counts.true.sum() + counts.predicted.sum())


@metric(LabelCounts, higher_is_better=True)
def f1_weighted(counts: LabelCounts) -> float:
    """Mean of F1 weighted by t_k."""
    return _weighted(of_classes.f1s(counts), counts)


class LabelScores(Statistic):
    """The scores of all labels of all samples, because a ranking needs the whole set."""

    takes: ClassVar[PredictionForm] = "scores"
    kind: ClassVar[TargetKind] = "labels"

    def __init__(self, width: int) -> None:
        self.parts: list[tuple[Array, Array, Array]] = []

    def add(self, targets: Array, predictions: Array, weights: Array) -> None:
        self.parts.append((targets, predictions, weights))

    def curves(self) -> list[tuple[Array, Array]]:
        """Weights of samples with and without each label, by decreasing score."""
        targets, scores, weights = map(np.concatenate, zip(*self.parts, strict=True))
        return [
            weights_by_score(targets[:, k] == 1, scores[:, k], weights)
            for k in range(targets.shape[1])
        ]


@metric(LabelScores, higher_is_better=True)
def roc_auc(scores: LabelScores) -> float:
    """Mean over the labels of the area under the ROC curve.

    Labels that all or no samples have are left out; 0.5 if none is left.
    """
    areas = [area_under_roc(own, others) for own, others in scores.curves()]
    known = [area for area in areas if area is not None]
    return float(np.mean(known)) if known else 0.5


@metric(LabelScores, higher_is_better=True)
def average_precision(scores: LabelScores) -> float:
    """Mean over the labels of the average precision, 0 for a label without samples."""
    return float(np.mean([precision_over_thresholds(*curve) for curve in scores.curves()]))
