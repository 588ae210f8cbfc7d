"""Reads what users pass to a trained model as raw inputs, and tells which of it cannot be used."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from nnkit.data.dataset import Column
from nnkit.data.frames import is_table, table_of
from nnkit.data.preprocessing.preprocessor import Preprocessor
from nnkit.data.records import encoded, encoded_rows, wrong_words
from nnkit.data.sources.source import Source, TableRows
from nnkit.errors import DataError
from nnkit.inference.text_predictions import as_texts, checked_texts, refused_texts
from nnkit.nn.model import Model
from nnkit.nn.params import Array, Shape
from nnkit.task.sequence_coding import SequenceCoding


@dataclass(frozen=True, slots=True)
class ModelInputs:
    """Converts arrays, rows, data frames, texts and files to the raw inputs of one model.

    Attributes:
        model: the network, which may limit the lengths of texts.
        source: the data source of the model, which reads files.
        preprocessor: knows the columns of a table, and which of them may have gaps.
        shape: the shape of one raw sample.
        coding: the vocabularies of a model of texts; None for models of other data.
    """

    model: Model
    source: Source
    preprocessor: Preprocessor
    shape: Shape
    coding: SequenceCoding | None

    @property
    def columns(self) -> tuple[Column, ...]:
        """The raw columns of a table; empty for other data."""
        return self.preprocessor.columns

    @property
    def expected(self) -> str:
        """The inputs that the model takes, in words."""
        if self.coding is not None:
            return "texts"
        return "({})".format(", ".join(map(str, ("n", *self.shape))))

    def checked(self, X: Any) -> Array:
        """Converts what a user passes to raw inputs (n, *shape) that the model can take.

        Raises:
            DataError: X has another shape, lacks a column, or contains infinity, NaN or words that
                the model cannot take.
        """
        X = self.converted(X)
        if self.coding is not None:
            return X
        is_finite = X.dtype.kind != "f" or np.isfinite(X).all()
        if not is_finite and not (self.columns and not np.isinf(X).any()):
            raise DataError("NaN or infinity in the inputs")
        wrong = wrong_words(X, self.columns, unknown=self.preprocessor.unknown)
        for row, message in wrong.items():
            raise DataError(f"row {row + 1}: {message}")
        return X

    def converted(self, X: Any) -> Array:
        """Converts what a user passes to raw inputs (n, *shape), whose values are not checked.

        Raises:
            DataError: X has another shape, or lacks a column.
        """
        if self.coding is not None:
            return checked_texts(self.coding, self.model, X)
        columns, notation, unknown = self.columns, self.source.notation, self.preprocessor.unknown
        if columns and is_table(X):
            return encoded(table_of(X), columns, notation, unknown=unknown)
        try:
            array = np.asarray(X)
        except ValueError:
            raise DataError("the samples must all have the same shape") from None
        if columns and array.dtype.kind not in "buif":
            return encoded_rows(X, columns, notation, unknown=unknown)
        if array.shape == self.shape:
            array = array[None]
        if self.shape[0] == 1 and array.shape[1:] == self.shape[1:]:
            array = array[:, None]  # grey images (n, H, W), which the array sources accept too
        if array.shape[1:] != self.shape or not array.ndim:
            raise DataError(f"inputs of shape {array.shape}; this model expects {self.expected}")
        if array.dtype.kind not in "buif":
            raise DataError(f"inputs of type {array.dtype}, which is not numeric")
        return array

    def incomplete(self, X: Any) -> dict[int, str]:
        """The samples with missing or wrong values, by index, with the reason.

        Raises:
            DataError: X has another shape, or lacks a column.
        """
        if self.coding is not None:
            return refused_texts(self.coding, self.model, as_texts(X))
        X = self.converted(X)
        if self.columns:
            remedy = "fill it in, or train with 'impute' in data.preprocess"
            gaps = self.preprocessor.gaps(X).items()
            missing = {row: f"column '{name}' is missing; {remedy}" for row, name in gaps}
            return missing | wrong_words(X, self.columns, unknown=self.preprocessor.unknown)
        finite = np.isfinite(X).reshape(len(X), -1).all(axis=1)
        return dict.fromkeys(np.flatnonzero(~finite).tolist(), "it contains NaN or infinity")

    def picture(self, path: Path) -> Array:
        """Reads a picture as a raw input (1, *shape).

        Raises:
            DataError: the file is not a picture, or the source has no pictures.
        """
        return self.source.read_picture(path, self.shape)[None]

    def table(self, path: Path) -> Array:
        """Reads a CSV file as raw inputs (n, columns).

        Raises:
            DataError: the file is not CSV, a column is missing, or the model does not take tables.
        """
        return self.source.read_table(path, self.columns, unknown=self.preprocessor.unknown)

    def rows(self, path: Path) -> TableRows:
        """Reads a CSV file, with a message for each row that the model cannot take.

        Raises:
            DataError: the file is not CSV, a column is missing, or the model does not take tables.
        """
        rows = self.source.read_rows(path, self.columns, unknown=self.preprocessor.unknown)
        readable = np.array([i for i in range(len(rows.inputs)) if i not in rows.errors], dtype=int)
        incomplete = {
            int(readable[i]): f"{path}:{rows.lines[readable[i]]}: {message}"
            for i, message in self.incomplete(rows.inputs[readable]).items()
        }
        return replace(rows, errors={**rows.errors, **incomplete})
