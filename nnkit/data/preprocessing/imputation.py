"""Imputation: missing values are replaced by one that is typical of the training data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from nnkit.data.dataset import Array, Column, chunks
from nnkit.data.lazy import LazyArray
from nnkit.data.preprocessing.feature_statistics import features_of, overview
from nnkit.data.preprocessing.preprocessing_step import PreprocessingStep, Statistics, text_columns
from nnkit.errors import DataError


class EmptyColumnError(DataError):
    """A column has no values in the training data."""


class Impute(PreprocessingStep):
    """Fills missing values with the training data's mean, median or most frequent value.

    A text column is always filled with its most frequent value.
    """

    kind: Literal["impute"] = "impute"
    shorthand: ClassVar[str | None] = "strategy"
    strategy: Literal["mean", "median", "most_frequent"] = Field(
        "mean", description="The value to fill in."
    )

    def fit(self, X: Array | LazyArray, columns: Sequence[Column]) -> Statistics:
        present, total, _, _ = overview(X)
        if not present.all():
            i = int(np.argmin(present))
            name = columns[i].name if i < len(columns) else str(i)
            raise EmptyColumnError(f"column '{name}' has no values in the training data")
        fill = (total / present).reshape(-1)
        words = text_columns(columns)
        if words:
            fill[words] = _most_frequent_words(X, columns, words)
        if self.strategy != "mean":
            for i, values in features_of(X, np.setdiff1d(np.arange(fill.size), words)):
                fill[i] = _typical(values[~np.isnan(values)], self.strategy)
        return {"fill": fill.reshape(X.shape[1:])}

    def apply(self, X: Array, statistics: Statistics, columns: Sequence[Column]) -> Array:
        missing, fill = np.isnan(X), statistics["fill"]
        if missing.any():
            return np.where(missing, fill, X)
        return X.astype(np.result_type(X.dtype, fill.dtype), copy=False)


def _most_frequent_words(
    X: Array | LazyArray, columns: Sequence[Column], words: Sequence[int]
) -> list[int]:
    """The most frequent category of each of the text columns `words`, counted in one pass."""
    counts = [np.zeros(len(columns[i].categories), dtype=np.int64) for i in words]
    for part in chunks(X):
        for i, count in zip(words, counts, strict=True):
            present = part[:, i][part[:, i] >= 0].astype(np.intp)
            count += np.bincount(present, minlength=len(count))
    return [int(count.argmax()) for count in counts]


def _typical(values: Array, strategy: str) -> float:
    if strategy == "median":
        return float(np.median(values))
    distinct, counts = np.unique(values, return_counts=True)
    return float(distinct[np.argmax(counts)])
