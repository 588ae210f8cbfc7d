"""The best prediction that ignores the inputs: the mean or the most frequent value in training."""

from __future__ import annotations

import numpy as np

from nnkit.nn.params import Array
from nnkit.task.targets import ClassTargets, SequenceTargets, Targets

PART = 1 << 16  # targets looked at at a time


def constant_prediction(train: Targets) -> Array:
    """Predicts without inputs, from the training targets alone.

    Returns:
        The most frequent class () of samples or positions, the more frequent value of each label
        (labels,), or the mean of each target (outputs,).
    """
    parts = (train[start : start + PART] for start in range(0, len(train), PART))
    if isinstance(train, ClassTargets | SequenceTargets):
        classes = train.classes if isinstance(train, ClassTargets) else len(train.names)
        counts = np.zeros(classes)
        for part in parts:
            counts += np.bincount(part, minlength=classes)
        return np.asarray(counts.argmax())
    mean = sum(part.sum(axis=0, dtype=np.float64) for part in parts) / len(train)
    return np.asarray((mean > 0.5).astype(np.int64) if train.kind == "labels" else mean)
