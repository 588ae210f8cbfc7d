"""CSV tables with numbers, text and missing values, label columns and a weight column."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isinf, isnan
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from nnkit.config.spec import FilePath, Listed
from nnkit.data.dataset import Array, Column, Dataset, Samples
from nnkit.data.sources.source import Source, TableRows, existing, renumbered
from nnkit.errors import DataError, SettingError

MOST_CLASSES = 20  # integer labels with more distinct values than this are regression targets


class Csv(Source):
    """A CSV file: label and weights columns by name or index, all others are inputs.

    A column is numeric if all cells that are not missing are numbers, otherwise it is text.
    """

    kind: Literal["csv"] = "csv"
    path: FilePath = Field(description="The file.", examples=["table.csv"])
    label: str | int | Annotated[tuple[str | int, ...], Listed, Field(min_length=1)] = Field(
        -1,
        description="The label column: its name, or its index from 0; a list of columns if there "
        "are several numbers to predict.",
    )
    task: Literal["classification", "regression"] | None = Field(
        None,
        description="Default: classification for words and for up to 20 distinct integers.",
    )
    header: bool = Field(True, description="Whether the first row names the columns.")
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = Field(
        ",", description="Field separator."
    )
    missing: Annotated[tuple[str, ...], Listed] = Field(
        ("", "NA", "N/A", "NaN", "nan", "null", "?"),
        description="Cell contents that mean a missing value.",
    )
    weights: str | int | None = Field(
        None, description="The column of sample weights, which must not be negative."
    )
    ignore: Annotated[tuple[str, ...], Listed] = Field((), description="Columns to leave out.")

    def read_rows(self, path: Path, columns: Sequence[Column]) -> TableRows:
        errors: dict[int, str] = {}
        table = read_table(path, self.delimiter, self.header, errors)
        return TableRows(self._inputs(table, columns, errors), table.lines, errors)

    def read_labelled(
        self, place: Path, columns: Sequence[Column], label: str, classes: Sequence[str] | None
    ) -> Samples:
        table = read_table(place, self.delimiter, self.header)
        missing = frozenset(self.missing)
        if isinstance(self.label, tuple):
            labels = [table.index(name) for name in self.label]
        else:
            # By name, if the checkpoint knows it, because the columns may be in another order.
            labels = [table.index(label if self.header and label else self.label)]
        if classes is None:
            parts = [_targets(table, index, missing, "regression")[0] for index in labels]
            targets = np.hstack(parts)
        else:
            numbers, names = _targets(table, labels[0], missing, "classification", least=1)
            targets = renumbered(numbers, names, classes, str(place))
        weights = None if self.weights is None else table.index(self.weights)
        return Samples(
            self._inputs(table, columns),
            targets,
            None if weights is None else _weights(table, weights, missing),
            lines=np.array(table.lines),
        )

    def _inputs(
        self, table: CsvTable, columns: Sequence[Column], errors: dict[int, str] | None = None
    ) -> Array:
        """The raw inputs (n, columns) of another table; `errors` as for `CsvTable.column`."""
        missing = frozenset(self.missing)
        parts = []
        for column in columns:
            index = table.index(column.name if self.header else int(column.name))
            parts.append(table.column(index, missing, column.categories, errors)[1])
        return np.column_stack(parts)

    def load(self) -> Dataset:
        table = read_table(Path(self.path), self.delimiter, self.header)
        roles = self._roles(table)
        labels = [i for i, role in roles.items() if role == "label"]
        label = ", ".join(table.names[i] for i in labels)
        missing = frozenset(self.missing)
        chosen = [i for i in range(len(table.names)) if i not in roles]
        if not chosen:
            raise DataError(
                f"{self.path}: no input column is left besides the label "
                f"'{label}'{_one_column_hint(table)}"
            )
        if len(labels) > 1:
            targets, classes = self._several(table, labels), None
        else:
            targets, classes = _targets(table, labels[0], missing, self.task)
        weights = [i for i, role in roles.items() if role == "weights"]
        columns = [table.column(i, missing) for i in chosen]
        inputs = np.column_stack([values for _, values in columns])
        return Dataset(
            Samples(
                inputs,
                targets,
                _weights(table, weights[0], missing) if weights else None,
                lines=np.array(table.lines),
            ),
            classes=classes,
            columns=tuple(column for column, _ in columns),
            label=label,
        )

    def _roles(self, table: CsvTable) -> dict[int, str]:
        """Maps the index of each column that is not an input to `label`, `weights` or `ignore`."""
        several = isinstance(self.label, tuple)
        labels = self.label if isinstance(self.label, tuple) else (self.label,)
        named: list[tuple[str | int, tuple[str | int, ...]]] = [
            *((name, ("label", i) if several else ("label",)) for i, name in enumerate(labels)),
            *([] if self.weights is None else [(self.weights, ("weights",))]),
            *((name, ("ignore", i)) for i, name in enumerate(self.ignore)),
        ]
        roles: dict[int, str] = {}
        for name, setting in named:
            column, role = _setting(table, name, *setting), str(setting[0])
            taken = roles.get(column)
            if taken is not None and (taken, role) != ("ignore", "ignore"):
                raise SettingError(
                    ("data", "source", *setting),
                    f"'{table.names[column]}' is already used as data.source.{taken}",
                )
            roles[column] = role
        return roles

    def _several(self, table: CsvTable, labels: Sequence[int]) -> Array:
        """Reads several label columns as real targets (n, labels)."""
        if self.task == "classification":
            raise SettingError(
                ("data", "source", "task"),
                f"classes must be in one column, but data.source.label lists {len(labels)}",
            )
        missing = frozenset(self.missing)
        return np.hstack([_targets(table, label, missing, "regression")[0] for label in labels])


@dataclass(frozen=True, slots=True)
class CsvTable:
    """The cells of a CSV file, and for each row the number of its last line."""

    path: Path
    names: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    lines: Sequence[int]

    def index(self, column: str | int) -> int:
        """The index of a column given by name or index.

        Raises:
            DataError: there is no such column; the message lists the columns.
        """
        count = len(self.names)
        if isinstance(column, int):
            if -count <= column < count:
                return column % count
        elif column in self.names:
            return self.names.index(column)
        raise DataError(
            f"{self.path}: no column '{column}'; available: {_some(self.names)}"
            + _one_column_hint(self)
        )

    def column(
        self,
        index: int,
        missing: frozenset[str],
        categories: tuple[str, ...] | None = None,
        errors: dict[int, str] | None = None,
    ) -> tuple[Column, Array]:
        """Converts a column to float64 (n,), missing values to NaN and words to their indices.

        Args:
            index: index of the column.
            missing: cell contents that mean a missing value.
            categories: the allowed words, or `()` for a column of numbers; None to infer them.
            errors: if given, receives a message for each row with a wrong cell, which then becomes
                NaN, instead of an exception; rows that are in it already are left out.

        Raises:
            DataError: a cell is infinite or not allowed by the categories; the message gives the
                line.
        """
        name = self.names[index]
        skipped = errors or {}
        cells = ["" if i in skipped else row[index].strip() for i, row in enumerate(self.rows)]
        missing |= {""} if skipped else frozenset()
        if categories is None:
            present = {cell for cell in cells if cell not in missing}
            categories = () if all(map(_is_number, present)) else tuple(sorted(present))
        numbers = {word: float(i) for i, word in enumerate(categories)}
        values = np.full(len(cells), np.nan)
        for i, cell in enumerate(cells):
            if cell in missing:
                continue
            try:
                values[i] = _value(cell, numbers)
            except ValueError as error:
                message = f"{self.path}:{self.lines[i]}: column '{name}': '{cell}' {error}"
                if errors is None:
                    raise DataError(message) from None
                errors[i] = message
        return Column(name, categories), values


def _value(cell: str, numbers: Mapping[str, float]) -> float:
    """The number in a cell, or that of a word if the words have numbers.

    Raises:
        ValueError: there is none; the message says why.
    """
    if numbers:
        if cell not in numbers:
            raise ValueError(f"is not among the known values {_some(tuple(numbers))}")
        return numbers[cell]
    if not _is_number(cell):
        raise ValueError("is not a number")
    value = float(cell)
    if isinf(value) or isnan(value):
        raise ValueError("is not a finite number; empty the cell if it is missing")
    return value


def read_table(
    path: Path,
    delimiter: str = ",",
    header: bool = True,
    errors: dict[int, str] | None = None,
) -> CsvTable:
    """Reads a CSV file.

    Args:
        path: the file.
        delimiter: the field separator.
        header: whether the first row names the columns.
        errors: if given, receives a message for each row with the wrong number of cells, by its
            index, instead of an exception.

    Raises:
        DataError: the file is missing, not text or empty, two columns have the same name, or a row
            has the wrong number of cells.
    """
    existing(str(path), "file")
    rows: list[list[str]] = []
    lines: list[int] = []
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            for row in reader:
                if not row:
                    continue
                if rows and len(row) != len(rows[0]):
                    remedy = "leave an empty cell for a missing value"
                    if len(row) > len(rows[0]):
                        remedy = f"put quotes around a cell that contains a '{delimiter}'"
                    message = (
                        f"{path}:{reader.line_num}: {len(row)} cells, "
                        f"but the rows above have {len(rows[0])}; {remedy}"
                    )
                    if errors is None:
                        raise DataError(message)
                    errors[len(rows) - (1 if header else 0)] = message
                rows.append(row)
                lines.append(reader.line_num)
    except UnicodeDecodeError:
        raise DataError(f"{path}: not UTF-8 text; save it as CSV in UTF-8") from None
    except csv.Error as error:
        raise DataError(f"{path}:{reader.line_num}: not CSV: {error}") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None
    if not rows:
        raise DataError(f"{path}: empty; expected a row of column names, then one sample per row")
    names = [name.strip() for name in rows[0]] if header else list(map(str, range(len(rows[0]))))
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"{path}:{lines[0]}: two columns are named '{twice}'; rename one")
    first = 1 if header else 0
    if len(rows) == first:
        raise DataError(f"{path}: no rows below the header, {_some(names)}")
    return CsvTable(path, tuple(names), rows[first:], lines[first:])


def _setting(table: CsvTable, column: str | int, *setting: str | int) -> int:
    try:
        return table.index(column)
    except DataError as error:
        raise SettingError(("data", "source", *setting), str(error)) from None


def _one_column_hint(table: CsvTable) -> str:
    return "; is data.source.delimiter right?" if len(table.names) == 1 else ""


def _some(names: Sequence[str], most: int = 12) -> str:
    more = f", … ({len(names)} in all)" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _targets(
    table: CsvTable, label: int, missing: frozenset[str], task: str | None, least: int = 2
) -> tuple[Array, tuple[str, ...] | None]:
    cells = [row[label].strip() for row in table.rows]
    for cell, line in zip(cells, table.lines, strict=True):
        if cell in missing:
            raise DataError(
                f"{table.path}:{line}: the label '{table.names[label]}' is missing; "
                "fill it in, or remove the row"
            )
    if task is None:
        task = "classification" if _are_classes(cells) else "regression"
    if task == "regression":
        _, values = table.column(label, missing, categories=())
        return values[:, None], None
    if all(map(_is_number, set(cells))):
        cells = [_plain(float(cell)) for cell in cells]  # 1 and 1.0 are one class
    ordered = sorted(set(cells), key=lambda c: (0, float(c), c) if _is_number(c) else (1, 0.0, c))
    if len(ordered) < least:
        raise DataError(
            f"{table.path}: all labels are '{ordered[0]}'; choose another column with "
            "data.source.label"
        )
    number = {name: i for i, name in enumerate(ordered)}
    return np.array([number[cell] for cell in cells], dtype=np.int64), tuple(ordered)


def _weights(table: CsvTable, index: int, missing: frozenset[str]) -> Array:
    """Reads the sample weights, (n,)."""
    _, weights = table.column(index, missing, categories=())
    name = f"the weight '{table.names[index]}'"
    for weight, line in zip(weights, table.lines, strict=True):
        if isnan(weight):
            raise DataError(
                f"{table.path}:{line}: {name} is missing; fill it in, or remove the row"
            )
        if weight < 0:
            raise DataError(f"{table.path}:{line}: {name} is {weight:g}; it must not be negative")
    if not weights.any():
        raise DataError(f"{table.path}: {name} is 0 in every row, so there is nothing to learn")
    return weights


def _plain(number: float) -> str:
    return str(int(number)) if number.is_integer() else repr(number)


def _are_classes(cells: Sequence[str]) -> bool:
    distinct = set(cells)
    if not all(map(_is_number, distinct)):
        return True
    return len(distinct) <= MOST_CLASSES and all(float(cell).is_integer() for cell in distinct)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell  # float() accepts underscores
