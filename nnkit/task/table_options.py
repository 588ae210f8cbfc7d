"""Settings of a table that the user gives, on the command line or in Python."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from nnkit.task.text_task import TextTask


@dataclass(frozen=True, slots=True)
class TableOptions:
    """Settings of a table that the user gives; None for what is to be found out.

    Attributes:
        labels: the columns to predict; none for the last.
        task: `classification` or `regression`.
        delimiter: the delimiter.
        header: whether the first row names the columns.
        missing: further cell contents that mean a missing value.
        decimal: the decimal mark.
        units: texts beside numbers that are not part of them.
        is_series: whether the table is a time series, of which the next rows are predicted.
        text_task: what is predicted of texts, if the file is one of texts instead.
    """

    labels: Sequence[str] = ()
    task: Literal["classification", "regression"] | None = None
    delimiter: str | None = None
    header: bool | None = None
    missing: Sequence[str] = ()
    decimal: Literal[".", ","] | None = None
    units: Sequence[str] = ()
    is_series: bool = False
    text_task: TextTask | None = None
