"""Preprocessing steps: fitted on training data alone, saved with the model, applied alike ever after."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np

from nnkit.config.base import Component, Positive, Tagged
from nnkit.data.dataset import Array, Column, chunks
from nnkit.errors import DataError, SettingError

Statistics = Mapping[str, Array]


class Step(Component):
    """One preprocessing step over inputs (n, *shape)."""

    def fit(self, X: Array, columns: Sequence[Column]) -> Statistics:
        """What it must know of the training data, as named arrays.

        Args:
            X: training inputs (n, *shape), as the steps before this one leave them.
            columns: what they are, for a table; else empty.

        Raises:
            DataError: the step can't be applied to such data.
        """
        return {}

    @abstractmethod
    def apply(self, X: Array, statistics: Statistics, columns: Sequence[Column]) -> Array:
        """The inputs transformed; X itself is left as it is."""

    def columns_after(self, columns: Sequence[Column]) -> tuple[Column, ...]:
        """The columns of a table after this step."""
        return tuple(columns)


class Scale(Step):
    """Divides by a constant: grey values 0 … 255 become 0 … 1."""

    kind: Literal["scale"] = "scale"
    shorthand: ClassVar[str | None] = "by"
    by: Positive = 255.0

    def apply(self, X: Array, statistics: Statistics, columns: Sequence[Column]) -> Array:
        return np.multiply(X, _real(X).type(1 / self.by), dtype=_real(X))


class MinMax(Step):
    """Maps each feature's training range to 0 … 1; a feature that never changes becomes 0."""

    kind: Literal["minmax"] = "minmax"

    def fit(self, X: Array, columns: Sequence[Column]) -> Statistics:
        low = np.nanmin(X, axis=0).astype(np.float64)
        return {"low": low, "range": np.nanmax(X, axis=0).astype(np.float64) - low}

    def apply(self, X: Array, statistics: Statistics, columns: Sequence[Column]) -> Array:
        return _affine(X, statistics["low"], statistics["range"])


class Standardize(Step):
    """Gives each feature mean 0 and variance 1 over the training data; a constant one becomes 0."""

    kind: Literal["standardize"] = "standardize"

    def fit(self, X: Array, columns: Sequence[Column]) -> Statistics:
        # By parts, and in float64 whatever the type, so that a memory-mapped file stays on disk.
        present = sum(np.isfinite(part).sum(axis=0) for part in chunks(X))
        count = np.maximum(present, 1)
        mean = sum(np.nansum(part, axis=0, dtype=np.float64) for part in chunks(X)) / count
        square = sum(np.nansum((part - mean) ** 2, axis=0) for part in chunks(X))
        return {"mean": np.asarray(mean), "deviation": np.sqrt(square / count)}

    def apply(self, X: Array, statistics: Statistics, columns: Sequence[Column]) -> Array:
        return _affine(X, statistics["mean"], statistics["deviation"])


class OneHot(Step):
    """Turns each column of words into one column a word, 1 where it is that word."""

    kind: Literal["one_hot"] = "one_hot"

    def fit(self, X: Array, columns: Sequence[Column]) -> Statistics:
        if not any(column.categories for column in columns):
            raise DataError("one_hot: there is no column of words in this data")
        return {}

    def apply(self, X: Array, statistics: Statistics, columns: Sequence[Column]) -> Array:
        parts = [
            np.equal(X[:, i : i + 1], np.arange(len(column.categories))).astype(np.float64)
            if column.categories
            else X[:, i : i + 1]
            for i, column in enumerate(columns)
        ]
        return np.concatenate(parts, axis=1)

    def columns_after(self, columns: Sequence[Column]) -> tuple[Column, ...]:
        return tuple(
            Column(name)
            for column in columns
            for name in ([f"{column.name}={w}" for w in column.categories] or [column.name])
        )


class Impute(Step):
    """Fills missing values with the training data's mean, median or most frequent value.

    A column of words is always filled with its most frequent one.
    """

    kind: Literal["impute"] = "impute"
    shorthand: ClassVar[str | None] = "strategy"
    strategy: Literal["mean", "median", "most_frequent"] = "mean"

    def fit(self, X: Array, columns: Sequence[Column]) -> Statistics:
        table = np.asarray(X, dtype=np.float64).reshape(len(X), -1)
        fill = np.empty(table.shape[1])
        for i in range(table.shape[1]):
            present = table[~np.isnan(table[:, i]), i]
            name = columns[i].name if i < len(columns) else str(i)
            if not len(present):
                raise DataError(f"impute: column '{name}' has no value in the training data")
            words = i < len(columns) and columns[i].categories
            fill[i] = _typical(present, "most_frequent" if words else self.strategy)
        return {"fill": fill.reshape(X.shape[1:])}

    def apply(self, X: Array, statistics: Statistics, columns: Sequence[Column]) -> Array:
        return np.where(np.isnan(X), statistics["fill"], X)


AnyStep = Annotated[Scale | MinMax | Standardize | OneHot | Impute, Tagged()]


def _typical(values: Array, strategy: str) -> float:
    if strategy == "mean":
        return float(values.mean())
    if strategy == "median":
        return float(np.median(values))
    distinct, counts = np.unique(values, return_counts=True)
    return float(distinct[np.argmax(counts)])


def _real(X: Array) -> np.dtype[Any]:
    """The type to compute in: float64 for tables, float32 for what is stored in few bytes."""
    return np.dtype(np.float64 if X.dtype.itemsize == 8 else np.float32)


def _affine(X: Array, shift: Array, scale: Array) -> Array:
    dtype = _real(X)
    divisor = np.where(scale > 0, scale, 1.0)
    shifted = np.subtract(X, shift, dtype=dtype, casting="unsafe")
    return np.divide(shifted, divisor.astype(dtype), out=shifted)


@dataclass(frozen=True, slots=True)
class Preprocessor:
    """Fitted steps: everything between a raw sample and the network's input.

    Attributes:
        steps: the steps in order.
        statistics: what each was fitted with.
        columns: the raw table's columns; empty for other data.
    """

    steps: tuple[Step, ...]
    statistics: tuple[Statistics, ...]
    columns: tuple[Column, ...]

    @classmethod
    def fit(cls, steps: Sequence[Step], X: Array, columns: Sequence[Column]) -> Preprocessor:
        """Fits every step on the training inputs X (n, *shape).

        Raises:
            SettingError: a step does not fit such data.
            DataError: words or missing values would be left; says which step mends it.
        """
        fitted: list[Statistics] = []
        now = tuple(columns)
        for i, step in enumerate(steps):
            try:
                fitted.append(step.fit(X, now))
            except DataError as error:
                raise SettingError(("data", "preprocess", i), str(error)) from None
            if i + 1 < len(steps):
                X = step.apply(X, fitted[-1], now)
            now = step.columns_after(now)
        words = [column.name for column in now if column.categories]
        if words:
            raise DataError(
                f"column '{words[0]}' holds words; add 'one_hot' to data.preprocess "
                "(before any scaling), or leave it out with data.source.ignore"
            )
        return cls(tuple(steps), tuple(fitted), tuple(columns))

    def __call__(self, X: Array, dtype: np.dtype[Any]) -> Array:
        """The network's inputs (n, *shape after all steps), of the given type.

        Raises:
            DataError: a missing value is left.
        """
        columns = self.columns
        for step, statistics in zip(self.steps, self.statistics, strict=True):
            X = step.apply(X, statistics, columns)
            columns = step.columns_after(columns)
        X = np.ascontiguousarray(X, dtype=dtype)
        if self.columns and np.isnan(X).any():
            sample, *position = (int(i) for i in np.argwhere(np.isnan(X))[0])
            name = columns[position[0]].name if position else "?"
            raise DataError(
                f"column '{name}' has a missing value (sample {sample}); "
                "add 'impute' to data.preprocess, before the steps that compute with it"
            )
        return X

    @property
    def output_columns(self) -> tuple[Column, ...]:
        """The columns after all steps."""
        columns = self.columns
        for step in self.steps:
            columns = step.columns_after(columns)
        return columns
