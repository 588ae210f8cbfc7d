"""Data in memory, given to `nnkit.fit`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from nnkit.config.spec import Listed
from nnkit.data.dataset import Column, Dataset, Samples
from nnkit.data.missing_targets import MISSING_TARGET, OnMissing
from nnkit.data.records import Notation
from nnkit.data.sources.arrays import Npz
from nnkit.data.sources.csv import Csv
from nnkit.data.sources.source import ExpectedData, Source, TableRows
from nnkit.data.tables.conversion import UnknownWords
from nnkit.data.tables.dates import DateColumn
from nnkit.data.tables.number_format import NumberFormat
from nnkit.errors import DataError


class Memory(Source):
    """Arrays or a table in memory, given to nnkit.fit in Python; they are not saved."""

    kind: Literal["memory"] = "memory"
    dates: dict[str, DateColumn] = Field(
        default_factory=dict,
        description="Columns of dates, with the numbers they become: "
        "`{sold_on: [elapsed_days, month]}`.",
    )
    missing: Annotated[tuple[str, ...], Listed] = Field(
        (), description="Cell contents that mean a missing value, besides None and NaN."
    )
    missing_in: dict[str, Annotated[tuple[str, ...], Listed]] = Field(
        default_factory=dict, description='Further ones in single columns: `{age: ["999"]}`.'
    )
    missing_target: OnMissing = Field("error", description=MISSING_TARGET)

    @property
    def notation(self) -> Notation:
        return Notation(
            self.dates, NumberFormat(self.missing, missing_in=tuple(self.missing_in.items()))
        )

    def read(self) -> Dataset:
        raise DataError(
            "this data was in memory: call nnkit.fit to train on it, and to evaluate give other "
            "data: --data FILE, or data= in Python"
        )

    def is_single_set(self, place: Path) -> bool:
        return False  # a file is never the data in memory

    def read_rows(
        self, path: Path, columns: Sequence[Column], *, unknown: UnknownWords = "error"
    ) -> TableRows:
        if not columns:  # arrays
            return super().read_rows(path, columns)
        return self._table(path).read_rows(path, columns, unknown=unknown)

    def check_columns(self, path: Path, columns: Sequence[Column]) -> None:
        self._table(path).check_columns(path, columns)

    def _table(self, path: Path) -> Csv:
        return Csv(path=str(path), dates=self.dates)

    def read_labelled(self, place: Path, expected: ExpectedData) -> Samples:
        source: Source = (
            Csv(
                path=str(place),
                label=expected.label,
                dates=self.dates,
                missing_target=self.missing_target,
            )
            if expected.columns
            else Npz(path=str(place), missing_target=self.missing_target)
        )
        return source.read_labelled(place, expected)
