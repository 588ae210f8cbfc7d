"""Starter configs for time series: windows of a table's rows, and the values that follow them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nnkit.data.sources.series import Series
from nnkit.data.tables.detection import detect_dialect
from nnkit.data.tables.dialect import UTF_8, Dialect
from nnkit.data.tables.table_reader import column_names
from nnkit.errors import DataError, UsageError
from nnkit.task.starters.rendering import (
    counted,
    fill_template,
    path_in_config,
    source_setting,
)
from nnkit.task.starters.starter import Starter
from nnkit.task.starters.table_options import TableOptions
from nnkit.task.starters.text_task import csv_rows, first_lines, numeric
from nnkit.text import legible

WINDOW = 24  # rows; fewer if the series has less than ten times as many
BATCH_SIZE, UPDATES = 16, 3000  # of training; the template has the former
OPTIONAL = ("delimiter", "header", "skip_rows", "decimal")  # settings that have defaults


def starter_for_series(files: Mapping[str, Path], options: TableOptions, folder: Path) -> Starter:
    """A starter config for a table whose rows are in the order of time.

    Args:
        files: the tables by the names of their settings; only `path` is possible.
        options: what the user says about it; without labels, its last column of numbers is
            predicted.
        folder: the folder of the config.

    Raises:
        DataError: the table is missing or not valid, or a label is not a number in every row.
        SettingError: there is no such column.
        UsageError: an option is not for time series.
    """
    if len(files) > 1:
        raise UsageError("--task forecast holds out the last rows: no --validation, no --test")
    if options.missing or options.units:
        raise UsageError("--missing and --unit are not for --task forecast: it needs every value")
    path = files["path"]
    source, labels = _source(path, options)
    rows = _rows(path, source)
    window = max(1, min(WINDOW, rows // 10))
    settings = {"kind": "series", "path": path_in_config(path, folder), **source, "window": window}
    parts = {
        "rows": counted(rows, "row"),
        "window": window,
        "label": " and ".join(map(legible, labels)),
        "source": source_setting(settings),
        "scaling": "{standardize: all}" if len(labels) == 1 else "standardize",
        "outputs": len(labels),
        "epochs": max(10, min(200, UPDATES * BATCH_SIZE // rows)),
    }
    quoted = " and ".join(f"'{label}'" for label in labels)
    said = "1 row predicts" if window == 1 else f"{window} successive rows predict"
    remark = (
        f"taken as a time series with a row for each time: {said} the next value of {quoted}; "
        "`window` and `horizon` change that"
    )
    return Starter(fill_template("series", parts), remarks=(remark,))


def _source(path: Path, options: TableOptions) -> tuple[dict[str, Any], list[str]]:
    """The settings of the source that differ from their defaults, and the names of the labels."""
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
    usual = {name: Series.model_fields[name].default for name in OPTIONAL}
    needed = {name: value for name, value in source.items() if value != usual.get(name)}
    return needed, [names[label] if isinstance(label, int) else label for label in labels]


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
