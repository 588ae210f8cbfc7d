"""CSV tables with numbers, text, dates and missing values, label columns and a weight column."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from nnkit.data.class_numbers import renumbered
from nnkit.data.dataset import Array, Column, Dataset, Samples
from nnkit.data.sources.csv_settings import CsvSettings
from nnkit.data.sources.source import ExpectedData, TableRows
from nnkit.data.tables.column_report import ColumnReport, report_column
from nnkit.data.tables.conversion import UnknownWords
from nnkit.data.tables.held_out_columns import compare_columns
from nnkit.data.tables.kinds import ColumnProfile, profile_column
from nnkit.data.tables.labels import class_labels, looks_like_classes, spelled_as
from nnkit.data.tables.objections import column_notices, header_notice, objection
from nnkit.data.tables.parsed_table import ParsedTable
from nnkit.data.tables.roles import ColumnName, Roles, assign_roles, setting_index
from nnkit.data.tables.table_cache import cached_table
from nnkit.data.tables.table_checks import check_has_labels, check_inputs, check_names
from nnkit.data.tables.table_inputs import InputReader, input_columns
from nnkit.data.tables.table_reader import column_names
from nnkit.data.tables.table_targets import (
    label_notices,
    missing_labels,
    real_targets,
    weight_column,
)
from nnkit.errors import DataError, SettingError


class Csv(CsvSettings):
    """A CSV file: label and weights columns by name or index, all others are inputs.

    A column is numeric if all cells that are not missing are numbers, otherwise it is text. A
    column of numbers with a few exceptions, or of words that differ from row to row, is an error,
    until a setting says what it is. `nnkit data check` shows what each column is taken for.
    """

    def read(self) -> Dataset:
        return self._dataset(InputReader.values)

    def outline(self) -> Dataset:
        return self.with_held_out(self._dataset(InputReader.missing_values), unknown="ignore")

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
        check_inputs(table, [profiles[i] for i in inputs if self.is_open(names[i])])
        missing = missing_labels(table, roles.labels)
        missing.check(self.missing_target)
        targets, classes = self._targets(table, roles.labels, profiles)
        columns = tuple(input_columns(table, inputs, self.words, self.dates))
        check_names(columns)
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
        yield from column_notices(table, [p for p in inputs if self.is_open(p.name)])
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
        dialect = self.dialect_of(path, columns)
        table = reader.read(path, dialect, self.number_format, ragged=ragged)
        lines = table.lines.of_all(table.rows)
        rows = np.searchsorted(lines, list(ragged)).tolist()
        errors = dict(zip(rows, ragged.values(), strict=True))
        return TableRows(reader.values(table, errors), lines.tolist(), errors)

    def check_columns(self, path: Path, columns: Sequence[Column]) -> None:
        InputReader(columns, self.dates).places(path, self.dialect_of(path, columns))

    def read_labelled(self, place: Path, expected: ExpectedData) -> Samples:
        if isinstance(self.label, tuple):
            labels: Sequence[ColumnName] = self.label
        else:
            # By name, if the checkpoint knows it, because the columns may be in another order.
            labels = [expected.label if self.header and expected.label else self.label]
        dialect = self.dialect_of(place, expected.columns)
        check_has_labels(place, dialect, labels)
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
            name: compare_columns(table, place, self.other_dialect, wordy)
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
