"""Fitted preprocessing steps, saved with the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial, reduce
from typing import Any

import numpy as np

from nnkit.data.dataset import Array, Column, chunks
from nnkit.data.lazy import IN_MEMORY, LazyArray, lazy
from nnkit.data.preprocessing.feature_scaling import Rescale, real_type
from nnkit.data.preprocessing.imputation import EmptyColumnError
from nnkit.data.preprocessing.one_hot import unknown_words
from nnkit.data.preprocessing.preprocessing_step import PreprocessingStep, Statistics, text_columns
from nnkit.data.tables.conversion import UnknownWords
from nnkit.errors import DataError, SettingError

AT_ONCE = 1 << 18  # values that are transformed at a time
IN_CACHE = 1 << 16  # values that are transformed at a time in place


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
            case (Rescale(by=divisor),) if not text_columns(self.columns):
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
        in_place = self._apply_in_place if dtype == real_type(samples.source) else None
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


def _applied(
    step: PreprocessingStep, X: Array | LazyArray, statistics: Statistics, columns: Sequence[Column]
) -> Array | LazyArray:
    if isinstance(X, LazyArray):
        return X.then(partial(step.apply, statistics=statistics, columns=columns))
    return step.apply(X, statistics, columns)
