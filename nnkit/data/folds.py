"""Folds for cross-validation: parts of equal size, each of which is held out once."""

from __future__ import annotations

import numpy as np

from nnkit.data.dataset import Array
from nnkit.random import generator


def fold_numbers(samples: int, folds: int, seed: int, strata: Array | None = None) -> Array:
    """The number of the fold, from 0, that each sample is drawn into, (n,).

    The sizes of folds, and those of each class in them, differ by at most one sample.

    Args:
        samples: the number of samples n.
        folds: the number of folds.
        seed: seed of the draw.
        strata: class numbers (n,); None for other targets.
    """
    shuffled = generator(seed, "folds").permutation(samples)
    if strata is not None:
        shuffled = shuffled[np.argsort(strata[shuffled], kind="stable")]
    numbers = np.empty(samples, dtype=np.int64)
    numbers[shuffled] = np.arange(samples) % folds
    return numbers
