"""CSV tables with numbers, text, dates and missing values, label columns and a weight column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from nnkit.config.spec import FilePath, Listed
from nnkit.data.dataset import Array, Column, Dataset, Samples
from nnkit.data.missing_targets import MISSING_TARGET, OnMissing
from nnkit.data.records import Notation
from nnkit.data.sources.source import ExpectedData, Source, TableRows, renumbered
from nnkit.data.tables.column_report import ColumnReport, report_column
from nnkit.data.tables.conversion import UnknownWords, numbers
from nnkit.data.tables.dates import DateColumn, part_of
from nnkit.data.tables.dialect import Dialect, delimiter_question
from nnkit.data.tables.held_out_columns import compare_columns
from nnkit.data.tables.kinds import ColumnProfile, has_infinity, profile_column
from nnkit.data.tables.labels import class_labels, looks_like_classes, spelled_as
from nnkit.data.tables.number_format import MISSING, NumberFormat
from nnkit.data.tables.objections import column_notices, header_notice, objection
from nnkit.data.tables.parsed_table import ParsedTable, column_index
from nnkit.data.tables.roles import ColumnName, Roles, assign_roles, setting_index
from nnkit.data.tables.table_cache import cached_table
from nnkit.data.tables.table_inputs import InputReader, input_columns
from nnkit.data.tables.table_reader import column_names, first_cells
from nnkit.data.tables.table_targets import (
    label_notices,
    missing_labels,
    real_targets,
    weight_column,
)
from nnkit.errors import DataError, SettingError

Character = Annotated[str, Field(min_length=1, max_length=1, pattern="^[\x01-\x7f]$")]
Names = Annotated[tuple[str, ...], Listed]


class Csv(Source):
    """A CSV file: label and weights columns by name or index, all others are inputs.

    A column is numeric if all cells that are not missing are numbers, otherwise it is text. A
    column of numbers with a few exceptions, or of words that differ from row to row, is an error,
    until a setting says what it is. `nnkit data check` shows what each column is taken for.
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

    def read(self) -> Dataset:
        return self._dataset(InputReader.values)

    def outline(self) -> Dataset:
        return self.with_held_out(self._dataset(_no_inputs), unknown="ignore")

    def _dataset(self, inputs_of: Callable[[InputReader, ParsedTable], Array]) -> Dataset:
        """The data, with inputs (n, columns) that a function gives."""
        names, roles = self._columns()
        table = self._read(names, roles)
        inputs = [i for i in range(len(names)) if roles.of(i) == "input"]
        label = ", ".join(names[i] for i in roles.labels)
        if not inputs:
            hint = "; is data.source.delimiter right?" if len(names) == 1 else ""
            raise DataError(
                f"{self.path}: no input column is left besides the label '{label}'{hint}"
            )
        profiles = {i: profile_column(table, i) for i in (*inputs, *roles.labels)}
        _check_inputs(table, [profiles[i] for i in inputs if self._is_open(names[i])])
        missing = missing_labels(table, roles.labels)
        missing.check(self.missing_target)
        targets, classes = self._targets(table, roles.labels, profiles)
        columns = tuple(input_columns(table, inputs, self.words, self.dates))
        _check_names(columns)
        samples = Samples(
            inputs_of(InputReader(columns, self.dates), table),
            targets,
            None if roles.weights is None else weight_column(table, roles.weights, missing.absent),
            lines=table.lines.of_all(table.rows),
        )
        notices = self._notices(table, roles, profiles, is_classification=classes is not None)
        return Dataset(
            missing.drop(samples),
            classes=classes,
            columns=columns,
            label=label,
            notices=(*missing.notices(), *notices),
        )

    def _notices(
        self,
        table: ParsedTable,
        roles: Roles,
        profiles: Mapping[int, ColumnProfile],
        *,
        is_classification: bool,
    ) -> Iterator[str]:
        """Yields what there is to say about the header, the inputs and the label."""
        yield from header_notice(table, profiles)
        inputs = [profile for i, profile in profiles.items() if i not in roles.labels]
        yield from column_notices(table, [p for p in inputs if self._is_open(p.name)])
        if len(roles.labels) == 1:
            (label,) = roles.labels
            yield from label_notices(
                table,
                label,
                profiles,
                is_classification=is_classification,
                is_decided=self.task is not None,
            )

    def read_rows(
        self, path: Path, columns: Sequence[Column], *, unknown: UnknownWords = "error"
    ) -> TableRows:
        ragged: dict[int, str] = {}
        reader = InputReader(columns, self.dates, unknown)
        dialect = self._dialect_of(path, columns)
        table = reader.read(path, dialect, self.number_format, ragged=ragged)
        lines = table.lines.of_all(table.rows)
        rows = np.searchsorted(lines, list(ragged)).tolist()
        errors = dict(zip(rows, ragged.values(), strict=True))
        return TableRows(reader.values(table, errors), lines.tolist(), errors)

    def check_columns(self, path: Path, columns: Sequence[Column]) -> None:
        InputReader(columns, self.dates).places(path, self._dialect_of(path, columns))

    def read_labelled(self, place: Path, expected: ExpectedData) -> Samples:
        if isinstance(self.label, tuple):
            labels: Sequence[ColumnName] = self.label
        else:
            # By name, if the checkpoint knows it, because the columns may be in another order.
            labels = [expected.label if self.header and expected.label else self.label]
        dialect = self._dialect_of(place, expected.columns)
        _check_has_labels(place, dialect, labels)
        weights = [] if self.weights is None else [self.weights]
        reader = InputReader(expected.columns, self.dates, expected.unknown)
        table = reader.read(
            place,
            dialect,
            self.number_format,
            also=[*labels, *weights],
            as_words=[] if expected.classes is None else labels,
        )
        indices = [table.index(name) for name in labels]
        missing = missing_labels(table, indices)
        missing.check(self.missing_target)
        missing.warn()
        if expected.classes is None:
            targets = real_targets(table, indices)
        else:
            found, names = class_labels(table, indices[0], least=1)
            targets = renumbered(
                found, spelled_as(names, expected.classes), expected.classes, str(place)
            )
        samples = Samples(
            reader.values(table),
            targets,
            weight_column(table, table.index(weights[0]), missing.absent) if weights else None,
            lines=table.lines.of_all(table.rows),
        )
        return missing.drop(samples)

    @property
    def _other_dialect(self) -> Dialect:
        """The dialect of other tables: the lines to leave out are those of this one.

        A trained model reads them too, whose settings cannot be changed.
        """
        return replace(self.dialect, leave_out=(), settings=frozenset())

    def _dialect_of(self, path: Path, columns: Sequence[Column]) -> Dialect:
        """The dialect of another table, which may begin with the names of the inputs' columns."""
        dialect = self._other_dialect
        if not (self.skip_rows and self.header):
            return dialect
        from_first = replace(dialect, skip_rows=0)
        inputs = {part_of(column.name, self.dates)[0] for column in columns}
        return from_first if inputs <= set(first_cells(path, from_first)) else dialect

    def is_single_set(self, place: Path) -> bool:
        return not self.leave_out

    def column_report(self) -> tuple[ColumnReport, ...]:
        names, roles = self._columns()
        table = self._read(names, roles, everything=True)
        wordy = [
            i
            for i, column in table.columns.items()
            if names[i] in self.words or (column.odd and names[i] not in self.dates)
        ]
        others = {
            name: compare_columns(table, place, self._other_dialect, wordy)
            for name, place in self.held_out.items()
        }
        return tuple(
            report_column(
                table,
                profile_column(table, i),
                index=i,
                role=roles.of(i),
                is_words=name in self.words,
                date_parts=self.dates[name].parts if name in self.dates else (),
                classes=self._is_classification(table, i) if i in roles.labels else False,
                held_out={set_name: columns[i] for set_name, columns in others.items()},
            )
            for i, name in enumerate(names)
        )

    def read_everything(self, ragged: dict[int, str] | None = None) -> ParsedTable:
        """Reads all columns of the table, whatever their role.

        Args:
            ragged: as for `read_table`.

        Raises:
            DataError: the file is missing, damaged or empty.
            SettingError: a setting names a column that does not exist.
        """
        return self._read(*self._columns(), everything=True, ragged=ragged)

    def _columns(self) -> tuple[tuple[str, ...], Roles]:
        """The names of all columns, and the roles of those that are not inputs."""
        path = Path(self.path)
        names = column_names(path, self.dialect)
        return names, assign_roles(path, names, self.label, self.weights, self.ignore)

    def _read(
        self,
        names: Sequence[str],
        roles: Roles,
        *,
        everything: bool = False,
        ragged: dict[int, str] | None = None,
    ) -> ParsedTable:
        path = Path(self.path)
        for name in self.missing_in:
            setting_index(path, names, name, "missing_in", name)
        wordy = [setting_index(path, names, name, "words", i) for i, name in enumerate(self.words)]
        wordy += [setting_index(path, names, name, "dates", name) for name in self.dates]
        if self.task == "classification":
            wordy += roles.labels
        skip = () if everything else roles.ignored
        return cached_table(
            path, self.dialect, self.number_format, skip=skip, as_words=wordy, ragged=ragged
        )

    def _is_open(self, name: str) -> bool:
        """Whether no setting says what a column contains."""
        return name not in self.words and name not in self.dates

    def _is_classification(self, table: ParsedTable, label: int) -> bool:
        if self.task is not None:
            return self.task == "classification"
        return looks_like_classes(profile_column(table, label))

    def _targets(
        self,
        table: ParsedTable,
        labels: Sequence[int],
        profiles: Mapping[int, ColumnProfile],
    ) -> tuple[Array, tuple[str, ...] | None]:
        """Class numbers (n,) and class names, or real targets (n, labels)."""
        if len(labels) > 1 and self.task == "classification":
            raise SettingError(
                ("data", "source", "task"),
                f"classes must be in one column, but data.source.label lists {len(labels)}",
            )
        if len(labels) > 1 or not self._is_classification(table, labels[0]):
            return real_targets(table, labels), None
        if self.task is None and (text := objection(table, profiles[labels[0]])) is not None:
            raise SettingError(("data", "source", "label"), text, exit_code=3)
        return class_labels(table, labels[0])


def _no_inputs(reader: InputReader, table: ParsedTable) -> Array:
    """Inputs of the right shape, all of them missing, that take no memory."""
    return np.broadcast_to(np.nan, (table.rows, len(reader.columns)))


def _check_names(columns: Sequence[Column]) -> None:
    """Checks that no part of a date has the name of another input.

    Raises:
        SettingError: two inputs have one name.
    """
    names = Counter(column.name for column in columns)
    if twice := [name for name, count in names.items() if count > 1]:
        raise SettingError(
            ("data", "source", "dates"),
            f"two inputs would be named '{twice[0]}'; rename one",
        )


def _check_inputs(table: ParsedTable, profiles: Sequence[ColumnProfile]) -> None:
    """Checks that it is clear what each input column is that no setting decides.

    Raises:
        DataError: a number is not finite.
        SettingError: the message names all columns that are not clear.
    """
    for profile in profiles:
        if has_infinity(profile):
            numbers(table, table.index(profile.name))
    objections = (objection(table, profile) for profile in profiles)
    if found := [text for text in objections if text is not None]:
        raise SettingError(("data", "source"), "\n".join(found), exit_code=3)


def _check_has_labels(path: Path, dialect: Dialect, labels: Sequence[ColumnName]) -> None:
    """Checks that another table has the columns of labels.

    Raises:
        DataError: one is missing, as in tables for which only the author knows the labels.
    """
    names = column_names(path, dialect)
    for label in labels:
        try:
            column_index(path, names, label, delimiter_question(dialect))
        except DataError as error:
            if len(names) == 1:  # the message asks for the delimiter
                raise
            raise DataError(
                f"{error}; without labels, rows can be predicted, but not evaluated"
            ) from None
