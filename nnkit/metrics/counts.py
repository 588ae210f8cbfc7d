"""Metrics of decisions, from counts: how often each class was meant, was answered, and was both.

Where a share has nothing to be a share of (a class never answered has no precision, one that does
not occur no recall), it is 0; classes of which there is neither target nor answer are left out of
means. With t_k, p_k and c_k the weights of the samples that are of class k, are said to be, and
both, and n that of all samples:

    precision  P_k = c_k / p_k
    recall     R_k = c_k / t_k
    F1         F_k = 2 c_k / (p_k + t_k), the harmonic mean of the two

Sokolova & Lapalme 2009, A systematic analysis of performance measures for classification tasks.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from nnkit.metrics.base import Answer, Array, Statistic, metric, ratio, share

ROUNDING = 1e-13  # of n²: a spread below it is that of one class alone, and rounding


class ClassCounts(Statistic):
    """Weights by class: all that these metrics need of a confusion matrix, in three rows of it.

    Attributes:
        meant: t (classes,), of the targets.
        answered: p (classes,), of the answers.
        right: c (classes,), of the right answers.
    """

    takes: ClassVar[Answer] = "decisions"

    def __init__(self, width: int) -> None:
        self.meant, self.answered, self.right = np.zeros((3, width))

    def add(self, targets: Array, answers: Array, weights: Array) -> None:
        hit = targets == answers
        classes = len(self.meant)
        self.meant += np.bincount(targets, weights, classes)
        self.answered += np.bincount(answers, weights, classes)
        self.right += np.bincount(targets[hit], weights[hit], classes)

    @property
    def total(self) -> float:
        """The weight n of all samples."""
        return float(self.meant.sum())

    @property
    def occurring(self) -> Array:
        """Which classes (classes,) are meant or answered at all."""
        return (self.meant + self.answered) > 0


class Confusion(Statistic):
    """The weight of each pair of target and answer that occurs.

    Attributes:
        classes: how many there are.
        pairs: target × classes + answer, of those that occur, in order.
        weights: of these.
    """

    takes: ClassVar[Answer] = "decisions"

    def __init__(self, width: int) -> None:
        self.classes = width
        self.pairs: Array = np.empty(0, dtype=np.int64)
        self.weights: Array = np.empty(0)

    def add(self, targets: Array, answers: Array, weights: Array) -> None:
        pairs = np.concatenate([self.pairs, targets * self.classes + answers])
        weights = np.concatenate([self.weights, weights])
        self.pairs, place = np.unique(pairs, return_inverse=True)
        self.weights = np.bincount(place, weights)

    def matrix(self) -> Array:
        """(classes, classes): a row a target, a column an answer."""
        matrix = np.zeros(self.classes**2)
        matrix[self.pairs] = self.weights
        return matrix.reshape(self.classes, self.classes)

    def mistakes(self) -> list[tuple[int, int, float]]:
        """Target, wrong answer and how much it weighs, the most frequent first."""
        targets, answers = np.divmod(self.pairs, self.classes)
        heaviest = np.argsort(-self.weights, kind="stable")
        return [
            (int(targets[i]), int(answers[i]), float(self.weights[i]))
            for i in heaviest
            if targets[i] != answers[i] and self.weights[i] > 0
        ]


def precisions(counts: ClassCounts) -> Array:
    """P_k (classes,)."""
    return ratio(counts.right, counts.answered)


def recalls(counts: ClassCounts) -> Array:
    """R_k (classes,)."""
    return ratio(counts.right, counts.meant)


def f1s(counts: ClassCounts) -> Array:
    """F_k (classes,)."""
    return ratio(2 * counts.right, counts.meant + counts.answered)


def macro(by_class: Array, counts: ClassCounts) -> float:
    """The mean over the classes that occur, all alike; 0 if none does."""
    return float(by_class[counts.occurring].mean()) if counts.occurring.any() else 0.0


def weighted(by_class: Array, counts: ClassCounts) -> float:
    """The mean over classes by how often each is meant, Σ t_k x_k / n."""
    return share(float(by_class @ counts.meant), counts.total)


def micro(counts: ClassCounts) -> float:
    """Σ c_k / n, to which precision, recall and F1 over all decisions together come alike."""
    return share(counts.right.sum(), counts.total)


def detector(by_class: Array, counts: ClassCounts) -> float:
    """That of the second of two classes, taken as the one to detect; of more, the macro mean."""
    return float(by_class[1]) if len(by_class) == 2 else macro(by_class, counts)


@metric(ClassCounts, higher_is_better=True)
def accuracy(counts: ClassCounts) -> float:
    """Share of right answers, Σ c_k / n; 0 without samples."""
    return micro(counts)


@metric(ClassCounts, higher_is_better=True)
def balanced_accuracy(counts: ClassCounts) -> float:
    """Mean recall over the classes that are meant; 0 without samples.

    Brodersen et al. 2010, The balanced accuracy and its posterior distribution.
    """
    meant = counts.meant > 0
    return float(recalls(counts)[meant].mean()) if meant.any() else 0.0


@metric(ClassCounts, higher_is_better=True)
def precision(counts: ClassCounts) -> float:
    """P of the second of two classes; of more than two, the mean as in precision_macro."""
    return detector(precisions(counts), counts)


@metric(ClassCounts, higher_is_better=True)
def precision_macro(counts: ClassCounts) -> float:
    """Mean of P_k over the classes that occur."""
    return macro(precisions(counts), counts)


@metric(ClassCounts, higher_is_better=True)
def precision_micro(counts: ClassCounts) -> float:
    """P over all decisions together, Σ c_k / Σ p_k: the accuracy."""
    return micro(counts)


@metric(ClassCounts, higher_is_better=True)
def precision_weighted(counts: ClassCounts) -> float:
    """Mean of P_k by how often each class is meant."""
    return weighted(precisions(counts), counts)


@metric(ClassCounts, higher_is_better=True)
def recall(counts: ClassCounts) -> float:
    """R of the second of two classes; of more than two, the mean as in recall_macro."""
    return detector(recalls(counts), counts)


@metric(ClassCounts, higher_is_better=True)
def recall_macro(counts: ClassCounts) -> float:
    """Mean of R_k over the classes that occur."""
    return macro(recalls(counts), counts)


@metric(ClassCounts, higher_is_better=True)
def recall_micro(counts: ClassCounts) -> float:
    """R over all decisions together, Σ c_k / Σ t_k: the accuracy."""
    return micro(counts)


@metric(ClassCounts, higher_is_better=True)
def recall_weighted(counts: ClassCounts) -> float:
    """Mean of R_k by how often each class is meant: the accuracy."""
    return weighted(recalls(counts), counts)


@metric(ClassCounts, higher_is_better=True)
def f1(counts: ClassCounts) -> float:
    """F1 of the second of two classes; of more than two, the mean as in f1_macro."""
    return detector(f1s(counts), counts)


@metric(ClassCounts, higher_is_better=True)
def f1_macro(counts: ClassCounts) -> float:
    """Mean of F_k over the classes that occur (not the F1 of mean precision and recall).

    Opitz & Burst 2019, Macro F1 and macro F1, on the two that go by this name.
    """
    return macro(f1s(counts), counts)


@metric(ClassCounts, higher_is_better=True)
def f1_micro(counts: ClassCounts) -> float:
    """F1 over all decisions together, 2 Σ c_k / Σ (p_k + t_k): the accuracy."""
    return micro(counts)


@metric(ClassCounts, higher_is_better=True)
def f1_weighted(counts: ClassCounts) -> float:
    """Mean of F_k by how often each class is meant."""
    return weighted(f1s(counts), counts)


@metric(ClassCounts, higher_is_better=True)
def mcc(counts: ClassCounts) -> float:
    """Matthews correlation of targets and answers, from −1 to 1; 0 where either is constant.

    (n Σ c_k − Σ t_k p_k) / √((n² − Σ p_k²) (n² − Σ t_k²)): Gorodkin 2004, Comparing two K-category
    assignments by a K-category correlation coefficient, eq. 8; for two classes Matthews 1975.
    """
    n, t, p = counts.total, counts.meant, counts.answered
    spread_t, spread_p = n * n - t @ t, n * n - p @ p
    if min(spread_t, spread_p) <= ROUNDING * n * n:
        return 0.0
    return float((n * counts.right.sum() - t @ p) / np.sqrt(spread_t * spread_p))


@metric(ClassCounts, higher_is_better=True)
def cohen_kappa(counts: ClassCounts) -> float:
    """Agreement beyond chance, (a − e) / (1 − e) with e = Σ t_k p_k / n²; 0 where e is 1.

    a is the accuracy. Cohen 1960, A coefficient of agreement for nominal scales, eq. 1.
    """
    n = counts.total
    by_chance = counts.meant @ counts.answered
    if n * n - by_chance <= ROUNDING * n * n:
        return 0.0
    return float((n * counts.right.sum() - by_chance) / (n * n - by_chance))
