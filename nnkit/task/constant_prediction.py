"""The best prediction that ignores the inputs: the mean, or the majority class, of training."""

from __future__ import annotations

import numpy as np

from nnkit.data.dataset import Samples, chunks, class_counts
from nnkit.nn.params import Array


def constant_prediction(train: Samples, classes: int | None) -> Array:
    """The number of the most frequent class as an array (), or the mean of each target (outputs,).

    Args:
        train: the training set.
        classes: the number of classes; None for real targets.
    """
    if classes is not None:
        return np.asarray(class_counts(train.targets, classes).argmax())
    total = sum(part.sum(axis=0, dtype=np.float64) for part in chunks(train.targets))
    return np.asarray(total / len(train))
