"""CSV tables with numbers, text, dates and missing values, label columns and a weight column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from nnkit.config.spec import FilePath, Listed, Spec
from nnkit.data.dataset import Array, Column, Dataset, Samples
from nnkit.data.sources.source import Source, TableRows, renumbered
from nnkit.data.tables.column_report import ColumnReport, Role, report_column
from nnkit.data.tables.conversion import UnknownWords, date_parts, numbers, word_indices
from nnkit.data.tables.dates import DateOrder, DatePart
from nnkit.data.tables.dialect import Dialect
from nnkit.data.tables.kinds import ColumnProfile, has_infinity, profile_column
from nnkit.data.tables.labels import (
    MOST_CLASSES,
    class_labels,
    looks_like_classes,
    merged_spellings,
    spelled_as,
)
from nnkit.data.tables.number_format import MISSING, NumberFormat
from nnkit.data.tables.objections import column_notices, header_notice, objection
from nnkit.data.tables.parsed_table import ParsedTable, column_index
from nnkit.data.tables.table_cache import cached_table
from nnkit.data.tables.table_reader import column_names, read_table
from nnkit.errors import DataError, SettingError

Character = Annotated[str, Field(min_length=1, max_length=1, pattern="^[\x01-\x7f]$")]
Names = Annotated[tuple[str, ...], Listed]


class DateColumn(Spec):
    """The numbers that a column of dates becomes, one for each part.

    `elapsed_days` counts from 1970-01-01, with the time of day as a fraction; `weekday` is 1 for
    Monday to 7 for Sunday (ISO 8601); `hour` has minutes as a fraction.
    """

    shorthand: ClassVar[str | None] = "parts"
    parts: Annotated[tuple[DatePart, ...], Listed, Field(min_length=1)] = Field(
        description="The numbers, in order.", examples=[["elapsed_days", "month"]]
    )
    order: DateOrder = Field(
        "year_first", description="Of day, month and year: 2024-03-01, 1.3.2024 or 3/1/2024."
    )


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
    decimal: Literal[".", ","] = Field(".", description="The decimal mark.")
    thousands: Literal[",", ".", " ", "'"] | None = Field(
        None, description="The mark between groups of three digits."
    )
    units: Names = Field(
        (), description="Texts before or after numbers that are not part of them, such as `%`."
    )
    dates: dict[str, DateColumn] = Field(
        default_factory=dict,
        description="Columns of dates, with the numbers they become: "
        "`{sold_on: [elapsed_days, month]}`.",
    )
    words: Names = Field(
        (), description="Columns of words, even if they look like numbers, such as postcodes."
    )
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
        )

    @property
    def number_format(self) -> NumberFormat:
        """The notation of numbers and missing values."""
        missing = tuple(dict.fromkeys(("", *self.missing, *self.also_missing)))
        return NumberFormat(missing, self.decimal, self.thousands, tuple(self.units))

    def read_rows(
        self, path: Path, columns: Sequence[Column], *, unknown: UnknownWords = "error"
    ) -> TableRows:
        ragged: dict[int, str] = {}
        table = self._read_other(path, columns, ragged=ragged)
        lines = table.lines.of_all(table.rows)
        rows = np.searchsorted(lines, list(ragged)).tolist()
        errors = dict(zip(rows, ragged.values(), strict=True))
        inputs = self._matched_inputs(table, columns, unknown, errors)
        return TableRows(inputs, lines.tolist(), errors)

    def read_labelled(
        self,
        place: Path,
        columns: Sequence[Column],
        label: str,
        classes: Sequence[str] | None,
        *,
        unknown: UnknownWords = "error",
    ) -> Samples:
        if isinstance(self.label, tuple):
            labels: Sequence[str | int] = self.label
        else:
            # By name, if the checkpoint knows it, because the columns may be in another order.
            labels = [label if self.header and label else self.label]
        weights = [] if self.weights is None else [self.weights]
        table = self._read_other(
            place, columns, also=[*labels, *weights], as_words=[] if classes is None else labels
        )
        indices = [table.index(name) for name in labels]
        for index in indices:
            _check_labels_present(table, index)
        if classes is None:
            targets = np.column_stack([numbers(table, index) for index in indices])
        else:
            found, names = class_labels(table, indices[0], least=1)
            targets = renumbered(found, spelled_as(names, classes), classes, str(place))
        return Samples(
            self._matched_inputs(table, columns, unknown),
            targets,
            _weights(table, table.index(weights[0])) if weights else None,
            lines=table.lines.of_all(table.rows),
        )

    def _read_other(
        self,
        path: Path,
        columns: Sequence[Column],
        *,
        also: Sequence[str | int] = (),
        as_words: Sequence[str | int] = (),
        ragged: dict[int, str] | None = None,
    ) -> ParsedTable:
        """Reads some columns of another table: those of the inputs, and further ones.

        Args:
            path: the file.
            columns: the inputs of the model.
            also: further columns.
            as_words: those of which the words are needed.
            ragged: as for `read_table`; with it, columns with wrong cells are read as words.
        """
        dialect = replace(self.dialect, leave_out=())  # these are lines of the source's own file
        names = column_names(path, dialect)
        wordy = {column_index(path, names, name) for name in as_words}
        needed = {column_index(path, names, name) for name in also}
        for column in columns:
            index, _, part = self._origin(path, names, column)
            needed.add(index)
            if part or column.categories:
                wordy.add(index)
        skip = set(range(len(names))) - needed
        table = cached_table(
            path, dialect, self.number_format, skip=skip, as_words=wordy, ragged=ragged
        )
        wrong = {i for i, c in table.columns.items() if c.too_many or (c.odd and c.codes is None)}
        if ragged is None or not wrong:
            return table
        again = read_table(
            path,
            dialect,
            self.number_format,
            skip=set(range(len(names))) - wrong,
            as_words=wrong,
            ragged=ragged,
        )
        return replace(table, columns={**table.columns, **again.columns})

    def _matched_inputs(
        self,
        table: ParsedTable,
        columns: Sequence[Column],
        unknown: UnknownWords,
        errors: dict[int, str] | None = None,
    ) -> Array:
        """The inputs (n, columns) of another table, by name; `errors` as for `numbers`."""
        inputs = np.empty((table.rows, len(columns)))
        for i, column in enumerate(columns):
            index, name, part = self._origin(table.path, table.names, column)
            if part is not None:
                order = self.dates[name].order
                inputs[:, i] = date_parts(table, index, order, [part], errors)[:, 0]
            elif column.categories:
                inputs[:, i] = word_indices(
                    table, index, column.categories, unknown=unknown, errors=errors
                )
            else:
                inputs[:, i] = numbers(table, index, errors)
        return inputs

    def _origin(
        self, path: Path, names: Sequence[str], column: Column
    ) -> tuple[int, str, DatePart | None]:
        """The column of a file from which an input comes: its index, name and part of dates."""
        name, part = self._date_part(column.name)
        return column_index(path, names, name if self.header else int(name)), name, part

    def _date_part(self, name: str) -> tuple[str, DatePart | None]:
        """The column from which an input comes, and the part of its dates."""
        for column, date in self.dates.items():
            for part in date.parts:
                if name == f"{column}.{part}":
                    return column, part
        return name, None

    def load(self) -> Dataset:
        names = column_names(Path(self.path), self.dialect)
        roles = self._roles(names)
        table = self._read(names, roles, everything=False)
        inputs = [i for i in range(len(names)) if i not in roles]
        label = ", ".join(names[i] for i in roles.labels)
        if not inputs:
            hint = "; is data.source.delimiter right?" if len(names) == 1 else ""
            raise DataError(
                f"{self.path}: no input column is left besides the label '{label}'{hint}"
            )
        profiles = {i: profile_column(table, i) for i in (*inputs, *roles.labels)}
        self._check_inputs(table, {i: profiles[i] for i in inputs})
        targets, classes = self._targets(table, roles.labels, profiles)
        values, columns = self._inputs(table, inputs)
        weights = None
        if roles.weights is not None:
            weights = _weights(table, roles.weights)
        return Dataset(
            Samples(values, targets, weights, lines=table.lines.of_all(table.rows)),
            classes=classes,
            columns=columns,
            label=label,
            notices=(
                *header_notice(table, profiles),
                *column_notices(table, [profiles[i] for i in inputs if self._is_open(names[i])]),
                *self._label_notices(table, roles.labels, profiles, classes),
            ),
        )

    def column_report(self) -> tuple[ColumnReport, ...]:
        table = self.read_everything()
        names, roles = table.names, self._roles(table.names)
        return tuple(
            report_column(
                table,
                profile_column(table, i),
                index=i,
                role=self._role(roles, i),
                is_words=names[i] in self.words,
                date_parts=self.dates[names[i]].parts if names[i] in self.dates else (),
                classes=self._is_classification(table, i) if i in roles.labels else False,
            )
            for i in range(len(names))
        )

    def read_everything(self) -> ParsedTable:
        """Reads all columns of the table, whatever their role.

        Raises:
            DataError: the file is missing, damaged or empty.
            SettingError: a setting names a column that does not exist.
        """
        names = column_names(Path(self.path), self.dialect)
        return self._read(names, self._roles(names), everything=True)

    def _role(self, roles: Roles, index: int) -> Role:
        if index in roles.labels:
            return "label"
        if index == roles.weights:
            return "weights"
        return "ignored" if index in roles.ignored else "input"

    def _read(self, names: Sequence[str], roles: Roles, *, everything: bool) -> ParsedTable:
        wordy = [self._index(names, name, "words", i) for i, name in enumerate(self.words)]
        wordy += [self._index(names, name, "dates", name) for name in self.dates]
        if self.task == "classification":
            wordy += roles.labels
        return cached_table(
            Path(self.path),
            self.dialect,
            self.number_format,
            skip=() if everything else roles.ignored,
            as_words=wordy,
        )

    def _index(self, names: Sequence[str], column: str | int, *setting: str | int) -> int:
        try:
            return column_index(Path(self.path), names, column)
        except DataError as error:
            raise SettingError(("data", "source", *setting), str(error)) from None

    def _roles(self, names: Sequence[str]) -> Roles:
        """The columns that are not inputs.

        Raises:
            SettingError: a column does not exist, or has two roles.
        """
        several = isinstance(self.label, tuple)
        labels = self.label if isinstance(self.label, tuple) else (self.label,)
        named: list[tuple[str | int, tuple[str | int, ...]]] = [
            *((name, ("label", i) if several else ("label",)) for i, name in enumerate(labels)),
            *([] if self.weights is None else [(self.weights, ("weights",))]),
            *((name, ("ignore", i)) for i, name in enumerate(self.ignore)),
        ]
        roles: dict[int, str] = {}
        for name, setting in named:
            column, role = self._index(names, name, *setting), str(setting[0])
            taken = roles.get(column)
            if taken is not None and (taken, role) != ("ignore", "ignore"):
                raise SettingError(
                    ("data", "source", *setting),
                    f"'{names[column]}' is already used as data.source.{taken}",
                )
            roles[column] = role
        return Roles(
            tuple(i for i, role in roles.items() if role == "label"),
            next((i for i, role in roles.items() if role == "weights"), None),
            frozenset(i for i, role in roles.items() if role == "ignore"),
        )

    def _check_inputs(self, table: ParsedTable, profiles: Mapping[int, ColumnProfile]) -> None:
        """Checks that it is clear what each input column is.

        Raises:
            DataError: a number is not finite.
            SettingError: the message names all columns that are not clear.
        """
        for i, profile in profiles.items():
            if self._is_open(profile.name) and has_infinity(profile):
                numbers(table, i)
        found = [
            text
            for profile in profiles.values()
            if self._is_open(profile.name)
            if (text := objection(table, profile)) is not None
        ]
        if found:
            raise SettingError(("data", "source"), "\n".join(found), exit_code=3)

    def _is_open(self, name: str) -> bool:
        """Whether no setting says what a column contains."""
        return name not in self.words and name not in self.dates

    def _inputs(
        self, table: ParsedTable, indices: Sequence[int]
    ) -> tuple[Array, tuple[Column, ...]]:
        """The inputs (n, columns), with their columns."""
        columns: list[Column] = []
        places: list[int] = []
        for i in indices:
            name = table.names[i]
            if name in self.dates:
                own = [Column(f"{name}.{part}") for part in self.dates[name].parts]
            else:
                own = [Column(name, self._categories(table, i))]
            columns += own
            places += [i] * len(own)
        values = np.empty((table.rows, len(columns)))
        at = 0
        for i in indices:
            name = table.names[i]
            if name in self.dates:
                date = self.dates[name]
                found = date_parts(table, i, date.order, date.parts)
                values[:, at : at + len(date.parts)] = found
                at += len(date.parts)
                continue
            categories = columns[at].categories
            values[:, at] = word_indices(table, i, categories) if categories else numbers(table, i)
            at += 1
        return values, tuple(columns)

    def _categories(self, table: ParsedTable, index: int) -> tuple[str, ...]:
        """The words of a column in order; none if it is one of numbers."""
        column = table.columns[index]
        if table.names[index] not in self.words and not column.odd:
            return ()
        return tuple(sorted(column.words))

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
        for label in labels:
            _check_labels_present(table, label)
        if len(labels) > 1:
            if self.task == "classification":
                raise SettingError(
                    ("data", "source", "task"),
                    f"classes must be in one column, but data.source.label lists {len(labels)}",
                )
            return np.column_stack([numbers(table, label) for label in labels]), None
        label = labels[0]
        if not self._is_classification(table, label):
            return numbers(table, label)[:, None], None
        if self.task is None and (text := objection(table, profiles[label])) is not None:
            raise SettingError(("data", "source", "label"), text, exit_code=3)
        return class_labels(table, label)

    def _label_notices(
        self,
        table: ParsedTable,
        labels: Sequence[int],
        profiles: Mapping[int, ColumnProfile],
        classes: Sequence[str] | None,
    ) -> list[str]:
        """Messages about what the label is taken for, where this is not obvious."""
        if len(labels) > 1:
            return []
        profile = profiles[labels[0]]
        found = [] if classes is None else merged_spellings(table, labels[0])
        if self.task is None and profile.whole and profile.numbers == profile.present:
            count = f"label '{profile.name}' has {profile.distinct} different whole numbers"
            if classes is not None and profile.distinct > MANY_INTEGER_CLASSES:
                found.append(
                    f"{count}: taken as classes; data.source.task: regression predicts a number"
                )
            if classes is None and profile.distinct <= MOST_CLASSES:
                found.append(
                    f"{count} in {profile.rows} rows: taken as a number; "
                    "data.source.task: classification predicts classes"
                )
        return found


MANY_INTEGER_CLASSES = 10  # more different whole numbers could as well be a quantity


@dataclass(frozen=True, slots=True)
class Roles:
    """The columns of a table that are not inputs, by index."""

    labels: tuple[int, ...]
    weights: int | None
    ignored: frozenset[int]

    def __contains__(self, index: int) -> bool:
        return index in self.labels or index == self.weights or index in self.ignored


def _check_labels_present(table: ParsedTable, label: int) -> None:
    row = table.first_missing(label)
    if row is not None:
        raise DataError(
            f"{table.place(row)}: the label '{table.names[label]}' is missing; "
            "fill it in, or remove the row"
        )


def _weights(table: ParsedTable, index: int) -> Array:
    """The sample weights, (n,)."""
    weights = numbers(table, index)
    name = f"the weight '{table.names[index]}'"
    missing = np.isnan(weights)
    if missing.any():
        row = int(np.argmax(missing))
        raise DataError(f"{table.place(row)}: {name} is missing; fill it in, or remove the row")
    if (weights < 0).any():
        row = int(np.argmax(weights < 0))
        raise DataError(f"{table.place(row)}: {name} is {weights[row]:g}; it must not be negative")
    if not weights.any():
        raise DataError(f"{table.path}: {name} is 0 in every row, so there is nothing to learn")
    return weights
