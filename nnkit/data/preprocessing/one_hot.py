"""One-hot encoding of text columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic import Field

from nnkit.data.dataset import Array, Column
from nnkit.data.lazy import LazyArray
from nnkit.data.preprocessing.preprocessing_step import PreprocessingStep, Statistics
from nnkit.data.tables.conversion import UnknownWords
from nnkit.errors import DataError


class OneHot(PreprocessingStep):
    """Encodes each text column as one column per value: 1 for rows with that value, else 0.

    A missing value stays missing in all of them.
    """

    kind: Literal["one_hot"] = "one_hot"
    unknown: UnknownWords = Field(
        "error",
        description="In prediction, a value that is in no row of the training table: an error, or "
        "0 in all columns, with a warning.",
    )

    def fit(self, X: Array | LazyArray, columns: Sequence[Column]) -> Statistics:
        if not any(column.categories for column in columns):
            raise DataError("this data has no text columns; remove this step")
        return {}

    def apply(self, X: Array, statistics: Statistics, columns: Sequence[Column]) -> Array:
        widths = [max(len(column.categories), 1) for column in columns]
        encoded = np.zeros((len(X), sum(widths)))
        first = 0
        for values, column, width in zip(X.T, columns, widths, strict=True):
            own = encoded[:, first : first + width]
            if column.categories:
                _encode_one_hot(values, own)
            else:
                own[:, 0] = values
            first += width
        return encoded

    def columns_after(self, columns: Sequence[Column]) -> tuple[Column, ...]:
        return tuple(
            Column(name)
            for column in columns
            for name in ([f"{column.name}={w}" for w in column.categories] or [column.name])
        )


def _encode_one_hot(numbers: Array, out: Array) -> None:
    """One-hot encodes numbers (n,) as rows of `out` (n, count) of zeros; NaN as a row of NaN.

    A number that is not among 0, 1, …, count - 1 is a row of zeros.
    """
    is_known = (numbers >= 0) & (numbers < out.shape[1]) & (numbers == np.trunc(numbers))
    rows = np.flatnonzero(is_known)
    out[rows, numbers[rows].astype(np.intp)] = 1
    out[np.isnan(numbers)] = np.nan


def unknown_words(steps: Sequence[PreprocessingStep]) -> UnknownWords:
    """Whether steps make an error of words that are in no row of the training table."""
    ignored = any(isinstance(step, OneHot) and step.unknown == "ignore" for step in steps)
    return "ignore" if ignored else "error"
