"""Data sets of arrays and tables in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from nnkit.data.class_numbers import check_known_classes
from nnkit.data.dataset import (
    Array,
    Column,
    Dataset,
    Samples,
    check_pair,
    sample_weights,
)
from nnkit.data.frames import is_frame, is_table, table_of
from nnkit.data.missing_targets import MissingTargetsInMemory, OnMissing
from nnkit.data.records import USUAL, Notation, columns_of, encoded, is_missing
from nnkit.errors import DataError

TARGET = "target"  # the label of targets without a name


def dataset_in_memory(
    X: Any,
    y: Any,
    weights: Any = None,
    *,
    integers_are_classes: bool = True,
    missing_target: OnMissing = "error",
    notation: Notation = USUAL,
) -> Dataset:
    """The data set of inputs and targets in memory.

    Args:
        X: inputs (n, …): an array, or a table with words and missing values: a data frame, a
            mapping of columns, or a sequence of mappings or rows.
        y: targets: words, booleans or whole numbers (n,) are classes, others are numbers (n,) or
            (n, outputs). The name of a column of X takes it out of the inputs.
        weights: sample weights, (n,); None if all are equal.
        integers_are_classes: False if whole numbers are quantities.
        missing_target: what becomes of samples whose target is None or NaN.
        notation: how a table writes dates and missing values.

    Raises:
        DataError: X and y do not fit together, or contain what nothing can be learned from.
    """
    if isinstance(y, str):
        X, y, label = _without_column(X, y)
    else:
        label = _label(y)
    inputs, columns = _inputs(X, notation)
    cells, missing = _present_targets(y, len(inputs), missing_target, notation)
    targets, classes = _targets(cells, integers_are_classes=integers_are_classes)
    counts = None
    if weights is not None:
        counts = sample_weights(np.asarray(weights), len(inputs), "weights")
    samples = _with_targets(inputs, targets, missing, counts)
    if not columns:
        check_pair(np.asarray(samples.inputs), targets, "X", "y")
    return Dataset(samples, None, classes, columns, label, notices=missing.notices())


def samples_in_memory(
    inputs: Array,
    y: Any,
    classes: Sequence[str] | None,
    *,
    missing_target: OnMissing = "error",
    notation: Notation = USUAL,
) -> Samples:
    """Samples to evaluate a model on.

    Args:
        inputs: raw inputs, (n, …).
        y: targets, as for `dataset_in_memory`.
        classes: the names of the classes that the model predicts; None for numbers.
        missing_target: as for `dataset_in_memory`, with a warning that counts them.
        notation: as for `dataset_in_memory`.

    Raises:
        DataError: the targets do not fit, or contain a class that the model does not know.
    """
    cells, missing = _present_targets(y, len(inputs), missing_target, notation, is_setting=False)
    missing.warn()
    if classes is None:
        targets, _ = _targets(cells, integers_are_classes=False)
    else:
        names = _class_names(cells)
        unknown = sorted(set(names) - set(classes))
        check_known_classes(unknown, classes, "y")
        number = {name: i for i, name in enumerate(classes)}
        targets = np.array([number[name] for name in names], dtype=np.int64)
    return _with_targets(inputs, targets, missing)


def _with_targets(
    inputs: Array, targets: Array, missing: MissingTargetsInMemory, weights: Array | None = None
) -> Samples:
    """The samples (m of n) that have a target, with these targets (m, …)."""
    every = Samples(inputs, np.zeros(len(inputs)), weights)  # with targets of no meaning
    return replace(missing.drop(every), targets=targets)


def _present_targets(
    y: Any, samples: int, missing_target: OnMissing, notation: Notation, *, is_setting: bool = True
) -> tuple[Array, MissingTargetsInMemory]:
    """The targets that are not missing, and which are.

    Whole numbers with gaps, which libraries store as floats, are whole numbers again.

    Raises:
        DataError: there are not as many targets as samples, or targets are infinite, or missing
            without being allowed to.
    """
    cells = _cells(y)
    if len(cells) != samples:
        raise DataError(f"X has {samples:,} samples, but y has {len(cells):,} targets")
    if not samples:
        raise DataError("X has no samples")
    rows = cells.reshape(samples, -1)
    if cells.dtype.kind in "OU":
        absent = np.array([any(map(notation.is_missing_text, row)) for row in rows.tolist()])
    else:
        gaps = np.isnan(rows) if cells.dtype.kind == "f" else np.zeros(rows.shape, dtype=bool)
        absent = np.asarray(gaps.any(axis=1))
    first = f"row {absent.argmax() + 1} of y"
    missing = MissingTargetsInMemory.of(absent, "y", first, "row", "target")
    missing.check(missing_target, is_setting=is_setting)
    if cells.dtype.kind in "fO" and (wrong := np.isin(rows, (np.inf, -np.inf)).any(axis=1)).any():
        raise DataError(f"row {wrong.argmax() + 1} of y: infinity; correct it, or leave it out")
    present = cells[~absent]
    if missing.count and present.dtype.kind == "f" and (present == np.rint(present)).all():
        present = present.astype(np.int64)
    return present, missing


def _inputs(X: Any, notation: Notation) -> tuple[Array, tuple[Column, ...]]:
    """Inputs (n, …), and the columns of a table."""
    if is_table(X):
        table = table_of(X)
        columns = columns_of(table, notation)
        return encoded(table, columns, notation), columns
    try:
        array = np.asarray(X)
    except ValueError:
        raise DataError("X: the samples must all have the same shape") from None
    if array.dtype.kind in "buif":
        return (array[:, None] if array.ndim in (1, 3) else array), ()
    cells = np.asarray(X, dtype=object)
    if cells.ndim != 2:
        raise DataError(f"X: values of type {array.dtype} and shape {cells.shape}, not a table")
    named = {str(i): cells[:, i] for i in range(cells.shape[1])}
    columns = columns_of(named, notation)
    return encoded(named, columns, notation), columns


def _targets(cells: Array, *, integers_are_classes: bool) -> tuple[Array, tuple[str, ...] | None]:
    """Class numbers (n,) and the class names, or numbers (n, outputs) and None."""
    kinds = {type(cell) for cell in cells.ravel().tolist()} if cells.dtype == object else set()
    words = cells.dtype.kind == "U" or str in kinds
    whole = cells.dtype.kind in "iu" or kinds == {int}
    booleans = cells.dtype.kind == "b" or kinds == {bool}
    if words or booleans or (whole and integers_are_classes and cells.ndim == 1):
        names = _class_names(cells)
        ordered = sorted(set(names), key=lambda name: (not _is_whole(name), _order(name), name))
        if len(ordered) < 2:
            raise DataError(f"y: all targets are '{ordered[0]}'; there is nothing to learn")
        number = {name: i for i, name in enumerate(ordered)}
        return np.array([number[name] for name in names], dtype=np.int64), tuple(ordered)
    try:
        numbers = cells.astype(np.float64)
    except (TypeError, ValueError):
        raise DataError(f"y: values of type {cells.dtype}, neither numbers nor words") from None
    return numbers.reshape(len(numbers), -1), None


def _cells(y: Any) -> Array:
    """The targets as an array, (n,) or (n, outputs)."""
    if is_table(y):
        return np.column_stack(list(table_of(y).values()))
    if isinstance(y, Sequence) and any(isinstance(cell, str) for cell in y):
        return np.array([None if is_missing(cell) else cell for cell in y], dtype=object)
    cells = np.asarray(y)
    if cells.ndim not in (1, 2) or not cells.size:
        raise DataError(f"y: targets of shape {cells.shape}; expected (n,) or (n, outputs)")
    return cells[:, 0] if cells.ndim == 2 and cells.shape[1] == 1 else cells


def _class_names(cells: Array) -> list[str]:
    if cells.ndim != 1:
        raise DataError(f"y: classes of shape {cells.shape}; expected (n,)")
    return [str(cell) for cell in cells.tolist()]


def _is_whole(name: str) -> bool:
    return name.removeprefix("-").isdecimal()


def _order(name: str) -> int:
    return int(name) if _is_whole(name) else 0


def _without_column(X: Any, name: str) -> tuple[Any, Array, str]:
    """The table without a column, that column, and its name."""
    if not is_table(X):
        raise DataError(f"y is '{name}', but X has no named columns; give the targets themselves")
    table = dict(table_of(X))
    if name not in table:
        raise DataError(f"no column '{name}'; the columns are {', '.join(table)}")
    column = table.pop(name)
    return table, column, name


def _label(y: Any) -> str:
    """The name of the targets, where they have one."""
    if is_frame(y) and len(names := list(table_of(y))) > 0:
        return ", ".join(names)
    name = getattr(y, "name", None)
    return name if isinstance(name, str) and name else TARGET
