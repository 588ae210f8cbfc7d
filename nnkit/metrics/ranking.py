"""Ranking metrics: classes or samples ranked by score."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from nnkit.metrics.metric import Array, PredictionForm, Statistic, metric, ratio, share


class TrueClassRanks(Statistic):
    """Counts of the rank of the true class by score.

    Among equal scores the higher class number ranks first, as in scikit-learn.

    Attributes:
        by_rank: Σ w of the samples whose true class has that rank, (classes,).
    """

    takes: ClassVar[PredictionForm] = "scores"

    def __init__(self, width: int) -> None:
        self.by_rank = np.zeros(width)

    def add(self, targets: Array, predictions: Array, weights: Array) -> None:
        own = np.take_along_axis(predictions, targets[:, None], axis=1)
        later = np.arange(predictions.shape[1]) > targets[:, None]
        ranks = ((predictions > own) | ((predictions == own) & later)).sum(axis=1)
        self.by_rank += np.bincount(ranks, weights, len(self.by_rank))

    def top(self, k: int) -> float:
        """The fraction of samples whose true class is among the k highest scores."""
        return share(self.by_rank[:k].sum(), self.by_rank.sum())


@metric(TrueClassRanks, higher_is_better=True)
def top_2_accuracy(ranks: TrueClassRanks) -> float:
    """Fraction of samples whose true class is among the 2 highest scores."""
    return ranks.top(2)


@metric(TrueClassRanks, higher_is_better=True)
def top_3_accuracy(ranks: TrueClassRanks) -> float:
    """Fraction of samples whose true class is among the 3 highest scores."""
    return ranks.top(3)


@metric(TrueClassRanks, higher_is_better=True)
def top_5_accuracy(ranks: TrueClassRanks) -> float:
    """Fraction of samples whose true class is among the 5 highest scores."""
    return ranks.top(5)


@metric(TrueClassRanks, higher_is_better=True)
def top_10_accuracy(ranks: TrueClassRanks) -> float:
    """Fraction of samples whose true class is among the 10 highest scores."""
    return ranks.top(10)


class Scores(Statistic):
    """All scores of all samples, because a ranking needs the whole set."""

    takes: ClassVar[PredictionForm] = "scores"

    def __init__(self, width: int) -> None:
        self.classes = width
        self.parts: list[tuple[Array, Array, Array]] = []

    def add(self, targets: Array, predictions: Array, weights: Array) -> None:
        self.parts.append((targets, predictions, weights))

    def curves(self) -> dict[int, tuple[Array, Array]]:
        """Weights of positive and negative samples by decreasing score, for each class.

        Both have shape (distinct scores,). For two classes only the second is included: the first
        mirrors it.
        """
        targets, scores, weights = map(np.concatenate, zip(*self.parts, strict=True))
        looked_at = (1,) if self.classes == 2 else range(self.classes)
        return {k: weights_by_score(targets == k, scores[:, k], weights) for k in looked_at}


def weights_by_score(positive: Array, scores: Array, weights: Array) -> tuple[Array, Array]:
    """Weights of positive and negative samples by decreasing score, (distinct scores,).

    Args:
        positive: whether each sample is positive, (n,).
        scores: scores, larger for samples that are likelier to be positive, (n,).
        weights: sample weights, (n,).
    """
    order = np.argsort(-scores, kind="stable")
    changes = np.diff(scores[order], prepend=np.inf) != 0
    place = np.cumsum(changes) - 1
    weights, positive = weights[order], positive[order]
    return np.bincount(place, weights * positive), np.bincount(place, weights * ~positive)


def area_under_roc(own: Array, others: Array) -> float | None:
    """The area under the ROC curve, ties counted half; None without positives or negatives.

    Args:
        own: weights of the positive samples by decreasing score, (distinct scores,).
        others: weights of the negative samples, (distinct scores,).
    """
    if own.sum() == 0 or others.sum() == 0:
        return None
    return float((others * (np.cumsum(own) - own / 2)).sum() / (own.sum() * others.sum()))


def precision_over_thresholds(own: Array, others: Array) -> float:
    """The average precision, Σ (R_i − R_{i−1}) P_i over the thresholds i; 0 without positives.

    Args:
        own: weights of the positive samples by decreasing score, (distinct scores,).
        others: weights of the negative samples, (distinct scores,).
    """
    found = np.cumsum(own)
    precision = ratio(found, found + np.cumsum(others))
    return share(float(precision @ own), own.sum())


@metric(Scores, higher_is_better=True)
def roc_auc(scores: Scores) -> float:
    """Probability that a random positive sample scores higher than a negative one; ties count ½.

    For two classes the second is positive; for more, the mean over the classes one against the
    rest, without those that have no positive or no negative sample; 0.5 if none is left. Hanley &
    McNeil 1982, The meaning and use of the area under a receiver operating characteristic (ROC)
    curve.
    """
    areas = [area_under_roc(own, others) for own, others in scores.curves().values()]
    known = [area for area in areas if area is not None]
    return float(np.mean(known)) if known else 0.5


@metric(Scores, higher_is_better=True)
def average_precision(scores: Scores) -> float:
    """Σ (R_i − R_{i−1}) P_i over the thresholds i, with precision P and recall R at each.

    For two classes the second is positive; for more, the mean over the classes one against the
    rest. It is 0 for a class without samples. Manning, Raghavan & Schütze 2008, Introduction to
    information retrieval, § 8.4.
    """
    return float(np.mean([precision_over_thresholds(*c) for c in scores.curves().values()]))
