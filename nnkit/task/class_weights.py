"""Sample weights: those of the data times the class weights of the loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnkit.data.dataset import class_counts
from nnkit.data.lazy import LazyArray, combined, mapped
from nnkit.errors import SettingError, SettingPath
from nnkit.nn.loss import ClassLoss, Loss
from nnkit.nn.params import Array


def class_weights(
    loss: Loss, classes: Sequence[str] | None, targets: Array | LazyArray
) -> Array | None:
    """The weight of each class, (classes,); None if all classes weigh the same.

    Args:
        loss: the loss, which sets the weights.
        classes: the class names, or None for real targets.
        targets: class numbers of the training set, counted for `balanced`.

    Raises:
        SettingError: the loss names an unknown class, or the targets are not classes.
    """
    if not isinstance(loss, ClassLoss) or (loss.class_weights is None and loss.ignored is None):
        return None
    setting = "ignored" if loss.class_weights is None else "class_weights"
    if classes is None:
        raise SettingError(("loss", setting), "has no effect: the targets are real numbers")
    weights = np.ones(len(classes))
    if loss.class_weights == "balanced":
        counts = class_counts(targets, len(classes))
        # The formula of scikit-learn; classes absent from the training set get weight 0
        weights = np.where(counts > 0, len(targets) / (len(classes) * np.maximum(counts, 1)), 0.0)
    elif loss.class_weights is not None:
        for name, weight in loss.class_weights.items():
            weights[_class(name, classes, ("loss", "class_weights", name))] = weight
    if loss.ignored is not None:
        weights[_class(loss.ignored, classes, ("loss", "ignored"))] = 0.0
    return weights


def _class(name: str, classes: Sequence[str], path: SettingPath) -> int:
    if name not in classes:
        raise SettingError(path, f"unknown class '{name}'; available: {', '.join(classes)}")
    return list(classes).index(name)


def weights_of(
    targets: Array | LazyArray,
    weights: Array | LazyArray | None,
    by_class: Array | None,
    dtype: np.dtype[Any],
) -> Array | LazyArray | None:
    """The weight of each sample in the loss, (n,): its own times its class's; None if all equal."""
    if by_class is not None:
        weights = _times(mapped(lambda classes: by_class[classes], targets), weights)
    return None if weights is None else mapped(lambda found: found.astype(dtype), weights)


def counted(
    targets: Array | LazyArray,
    weights: Array | LazyArray | None,
    loss: Loss,
    classes: Sequence[str] | None,
) -> Array | LazyArray | None:
    """The weight of each sample in metrics other than the loss, (n,); None if all are equal.

    This is the sample's own weight, or 0 if the loss ignores its class. Class weights are left
    out: they are a means of training, whereas metrics describe the data.
    """
    ignored = loss.ignored if isinstance(loss, ClassLoss) else None
    if ignored is None or classes is None:
        return weights
    left_out = _class(ignored, classes, ("loss", "ignored"))
    return _times(mapped(lambda classes: classes != left_out, targets), weights)


def _times(factors: Array | LazyArray, weights: Array | LazyArray | None) -> Array | LazyArray:
    """The product of each factor with the sample's weight, which is 1 if there are none."""
    if weights is None:
        return mapped(lambda found: found * 1.0, factors)
    return combined(np.multiply, factors, weights)
