"""Sample weights: those of the data times the class weights of the loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnkit.errors import SettingError, SettingPath
from nnkit.nn.losses import ClassLoss, Loss
from nnkit.nn.params import Array


def class_weights(loss: Loss, classes: Sequence[str] | None, targets: Array) -> Array | None:
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
        counts = np.bincount(targets, minlength=len(classes))
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
    targets: Array, weights: Array | None, by_class: Array | None, dtype: np.dtype[Any]
) -> Array | None:
    """The weight of each sample in the loss, (n,): its own times its class's; None if all equal."""
    if by_class is not None:
        weights = by_class[targets] * (1.0 if weights is None else weights)
    return None if weights is None else weights.astype(dtype)


def counted(
    targets: Array, weights: Array | None, loss: Loss, classes: Sequence[str] | None
) -> Array | None:
    """The weight of each sample in metrics other than the loss, (n,); None if all are equal.

    This is the sample's own weight, or 0 if the loss ignores its class. Class weights are left
    out: they are a means of training, whereas metrics describe the data.
    """
    ignored = loss.ignored if isinstance(loss, ClassLoss) else None
    if ignored is None or classes is None:
        return weights
    kept = targets != _class(ignored, classes, ("loss", "ignored"))
    return kept * (1.0 if weights is None else weights)
