"""Reference values of each metric from scikit-learn, and values where it is undefined."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve

from nnkit.metrics.metric import Metric
from nnkit.nn.params import Array

# (targets, outputs, weights, number of classes) → the metric
Oracle = Callable[[Array, Array, Array, int], float]


def _plain(function: Any, **settings: Any) -> Oracle:
    def oracle(targets: Array, answers: Array, weights: Array, classes: int) -> float:
        return float(function(targets, answers, sample_weight=weights, **settings))

    return oracle


def _averaged(function: Any, average: str) -> Oracle:
    def oracle(targets: Array, answers: Array, weights: Array, classes: int) -> float:
        kind = average
        if kind == "detector":
            kind = "binary" if classes == 2 else "macro"
        settings = {"average": kind, "zero_division": 0.0}
        return float(function(targets, answers, sample_weight=weights, **settings))

    return oracle


def _of_probabilities(function: Any) -> Oracle:
    def oracle(targets: Array, answers: Array, weights: Array, classes: int) -> float:
        return float(function(targets, answers, sample_weight=weights, labels=range(classes)))

    return oracle


def _calibration(targets: Array, answers: Array, weights: Array, classes: int) -> float:
    """Computes the calibration error from scikit-learn's curve, repeating samples by weight."""
    repeats = np.rint(weights * 4).astype(int)
    right = np.repeat(answers.argmax(axis=1) == targets, repeats)
    confidence = np.repeat(answers.max(axis=1), repeats)
    share_right, mean_confidence = calibration_curve(right, confidence, n_bins=15, pos_label=True)
    place = np.searchsorted(np.linspace(0, 1, 16)[1:-1], confidence)
    _, sizes = np.unique(place, return_counts=True)
    return float(sizes @ np.abs(share_right - mean_confidence) / len(right))


def _top(k: int) -> Oracle:
    def oracle(targets: Array, answers: Array, weights: Array, classes: int) -> float:
        scores = answers[:, 1] if classes == 2 else answers
        return float(
            sk.top_k_accuracy_score(
                targets, scores, k=k, sample_weight=weights, labels=range(classes)
            )
        )

    return oracle


def _roc_auc(targets: Array, answers: Array, weights: Array, classes: int) -> float:
    """Computes ROC AUC: scikit-learn's, or the mean over the classes that have samples."""
    present = np.unique(targets[weights > 0])
    if len(present) < 2:
        return 0.5  # scikit-learn warns and returns NaN here
    if classes == 2:
        return float(sk.roc_auc_score(targets, answers[:, 1], sample_weight=weights))
    if len(present) == classes and np.allclose(answers.sum(axis=1), 1):
        whole = sk.roc_auc_score(targets, answers, sample_weight=weights, multi_class="ovr")
        return float(whole)
    areas = [sk.roc_auc_score(targets == k, answers[:, k], sample_weight=weights) for k in present]
    return float(np.mean(areas))


def _average_precision(targets: Array, answers: Array, weights: Array, classes: int) -> float:
    looked_at = [1] if classes == 2 else range(classes)
    return float(
        np.mean(
            [
                sk.average_precision_score(targets == k, answers[:, k], sample_weight=weights)
                for k in looked_at
            ]
        )
    )


def _rmse(targets: Array, answers: Array, weights: Array, classes: int) -> float:
    return float(np.sqrt(sk.mean_squared_error(targets, answers, sample_weight=weights)))


_BY_AVERAGE = {
    "precision": sk.precision_score,
    "recall": sk.recall_score,
    "f1": sk.f1_score,
}

ORACLES: dict[str, Oracle] = {
    "accuracy": _plain(sk.accuracy_score),
    "balanced_accuracy": _plain(sk.balanced_accuracy_score),
    **{
        name + ("" if average == "detector" else f"_{average}"): _averaged(function, average)
        for name, function in _BY_AVERAGE.items()
        for average in ("detector", "macro", "micro", "weighted")
    },
    "mcc": _plain(sk.matthews_corrcoef),
    "cohen_kappa": _plain(sk.cohen_kappa_score, replace_undefined_by=0.0),
    "log_loss": _of_probabilities(sk.log_loss),
    "brier": _of_probabilities(sk.brier_score_loss),
    "expected_calibration_error": _calibration,
    **{f"top_{k}_accuracy": _top(k) for k in (2, 3, 5, 10)},
    "roc_auc": _roc_auc,
    "average_precision": _average_precision,
    "mae": _plain(sk.mean_absolute_error),
    "rmse": _rmse,
    "r2": _plain(sk.r2_score),
    "explained_variance": _plain(sk.explained_variance_score),
}


def _label_scores(function: Any, *, undefined: float | None) -> Oracle:
    """Means a score over the labels, without those that are undefined if `undefined` is given."""

    def oracle(targets: Array, answers: Array, weights: Array, classes: int) -> float:
        known = [
            k for k in range(targets.shape[1]) if undefined is None or 0 < targets[:, k].mean() < 1
        ]
        scores = [function(targets[:, k], answers[:, k], sample_weight=weights) for k in known]
        return float(np.mean(scores)) if scores else float(undefined or 0)

    return oracle


def _label_accuracy(targets: Array, answers: Array, weights: Array, classes: int) -> float:
    return 1 - float(sk.hamming_loss(targets, answers, sample_weight=weights))


LABEL_ORACLES: dict[str, Oracle] = {
    "accuracy": _label_accuracy,
    "exact_match": _plain(sk.accuracy_score),
    "hamming_loss": _plain(sk.hamming_loss),
    **{
        name + ("" if average == "mean" else f"_{average}"): _plain(
            function, average="macro" if average == "mean" else average, zero_division=0.0
        )
        for name, function in _BY_AVERAGE.items()
        for average in ("mean", "macro", "micro", "weighted")
    },
    "roc_auc": _label_scores(sk.roc_auc_score, undefined=0.5),
    "average_precision": _label_scores(sk.average_precision_score, undefined=None),
}


def expected(
    metric: Metric[Any], targets: Array, answers: Array, weights: Array, classes: int
) -> float:
    """Computes the reference; warnings concern cases defined in the metric's docstring."""
    oracles = LABEL_ORACLES if metric.kind == "labels" else ORACLES
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return oracles[metric.name](targets, answers, weights, classes)
