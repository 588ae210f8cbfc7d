"""Starter configs for time series: windows of a table's rows, and the values that follow them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnkit.data.sources.series import Series
from nnkit.data.tables.detection import detect_dialect
from nnkit.data.tables.dialect import UTF_8, Dialect
from nnkit.data.tables.table_reader import column_names
from nnkit.errors import DataError, UsageError
from nnkit.task.table_options import TableOptions
from nnkit.task.text_task import csv_rows, first_lines, numeric

WINDOW = 24  # rows; fewer if the series has less than ten times as many
UPDATES = 3000  # of training, by batches of 16
OPTIONAL = ("delimiter", "header", "skip_rows", "decimal")  # settings that have defaults


@dataclass(frozen=True, slots=True)
class SeriesStarter:
    """The parts of a starter config for a time series.

    Attributes:
        source: the settings of the data source, without its path.
        labels: the names of the columns to predict.
        rows: the number of rows.
    """

    source: dict[str, Any]
    labels: tuple[str, ...]
    rows: int

    @property
    def epochs(self) -> int:
        """The length of training."""
        return max(10, min(200, UPDATES * 16 // self.rows))

    @property
    def remark(self) -> str:
        """A message on what the table was taken for."""
        names = " and ".join(f"'{name}'" for name in self.labels)
        window = self.source["window"]
        rows = "1 row predicts" if window == 1 else f"{window} successive rows predict"
        return (
            f"taken as a time series with a row for each time: {rows} the next value of {names}; "
            "`window` and `horizon` change that"
        )


def starter_for_series(path: Path, options: TableOptions) -> SeriesStarter:
    """The settings for a table whose rows are in the order of time.

    Args:
        path: the table.
        options: what the user says about it; without labels, its last column of numbers is
            predicted.

    Raises:
        DataError: the table is missing or not valid, or a label is not a number in every row.
        SettingError: there is no such column.
        UsageError: an option is not for time series.
    """
    if options.missing or options.units:
        raise UsageError("--missing and --unit are not for --task forecast: it needs every value")
    dialect = detect_dialect(path, delimiter=options.delimiter, header=options.header).dialect
    if dialect.encoding != UTF_8:
        raise DataError(f"{path}: not UTF-8 text; save it as UTF-8")
    names = column_names(path, dialect)
    last = _last_numbers(path, dialect)
    wanted = options.labels or ([names[last]] if dialect.header else [str(last)])
    labels = [name if name in names and dialect.header else _index(name) for name in wanted]
    source = {
        "label": labels[0] if len(labels) == 1 else labels,
        "delimiter": dialect.delimiter,
        "header": dialect.header,
        "skip_rows": dialect.skip_rows,
        "decimal": options.decimal or ".",
    }
    if options.decimal is None and _has_commas(path, source):
        source["decimal"] = ","
    rows = _rows(path, source)
    usual = {name: Series.model_fields[name].default for name in OPTIONAL}
    needed = {name: value for name, value in source.items() if value != usual.get(name)}
    window = max(1, min(WINDOW, rows // 10))
    called = tuple(names[label] if isinstance(label, int) else label for label in labels)
    return SeriesStarter({**needed, "window": window}, called, rows)


def _last_numbers(path: Path, dialect: Dialect) -> int:
    """The index of the last column with mostly numbers in the first rows; -1 if there is none."""
    rows = csv_rows(first_lines(path), dialect.delimiter)[dialect.skip_rows + dialect.header :]
    widest = max(map(len, rows), default=0)
    for i in reversed(range(widest)):
        cells = [row[i].strip() for row in rows if i < len(row) and row[i].strip()]
        if cells and numeric(cells) > 0.5:
            return i - widest if i == widest - 1 else i
    return -1


def _index(name: str) -> str | int:
    """A column by its index, if it is written as one."""
    return int(name) if name.lstrip("-").isdecimal() else name


def _has_commas(path: Path, source: dict[str, Any]) -> bool:
    """Whether the values to predict are numbers with a decimal comma, but none with a point."""
    for mark in (".", ","):
        try:
            _rows(path, {**source, "decimal": mark})
        except DataError:
            continue
        return mark == ","
    return False


def _rows(path: Path, source: dict[str, Any]) -> int:
    """The number of rows, each of which must have all values to predict."""
    series = Series.model_validate({**source, "path": str(path.resolve()), "window": 1})
    return len(series.load().samples) + series.horizon
