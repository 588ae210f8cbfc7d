"""The settings of CSV tables: how they are written, and what becomes of their columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from nnkit.config.spec import FilePath, Listed
from nnkit.data.dataset import Column
from nnkit.data.missing_targets import MISSING_TARGET, OnMissing
from nnkit.data.records import Notation
from nnkit.data.sources.source import Source
from nnkit.data.tables.dates import DateColumn, part_of
from nnkit.data.tables.dialect import Dialect
from nnkit.data.tables.number_format import MISSING, NumberFormat
from nnkit.data.tables.table_reader import first_cells

Character = Annotated[str, Field(min_length=1, max_length=1, pattern="^[\x01-\x7f]$")]
Names = Annotated[tuple[str, ...], Listed]


class CsvSettings(Source):
    """The settings of a CSV table."""

    kind: Literal["csv"] = "csv"
    path: FilePath = Field(description="The file.", examples=["table.csv"])
    label: str | int | Annotated[tuple[str | int, ...], Listed, Field(min_length=1)] = Field(
        -1,
        description="The label column: its name, or its index from 0; a list of columns if there "
        "are several numbers to predict.",
    )
    task: Literal["classification", "regression"] | None = Field(
        None,
        description="Default: classification for words and for up to 20 distinct integers, unless "
        "nearly every row has another one.",
    )
    header: bool = Field(True, description="Whether the first row names the columns.")
    delimiter: Character = Field(
        ",", description="Field separator; a space stands for any number of spaces and tabs."
    )
    quote: Character = Field('"', description="The quote around cells that contain separators.")
    encoding: Literal["utf-8", "utf-16", "cp1252", "latin-1"] = Field(
        "utf-8",
        description="The encoding of the file. UTF-16 with a byte order mark is recognized.",
    )
    skip_rows: Annotated[int, Field(ge=0)] = Field(
        0, description="Lines above the header to skip, such as a title."
    )
    leave_out: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Listed] = Field(
        (),
        description="Lines of this file, by number, that are no samples, such as units or totals.",
    )
    missing: Names = Field(
        MISSING,
        description="Cell contents that mean a missing value, besides empty cells; by default "
        "those of pandas, `?` and `-`.",
    )
    also_missing: Names = Field((), description="Further ones, in addition to `missing`.")
    missing_in: dict[str, Names] = Field(
        default_factory=dict,
        description='Further ones in single columns: `{age: ["999"]}`.',
    )
    decimal: Literal[".", ","] = Field(".", description="The decimal mark.")
    thousands: Literal[",", ".", " ", "'"] | None = Field(
        None, description="The mark between groups of three digits."
    )
    units: Names = Field(
        (), description="Texts before or after numbers that are not part of them, such as `%`."
    )
    parentheses: Literal["negative"] | None = Field(
        None,
        description="`negative` for accounts, in which (1,234) is below zero; by default, it is no "
        "number.",
    )
    dates: dict[str, DateColumn] = Field(
        default_factory=dict,
        description="Columns of dates, with the numbers they become: "
        "`{sold_on: [elapsed_days, month]}`.",
    )
    words: Names = Field(
        (), description="Columns of words, even if they look like numbers, such as postcodes."
    )
    validation: FilePath | None = Field(
        None,
        description="Another file with a validation set; its columns are matched by name.",
    )
    test: FilePath | None = Field(None, description="The same with a test set.")
    missing_target: OnMissing = Field("error", description=MISSING_TARGET)
    weights: str | int | None = Field(
        None, description="The column of sample weights, which must not be negative."
    )
    ignore: Names = Field((), description="Columns to leave out.")

    @model_validator(mode="after")
    def _marks_differ(self) -> Self:
        marks = [self.decimal, *([self.thousands] if self.thousands else [])]
        if len(set(marks)) < len(marks):
            raise ValueError("decimal and thousands must be different marks")
        return self

    @property
    def dialect(self) -> Dialect:
        """The division of the file into cells."""
        return Dialect(
            self.delimiter,
            self.quote,
            self.encoding,
            self.header,
            self.skip_rows,
            tuple(self.leave_out),
            frozenset(type(self).model_fields),
        )

    @property
    def notation(self) -> Notation:
        return Notation(self.dates, self.number_format)

    @property
    def number_format(self) -> NumberFormat:
        """The notation of numbers and missing values."""
        missing = tuple(dict.fromkeys(("", *self.missing, *self.also_missing)))
        return NumberFormat(
            missing,
            self.decimal,
            self.thousands,
            tuple(self.units),
            parentheses=self.parentheses == "negative",
            missing_in=tuple(self.missing_in.items()),
        )

    @property
    def other_dialect(self) -> Dialect:
        """The dialect of other tables: the lines to leave out are those of this one.

        A trained model reads them too, whose settings cannot be changed.
        """
        return replace(self.dialect, leave_out=(), settings=frozenset())

    def dialect_of(self, path: Path, columns: Sequence[Column]) -> Dialect:
        """The dialect of another table, which may begin with the names of the inputs' columns."""
        dialect = self.other_dialect
        if not (self.skip_rows and self.header):
            return dialect
        from_first = replace(dialect, skip_rows=0)
        inputs = {part_of(column.name, self.dates)[0] for column in columns}
        return from_first if inputs <= set(first_cells(path, from_first)) else dialect

    def is_open(self, name: str) -> bool:
        """Whether no setting says what a column contains."""
        return name not in self.words and name not in self.dates
