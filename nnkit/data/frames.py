"""Tables in memory: data frames, mappings of columns, and rows, as columns of cells.

A data frame is any object with columns that has the DataFrame interchange protocol
(`__dataframe__`) or the Arrow PyCapsule interface, such as those of pandas, Polars and PyArrow;
their libraries are not needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nnkit.data.dataset import Array
from nnkit.errors import DataError

Table = Mapping[str, Array]  # the cells of each column, (n,), by its name


def is_table(X: Any) -> bool:
    """Whether X is a data frame, a mapping of columns, or a sequence of mappings."""
    return is_frame(X) or isinstance(X, Mapping) or (_is_sequence(X) and _is_mapping(X[0]))


def is_frame(X: Any) -> bool:
    """Whether X is a data frame."""
    protocols = ("__dataframe__", "__arrow_c_stream__")
    return hasattr(X, "columns") and any(hasattr(X, name) for name in protocols)


def table_of(X: Any) -> Table:
    """The columns of a data frame, of a mapping of columns, or of a sequence of mappings.

    Args:
        X: the table; a mapping of single values is a single row.

    Returns:
        The cells of each column, (n,), by its name.

    Raises:
        DataError: the columns differ in length, or a row lacks a column.
    """
    if is_frame(X):
        names = [str(name) for name in _names(X)]
        return dict(zip(names, (_cells(X[name]) for name in _names(X)), strict=True))
    if not isinstance(X, Mapping):
        return _from_rows(X)
    table = {str(name): _cells(values) for name, values in X.items()}
    lengths = {len(cells) for cells in table.values()}
    if len(lengths) > 1:
        raise DataError(f"the columns differ in length: {_lengths(table)}")
    return table


def _from_rows(rows: Sequence[Mapping[str, Any]]) -> Table:
    names = [str(name) for name in rows[0]]
    for i, row in enumerate(rows):
        if not _is_mapping(row):
            raise DataError(f"row {i + 1} is not a mapping, but row 1 is")
        for name in names:
            if name not in row:
                raise DataError(f"row {i + 1}: no value for '{name}'; use None if it is missing")
    return {name: _cells([row[name] for row in rows]) for name in names}


def _names(frame: Any) -> Sequence[Any]:
    """The names of a data frame's columns, as they index it."""
    names = frame.columns
    if not all(isinstance(name, str | int) for name in names):
        names = frame.column_names  # PyArrow's `columns` are the columns
    return list(names)


def _cells(values: Any) -> Array:
    """The cells of a column, (n,); a single value is a column of one cell."""
    if isinstance(values, str) or not hasattr(values, "__len__"):
        values = [values]
    if hasattr(values, "__array__"):
        cells = np.asarray(values)
    else:
        cells = np.empty(len(values), dtype=object)
        cells[:] = list(values)
        if all(isinstance(value, int | float) for value in values):
            cells = cells.astype(np.float64)
    if cells.ndim != 1:
        raise DataError(f"a column of shape {cells.shape}; expected one value for each row")
    return cells


def _lengths(table: Table) -> str:
    return ", ".join(f"'{name}' has {len(cells)}" for name, cells in table.items())


def _is_sequence(X: Any) -> bool:
    return isinstance(X, list | tuple) and len(X) > 0


def _is_mapping(row: Any) -> bool:
    return isinstance(row, Mapping)
