"""Classification metrics from counts by true and predicted class.

A ratio with denominator 0 is 0 (the precision of a class that is never predicted, the recall of one
that does not occur); classes that are neither in the targets nor in the predictions are left out of
means. With t_k the weight of the samples whose true class is k, p_k of those predicted as k, c_k of
those that are both (true positives), and n of all samples:

    precision  P_k = c_k / p_k
    recall     R_k = c_k / t_k
    F1         F_k = 2 c_k / (p_k + t_k), the harmonic mean of the two

Sokolova & Lapalme 2009, A systematic analysis of performance measures for classification tasks.
"""

from __future__ import annotations

from typing import ClassVar, Protocol

import numpy as np

from nnkit.metrics.metric import Array, PredictionForm, Statistic, metric, ratio, share

ROUNDING = 1e-13  # fraction of n² below which the spread is rounding error of a single class


class ClassCounts(Statistic):
    """Weights by class: the margins and the diagonal of the confusion matrix.

    Attributes:
        true: t (classes,), by true class.
        predicted: p (classes,), by predicted class.
        correct: c (classes,), of correct predictions.
    """

    takes: ClassVar[PredictionForm] = "decisions"

    def __init__(self, width: int) -> None:
        self.true, self.predicted, self.correct = np.zeros((3, width))

    def add(self, targets: Array, predictions: Array, weights: Array) -> None:
        hit = targets == predictions
        classes = len(self.true)
        self.true += np.bincount(targets, weights, classes)
        self.predicted += np.bincount(predictions, weights, classes)
        self.correct += np.bincount(targets[hit], weights[hit], classes)

    @property
    def total(self) -> float:
        """The total weight n of the samples."""
        return float(self.true.sum())

    @property
    def occurring(self) -> Array:
        """Mask (classes,) of the classes that occur in the targets or the predictions."""
        return (self.true + self.predicted) > 0


class Confusion(Statistic):
    """A confusion matrix that stores only the pairs of true and predicted class that occur.

    Attributes:
        classes: the number of classes.
        pairs: true class × classes + predicted class, sorted.
        weights: the weight of each pair.
    """

    takes: ClassVar[PredictionForm] = "decisions"

    def __init__(self, width: int) -> None:
        self.classes = width
        self.pairs: Array = np.empty(0, dtype=np.int64)
        self.weights: Array = np.empty(0)

    def add(self, targets: Array, predictions: Array, weights: Array) -> None:
        pairs = np.concatenate([self.pairs, targets * self.classes + predictions])
        weights = np.concatenate([self.weights, weights])
        self.pairs, place = np.unique(pairs, return_inverse=True)
        self.weights = np.bincount(place, weights)

    def matrix(self) -> Array:
        """The dense matrix (classes, classes): rows are true classes, columns predicted ones."""
        matrix = np.zeros(self.classes**2)
        matrix[self.pairs] = self.weights
        return matrix.reshape(self.classes, self.classes)

    def mistakes(self) -> list[tuple[int, int, float]]:
        """True class, wrongly predicted class and weight, the most frequent first."""
        targets, predictions = np.divmod(self.pairs, self.classes)
        heaviest = np.argsort(-self.weights, kind="stable")
        return [
            (int(targets[i]), int(predictions[i]), float(self.weights[i]))
            for i in heaviest
            if targets[i] != predictions[i] and self.weights[i] > 0
        ]


class Counts(Protocol):
    """Protocol of weights by class, or by label: t `true`, p `predicted`, and c `correct`."""

    true: Array
    predicted: Array
    correct: Array


def precisions(counts: Counts) -> Array:
    """The precision P_k of each class, (classes,)."""
    return ratio(counts.correct, counts.predicted)


def recalls(counts: Counts) -> Array:
    """The recall R_k of each class, (classes,)."""
    return ratio(counts.correct, counts.true)


def f1s(counts: Counts) -> Array:
    """The F1 score F_k of each class, (classes,)."""
    return ratio(2 * counts.correct, counts.true + counts.predicted)


def macro(by_class: Array, counts: ClassCounts) -> float:
    """Unweighted mean over the classes that occur; 0 if none does."""
    return float(by_class[counts.occurring].mean()) if counts.occurring.any() else 0.0


def weighted(by_class: Array, counts: ClassCounts) -> float:
    """Mean over the classes weighted by support, Σ t_k x_k / n."""
    return share(float(by_class @ counts.true), counts.total)


def micro(counts: ClassCounts) -> float:
    """Σ c_k / n, the value that precision, recall and F1 share when pooled over all classes."""
    return share(counts.correct.sum(), counts.total)


def detector(by_class: Array, counts: ClassCounts) -> float:
    """The value of the positive (second) of two classes; for more classes, the macro mean."""
    return float(by_class[1]) if len(by_class) == 2 else macro(by_class, counts)


@metric(ClassCounts, higher_is_better=True)
def accuracy(counts: ClassCounts) -> float:
    """Fraction of correct predictions, Σ c_k / n; 0 without samples."""
    return micro(counts)


@metric(ClassCounts, higher_is_better=True)
def balanced_accuracy(counts: ClassCounts) -> float:
    """Mean recall over the classes present in the targets; 0 without samples.

    Brodersen et al. 2010, The balanced accuracy and its posterior distribution.
    """
    occurs = counts.true > 0
    return float(recalls(counts)[occurs].mean()) if occurs.any() else 0.0


@metric(ClassCounts, higher_is_better=True)
def precision(counts: ClassCounts) -> float:
    """Precision of the positive (second) of two classes; for more classes, `precision_macro`."""
    return detector(precisions(counts), counts)


@metric(ClassCounts, higher_is_better=True)
def precision_macro(counts: ClassCounts) -> float:
    """Unweighted mean of P_k over the classes that occur."""
    return macro(precisions(counts), counts)


@metric(ClassCounts, higher_is_better=True)
def precision_micro(counts: ClassCounts) -> float:
    """Precision pooled over all classes, Σ c_k / Σ p_k: equal to the accuracy."""
    return micro(counts)


@metric(ClassCounts, higher_is_better=True)
def precision_weighted(counts: ClassCounts) -> float:
    """Mean of P_k weighted by the support t_k."""
    return weighted(precisions(counts), counts)


@metric(ClassCounts, higher_is_better=True)
def recall(counts: ClassCounts) -> float:
    """Recall of the positive (second) of two classes; for more classes, `recall_macro`."""
    return detector(recalls(counts), counts)


@metric(ClassCounts, higher_is_better=True)
def recall_macro(counts: ClassCounts) -> float:
    """Unweighted mean of R_k over the classes that occur."""
    return macro(recalls(counts), counts)


@metric(ClassCounts, higher_is_better=True)
def recall_micro(counts: ClassCounts) -> float:
    """Recall pooled over all classes, Σ c_k / Σ t_k: equal to the accuracy."""
    return micro(counts)


@metric(ClassCounts, higher_is_better=True)
def recall_weighted(counts: ClassCounts) -> float:
    """Mean of R_k weighted by the support t_k: equal to the accuracy."""
    return weighted(recalls(counts), counts)


@metric(ClassCounts, higher_is_better=True)
def f1(counts: ClassCounts) -> float:
    """F1 of the positive (second) of two classes; for more classes, `f1_macro`."""
    return detector(f1s(counts), counts)


@metric(ClassCounts, higher_is_better=True)
def f1_macro(counts: ClassCounts) -> float:
    """Unweighted mean of F_k over the classes that occur (not the F1 of mean precision and recall).

    Opitz & Burst 2019, Macro F1 and macro F1, compare the two definitions.
    """
    return macro(f1s(counts), counts)


@metric(ClassCounts, higher_is_better=True)
def f1_micro(counts: ClassCounts) -> float:
    """F1 pooled over all classes, 2 Σ c_k / Σ (p_k + t_k): equal to the accuracy."""
    return micro(counts)


@metric(ClassCounts, higher_is_better=True)
def f1_weighted(counts: ClassCounts) -> float:
    """Mean of F_k weighted by the support t_k."""
    return weighted(f1s(counts), counts)


@metric(ClassCounts, higher_is_better=True, least=-1.0)
def mcc(counts: ClassCounts) -> float:
    """Matthews correlation coefficient, from −1 to 1; 0 if targets or predictions are constant.

    (n Σ c_k − Σ t_k p_k) / √((n² − Σ p_k²) (n² − Σ t_k²)): Gorodkin 2004, Comparing two K-category
    assignments by a K-category correlation coefficient, eq. 8; for two classes Matthews 1975.
    """
    n, t, p = counts.total, counts.true, counts.predicted
    spread_t, spread_p = n * n - t @ t, n * n - p @ p
    if min(spread_t, spread_p) <= ROUNDING * n * n:
        return 0.0
    return float((n * counts.correct.sum() - t @ p) / np.sqrt(spread_t * spread_p))


@metric(ClassCounts, higher_is_better=True, least=-1.0)
def cohen_kappa(counts: ClassCounts) -> float:
    """Agreement beyond chance, (a − e) / (1 − e) with e = Σ t_k p_k / n²; 0 if e is 1.

    Here a is the accuracy. Cohen 1960, A coefficient of agreement for nominal scales, eq. 1.
    """
    n = counts.total
    by_chance = counts.true @ counts.predicted
    if n * n - by_chance <= ROUNDING * n * n:
        return 0.0
    return float((n * counts.correct.sum() - by_chance) / (n * n - by_chance))
