"""A starter config, with what was decided about the data."""

from __future__ import annotations

from dataclasses import dataclass

from nnkit.data.tables.column_report import ColumnReport


@dataclass(frozen=True, slots=True)
class Starter:
    """A starter config.

    Attributes:
        text: the config.
        columns: what each column of a table contains, and becomes; empty for other data.
        remarks: what was decided about the data, and why.
    """

    text: str
    columns: tuple[ColumnReport, ...] = ()
    remarks: tuple[str, ...] = ()
