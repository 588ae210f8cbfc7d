"""Preprocessing steps that scale features: by a constant, to a range, to mean 0 and variance 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np

from nnkit.config.spec import Positive
from nnkit.data.dataset import Array, Column, chunks
from nnkit.data.lazy import LazyArray, Store
from nnkit.data.preprocessing.feature_statistics import overview, sum_of_present
from nnkit.data.preprocessing.preprocessing_step import PreprocessingStep, Statistics, text_columns


class Rescale(PreprocessingStep):
    """Divides by a constant: grey values 0 … 255 become 0 … 1. Text columns stay as they are."""

    kind: Literal["scale"] = "scale"
    shorthand: ClassVar[str | None] = "by"
    by: Positive = 255.0

    def apply(self, X: Array, statistics: Statistics, columns: Sequence[Column]) -> Array:
        scaled: Array = np.multiply(X, real_type(X).type(1 / self.by), dtype=real_type(X))
        words = text_columns(columns)
        if words:
            scaled[:, words] = X[:, words]
        return scaled

    def apply_in_place(self, X: Array, statistics: Statistics) -> None:
        np.multiply(X, X.dtype.type(1 / self.by), out=X)


class MinMax(PreprocessingStep):
    """Maps each feature's training range to 0 … 1; one that is constant there is always 0.

    Text columns stay as they are.
    """

    kind: Literal["minmax"] = "minmax"

    def fit(self, X: Array | LazyArray, columns: Sequence[Column]) -> Statistics:
        _, _, low, high = overview(X)
        words = text_columns(columns)
        low[words], high[words] = 0, 1
        return {"low": low, "range": high - low}

    def apply(self, X: Array, statistics: Statistics, columns: Sequence[Column]) -> Array:
        return _affine(X, statistics["low"], statistics["range"])

    def apply_in_place(self, X: Array, statistics: Statistics) -> None:
        _affine(X, statistics["low"], statistics["range"], out=X)


class Standardize(PreprocessingStep):
    """Gives each feature mean 0 and variance 1 over the training data.

    A feature that is constant there is always 0, whatever its value in a prediction. With `per:
    all`, all features share one mean and one variance, which preserves the appearance of images.
    Text columns stay as they are.
    """

    kind: Literal["standardize"] = "standardize"
    shorthand: ClassVar[str | None] = "per"
    per: Literal["feature", "all"] = "feature"

    def fit(self, X: Array | LazyArray, columns: Sequence[Column]) -> Statistics:
        # In chunks, so that a memory-mapped file stays on disk, and always in float64.
        words = text_columns(columns)
        present, total, low, high = overview(X)
        count = np.maximum(present, 1)
        mean = total / count
        square = sum(
            (sum_of_present(np.square(part - mean)) for part in chunks(X)), np.zeros(X.shape[1:])
        )
        if self.per == "all":
            count[words], square[words] = 0, 0
            numbers = max(float(np.sum(count)), 1.0)
            centre = float(np.sum(mean * count)) / numbers
            spread = np.sum(square + count * (mean - centre) ** 2) / numbers
            mean, deviation = np.full_like(mean, centre), np.full_like(mean, np.sqrt(spread))
            mean[words], deviation[words] = 0, 1
            return {"mean": mean, "deviation": deviation}
        # The mean of many 0.1s is not exactly 0.1; scaling must not amplify the difference to 1.
        constant = low == high
        mean = np.where(constant, low, mean)
        deviation = np.where(constant, 0.0, np.sqrt(square / count))
        mean[words], deviation[words] = 0, 1
        return {"mean": mean, "deviation": deviation}

    def apply(self, X: Array, statistics: Statistics, columns: Sequence[Column]) -> Array:
        return _affine(X, statistics["mean"], statistics["deviation"])

    def apply_in_place(self, X: Array, statistics: Statistics) -> None:
        _affine(X, statistics["mean"], statistics["deviation"], out=X)


def _affine(X: Array, shift: Array, scale: Array, out: Array | None = None) -> Array:
    """Computes (X − shift) / scale, and 0 for the features that were constant in training.

    Nothing was learned about another value of such a feature, so it must not change a prediction.
    """
    dtype = real_type(X)
    divisor = np.where(scale > 0, scale, np.inf)
    # Converted beforehand, because the subtraction would convert it anew for each sample.
    shifted = np.subtract(X, shift.astype(dtype), out=out, dtype=dtype, casting="unsafe")
    return np.divide(shifted, divisor.astype(dtype), out=shifted)


def real_type(X: Array | Store) -> np.dtype[Any]:
    """The type for computations: float32 if it represents every value of X, else float64."""
    return np.result_type(X.dtype, np.float32)
