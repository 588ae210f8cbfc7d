"""Preprocessing, fitted on the training data only and saved with the model."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from nnkit.config.spec import Component, Positive, Tagged
from nnkit.data.dataset import Array, Column, chunks
from nnkit.data.lazy import IN_MEMORY, LazyArray, Store, lazy
from nnkit.data.tables.conversion import UnknownWords
from nnkit.errors import DataError, SettingError

Statistics = Mapping[str, Array]
AT_ONCE = 1 << 18  # values that are transformed at a time
IN_CACHE = 1 << 16  # values that are transformed at a time in place
FEATURES_AT_ONCE = 1 << 24  # values, for statistics that need all values of a feature at once


class PreprocessingStep(Component):
    """A preprocessing step, applied to inputs (n, *shape)."""

    def fit(self, X: Array | LazyArray, columns: Sequence[Column]) -> Statistics:
        """Computes the statistics of the training data that the step needs, as named arrays.

        Args:
            X: training inputs (n, *shape), after the preceding steps.
            columns: the columns of a table; empty for other data.

        Raises:
            DataError: the step cannot be applied to the data.
        """
        return {}

    @abstractmethod
    def apply(self, X: Array, statistics: Statistics, columns: Sequence[Column]) -> Array:
        """Returns the transformed inputs; X is not changed."""

    @property
    def works_in_place(self) -> bool:
        """Whether the step has an `apply_in_place`."""
        return type(self).apply_in_place is not PreprocessingStep.apply_in_place

    def apply_in_place(self, X: Array, statistics: Statistics) -> None:
        """Does to real inputs X in place what `apply` does to those that are not of a table."""
        raise NotImplementedError(f"'{self.tag()}' needs other memory for its results")

    def columns_after(self, columns: Sequence[Column]) -> tuple[Column, ...]:
        """The columns of a table after this step."""
        return tuple(columns)


class Rescale(PreprocessingStep):
    """Divides by a constant: grey values 0 … 255 become 0 … 1. Text columns stay as they are."""

    kind: Literal["scale"] = "scale"
    shorthand: ClassVar[str | None] = "by"
    by: Positive = 255.0

    def apply(self, X: Array, statistics: Statistics, columns: Sequence[Column]) -> Array:
        scaled: Array = np.multiply(X, _real(X).type(1 / self.by), dtype=_real(X))
        words = _text_columns(columns)
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
        _, _, low, high = _overview(X)
        words = _text_columns(columns)
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
        words = _text_columns(columns)
        present, total, low, high = _overview(X)
        count = np.maximum(present, 1)
        mean = total / count
        square = sum((_sum(np.square(part - mean)) for part in chunks(X)), np.zeros(X.shape[1:]))
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


class EmptyColumnError(DataError):
    """A column has no values in the training data."""


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
        present, total, _, _ = _overview(X)
        if not present.all():
            i = int(np.argmin(present))
            name = columns[i].name if i < len(columns) else str(i)
            raise EmptyColumnError(f"column '{name}' has no values in the training data")
        fill = (total / present).reshape(-1)
        words = _text_columns(columns)
        if words:
            fill[words] = _most_frequent_words(X, columns, words)
        if self.strategy != "mean":
            for i, values in _features(X, np.setdiff1d(np.arange(fill.size), words)):
                fill[i] = _typical(values[~np.isnan(values)], self.strategy)
        return {"fill": fill.reshape(X.shape[1:])}

    def apply(self, X: Array, statistics: Statistics, columns: Sequence[Column]) -> Array:
        missing, fill = np.isnan(X), statistics["fill"]
        if missing.any():
            return np.where(missing, fill, X)
        return X.astype(np.result_type(X.dtype, fill.dtype), copy=False)


def unknown_words(steps: Sequence[PreprocessingStep]) -> UnknownWords:
    """Whether steps make an error of words that are in no row of the training table."""
    ignored = any(isinstance(step, OneHot) and step.unknown == "ignore" for step in steps)
    return "ignore" if ignored else "error"


def _text_columns(columns: Sequence[Column]) -> list[int]:
    return [i for i, column in enumerate(columns) if column.categories]


AnyStep = Annotated[Rescale | MinMax | Standardize | OneHot | Impute, Tagged()]


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


def _encode_one_hot(numbers: Array, out: Array) -> None:
    """One-hot encodes numbers (n,) as rows of `out` (n, count) of zeros; NaN as a row of NaN.

    A number that is not among 0, 1, …, count - 1 is a row of zeros.
    """
    is_known = (numbers >= 0) & (numbers < out.shape[1]) & (numbers == np.trunc(numbers))
    rows = np.flatnonzero(is_known)
    out[rows, numbers[rows].astype(np.intp)] = 1
    out[np.isnan(numbers)] = np.nan


def _features(X: Array | LazyArray, wanted: Array) -> Iterator[tuple[int, Array]]:
    """Yields the index and the values (n,), as float64, of each wanted feature.

    Few features are in memory at a time, and each time all samples are read.
    """
    at_once = max(1, FEATURES_AT_ONCE // len(X))
    for first in range(0, len(wanted), at_once):
        group = wanted[first : first + at_once]
        table = np.empty((len(group), len(X)))
        start = 0
        for part in chunks(X):
            table[:, start : start + len(part)] = part.reshape(len(part), -1)[:, group].T
            start += len(part)
        yield from zip(group.tolist(), table, strict=True)


def _overview(X: Array | LazyArray) -> tuple[Array, Array, Array, Array]:
    """The number of finite values of each feature, their sum, the minimum and the maximum.

    Missing values are ignored. The samples are read once.
    """
    shape = X.shape[1:]
    present, total = np.zeros(shape, dtype=np.int64), np.zeros(shape)
    low, high = np.full(shape, np.nan), np.full(shape, np.nan)
    for part in chunks(X):
        own = part.sum(axis=0, dtype=np.float64)
        if np.isfinite(own).all():  # then every value is finite
            present += len(part)
            total += own
        else:
            present += np.isfinite(part).sum(axis=0)
            total += np.nansum(part, axis=0, dtype=np.float64)
        low, high = np.fmin(low, np.fmin.reduce(part)), np.fmax(high, np.fmax.reduce(part))
    return present, total, low, high


def _sum(X: Array) -> Array:
    """The sum of each feature, ignoring missing values, in float64."""
    total: Array = X.sum(axis=0, dtype=np.float64)
    return np.asarray(np.nansum(X, axis=0, dtype=np.float64)) if np.isnan(total).any() else total


def _real(X: Array | Store) -> np.dtype[Any]:
    """The type for computations: float32 if it represents every value of X, else float64."""
    return np.result_type(X.dtype, np.float32)


def _affine(X: Array, shift: Array, scale: Array, out: Array | None = None) -> Array:
    """Computes (X − shift) / scale, and 0 for the features that were constant in training.

    Nothing was learned about another value of such a feature, so it must not change a prediction.
    """
    dtype = _real(X)
    divisor = np.where(scale > 0, scale, np.inf)
    # Converted beforehand, because the subtraction would convert it anew for each sample.
    shifted = np.subtract(X, shift.astype(dtype), out=out, dtype=dtype, casting="unsafe")
    return np.divide(shifted, divisor.astype(dtype), out=shifted)


def _applied(
    step: PreprocessingStep, X: Array | LazyArray, statistics: Statistics, columns: Sequence[Column]
) -> Array | LazyArray:
    if isinstance(X, LazyArray):
        return X.then(partial(step.apply, statistics=statistics, columns=columns))
    return step.apply(X, statistics, columns)


@dataclass(frozen=True, slots=True)
class Preprocessor:
    """Fitted preprocessing steps, which convert raw samples to network inputs.

    Attributes:
        steps: the steps in order.
        statistics: the fitted statistics of each step.
        columns: the raw table's columns; empty for other data.
    """

    steps: tuple[PreprocessingStep, ...]
    statistics: tuple[Statistics, ...]
    columns: tuple[Column, ...]

    @classmethod
    def fit(
        cls,
        steps: Sequence[PreprocessingStep],
        X: Array | LazyArray,
        columns: Sequence[Column],
        *,
        ignorable: bool = False,
    ) -> Preprocessor:
        """Fits every step on the training inputs.

        Args:
            steps: the steps in order.
            X: raw samples (n, *shape).
            columns: the columns of a table; empty for other data.
            ignorable: whether `data.source.ignore` leaves out columns, for messages.

        Raises:
            SettingError: a step does not fit the data, or text columns remain.
        """
        leave_out = "leave out the column" + " with data.source.ignore" * ignorable
        fitted: list[Statistics] = []
        now = tuple(columns)
        for i, step in enumerate(steps):
            try:
                fitted.append(step.fit(X, now))
            except EmptyColumnError as error:
                raise SettingError(("data", "preprocess", i), f"{error}; {leave_out}") from None
            except DataError as error:
                raise SettingError(("data", "preprocess", i), str(error)) from None
            if i + 1 < len(steps):
                X = _applied(step, X, fitted[-1], now)
            now = step.columns_after(now)
        words = [column.name for column in now if column.categories]
        if words:
            raise SettingError(
                ("data", "preprocess"),
                f"column '{words[0]}' contains text; add 'one_hot', or {leave_out}",
            )
        return cls(tuple(steps), tuple(fitted), tuple(columns))

    @property
    def columns_after(self) -> tuple[Column, ...]:
        """The columns of a table after all steps; empty for other data."""
        return reduce(lambda columns, step: step.columns_after(columns), self.steps, self.columns)

    def factor(self, raw: np.dtype[Any], dtype: np.dtype[Any]) -> float | None:
        """The factor on inputs, if they are only multiplied, in numbers of the given type.

        Args:
            raw: the type of the raw inputs.
            dtype: the type of the network's inputs.

        Returns:
            The factor; None if other steps change the inputs, or they have another type than
            `dtype`, except for bytes that become float32.
        """
        if raw != dtype and (raw != np.uint8 or dtype != np.float32):
            return None
        match self.steps:
            case ():
                return 1.0
            case (Rescale(by=divisor),) if not _text_columns(self.columns):
                return 1 / divisor
        return None

    @property
    def unknown(self) -> UnknownWords:
        """Whether words that are in no row of the training table are an error, or ignored."""
        return unknown_words(self.steps)

    def __call__(self, X: Array | LazyArray, dtype: np.dtype[Any]) -> Array:
        """Converts raw inputs to network inputs (n, *shape after all steps) of the given type.

        Raises:
            DataError: a table still contains missing values.
        """
        parts = chunks(X, AT_ONCE)
        first = self._prepared(next(parts, X[:0]), dtype)
        if len(first) == len(X):
            return first
        # In chunks, because the intermediate results take a multiple of the memory.
        prepared = np.empty((len(X), *first.shape[1:]), dtype=dtype)
        prepared[: len(first)] = first
        start = len(first)
        for part in parts:
            prepared[start : start + len(part)] = self._prepared(part, dtype)
            start += len(part)
        return prepared

    def _prepared(self, X: Array, dtype: np.dtype[Any]) -> Array:
        prepared = np.ascontiguousarray(self._transformed(X), dtype=dtype)
        if self.columns and (gaps := self._gaps(X, prepared)):
            raise DataError(
                f"column '{next(iter(gaps.values()))}' has missing values; fill them in, "
                "or add 'impute' to data.preprocess, before the other steps"
            )
        return prepared

    def gaps(self, X: Array) -> dict[int, str]:
        """The rows of a table with a missing value that no step fills in.

        Args:
            X: raw inputs, (n, columns).

        Returns:
            For each such row its first column, by the index of the row.
        """
        return self._gaps(X, self._transformed(X)) if self.columns else {}

    def _gaps(self, X: Array, prepared: Array) -> dict[int, str]:
        rows = np.flatnonzero(np.isnan(prepared).any(axis=1))
        return {int(row): self.columns[int(np.argmax(np.isnan(X[row])))].name for row in rows}

    def _transformed(self, X: Array) -> Array:
        columns = self.columns
        for step, statistics in zip(self.steps, self.statistics, strict=True):
            X = step.apply(X, statistics, columns)
            columns = step.columns_after(columns)
        return X

    def apply(self, X: Array | LazyArray, dtype: np.dtype[Any]) -> Array | LazyArray:
        """Preprocesses a whole set, lazily if that saves memory without costing time."""
        samples = lazy(X)
        if samples is None:
            return self(np.asarray(X), dtype)
        in_place = self._apply_in_place if dtype == _real(samples.source) else None
        only_scales = all(isinstance(step, Rescale) for step in self.steps)
        if only_scales and in_place is not None:
            return samples.then(partial(self, dtype=dtype), in_place)
        large = len(X) * self(X[:1], dtype).nbytes > IN_MEMORY
        if not (samples.on_disk or large):
            return self(samples, dtype)
        usable = not self.columns and all(step.works_in_place for step in self.steps)
        return samples.then(partial(self, dtype=dtype), in_place if usable else None)

    def _apply_in_place(self, X: Array) -> None:
        """Preprocesses real inputs in place, as many at a time as fit into the cache."""
        for part in chunks(X, IN_CACHE):
            for step, statistics in zip(self.steps, self.statistics, strict=True):
                step.apply_in_place(part, statistics)
