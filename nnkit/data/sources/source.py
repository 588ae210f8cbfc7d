"""The base class of data sources."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from nnkit.config.spec import PATH_SETTINGS, Component
from nnkit.data.class_numbers import renumbered
from nnkit.data.dataset import Array, Column, Dataset, Samples
from nnkit.data.missing_targets import OnMissing
from nnkit.data.records import Notation
from nnkit.data.tables.column_report import ColumnReport
from nnkit.data.tables.conversion import UnknownWords
from nnkit.data.text.text_coding import TextCoding
from nnkit.errors import DataError, SettingError, UsageError

HELD_OUT = ("validation", "test")  # sets that may be in files of their own


@dataclass(frozen=True, slots=True)
class TableRows:
    """The rows of a table as raw inputs, and the reason why some of them cannot be used.

    Attributes:
        inputs: raw inputs (n, columns), NaN for missing and for unreadable cells.
        lines: the line of each row in its file, from 1, (n,).
        errors: a message with file and line for each unusable row, by its index.
    """

    inputs: Array
    lines: Sequence[int]
    errors: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class ExpectedData:
    """The columns, label and classes that labelled data for a trained model must have.

    Attributes:
        columns: the columns of the table, matched by name; empty for other data.
        label: the name of the predicted quantity; "" if the source gives none.
        classes: the names of the predicted classes, by number; None for numbers.
        unknown: as for `Source.read_rows`.
    """

    columns: Sequence[Column] = ()
    label: str = ""
    classes: Sequence[str] | None = None
    unknown: UnknownWords = "error"


class Source(Component):
    """The data source."""

    @classmethod
    def has_setting(cls, setting: str) -> bool:
        """Whether the source has a setting, which a message may advise."""
        return setting in cls.model_fields

    def share_setting(self, name: str) -> str:
        """The setting that says how large a held-out set is that is not in a file of its own.

        Args:
            name: `validation` or `test`.
        """
        return f"data.split.{name}"

    @property
    def has_digits(self) -> bool:
        """Whether its samples are images of digits, so that models read numbers in pictures."""
        return False

    @property
    def on_missing_target(self) -> OnMissing:
        """The treatment of samples without a target: the setting, for sources that have it."""
        found: OnMissing = getattr(self, "missing_target", "error")
        return found

    @property
    def notation(self) -> Notation:
        """The notation of tables in memory that are given to its models."""
        return Notation()

    @property
    def text_coding(self) -> TextCoding:
        """The coding of its texts unless the config sets another."""
        return TextCoding()

    @property
    def held_out(self) -> dict[str, Path]:
        """The files or folders in which settings say that held-out sets are, by set."""
        places = {name: getattr(self, name, None) for name in HELD_OUT}
        return {name: Path(place) for name, place in places.items() if place is not None}

    def naive_forecast(self, inputs: Array) -> Array | None:
        """Predicts the last value of each series again, a forecast that needs no training.

        Args:
            inputs: raw inputs (n, columns, window).

        Returns:
            Predictions (n, outputs); None for data that is not a series, or without its own past.
        """
        return None

    @abstractmethod
    def read(self) -> Dataset:
        """Reads the data, without the sets in files of their own.

        Raises:
            DataError: the data is missing, damaged or empty; the message gives the location.
        """

    def load(self, *, unknown: UnknownWords = "error") -> Dataset:
        """Reads the data, and the held-out sets in files of their own as other labelled data.

        Args:
            unknown: as for `read_rows`, of words in held-out sets.

        Raises:
            DataError: the data is missing, damaged or empty; the message gives the location.
            SettingError: a held-out set does not fit the data, or there are two.
        """
        return self.with_held_out(self.read(), unknown=unknown)

    def outline(self) -> Dataset:
        """The data as `load` gives it to a starter config, if possible without reading inputs.

        Unknown words in held-out sets are ignored. Sizes, names and targets are right; inputs may
        all be NaN.

        Raises:
            DataError, SettingError: as `load`.
        """
        return self.load(unknown="ignore")

    def with_held_out(self, dataset: Dataset, *, unknown: UnknownWords = "error") -> Dataset:
        """Adds the held-out sets in files of their own to data that was read.

        Args:
            dataset: the data.
            unknown: as for `read_rows`.

        Raises:
            SettingError: a set does not fit the data, or the data has such a set already.
        """
        if not self.held_out:
            return dataset
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            sets = {
                name: self._held_out(name, place, dataset, unknown)
                for name, place in self.held_out.items()
            }
        return replace(
            dataset,
            validation=sets.get("validation", dataset.validation),
            test=sets.get("test", dataset.test),
            notices=(*dataset.notices, *(str(warning.message) for warning in caught)),
        )

    def _held_out(self, name: str, place: Path, dataset: Dataset, unknown: UnknownWords) -> Samples:
        """Reads a held-out set in a file of its own.

        Raises:
            SettingError: it does not fit the data, or the data has such a set already.
        """
        setting = ("data", "source", name)
        if getattr(dataset, name) is not None:
            raise SettingError(setting, f"the data has its own {name} set; remove this setting")
        others = {"path": getattr(self, "path", ""), **self.held_out}
        if twice := [n for n, other in others.items() if n != name and _is_same(other, place)]:
            raise SettingError(
                setting,
                f"{place} is data.source.{twice[0]}, too; held-out sets are other data",
            )
        try:
            expected = ExpectedData(dataset.columns, dataset.label, dataset.classes, unknown)
            samples = self.read_labelled(place, expected)
        except DataError as error:
            raise SettingError(setting, str(error), exit_code=3) from None
        shape = samples.inputs.shape[1:]
        if shape != dataset.input_shape:
            raise SettingError(
                setting,
                f"{place}: samples of shape {shape}, but training samples of shape "
                f"{dataset.input_shape}",
                exit_code=3,
            )
        return samples

    def files(self) -> list[Path]:
        """The files that the data is read from, those in folders included; missing ones too."""
        found: list[Path] = []
        for name, value in self:
            if name in PATH_SETTINGS and isinstance(value, str):
                path = Path(value)
                within = sorted(path.rglob("*")) if path.is_dir() else [path]
                found += [file for file in within if not file.is_dir() and file.name[0] != "."]
        return found

    def moved(self, place: Path) -> Self:
        """Returns a copy of the source whose `path` is another file or folder.

        Held-out sets that are no longer in their places are looked for beside it.

        Raises:
            UsageError: the source has no path.
        """
        if "path" not in type(self).model_fields:
            raise UsageError(f"the config of '{self.tag()}' data contains no path")
        moved = {"path": place.resolve()}
        for name, other in self.held_out.items():
            beside = moved["path"].parent / other.name
            if beside.exists() and not other.exists():
                moved[name] = beside
        return self.model_copy(update={name: str(path) for name, path in moved.items()})

    def is_single_set(self, place: Path) -> bool:
        """Whether data at a place is one set, of which `read_labelled` reads the same as `read`.

        Args:
            place: a file or folder.
        """
        return True

    def read_picture(self, path: Path, shape: tuple[int, ...]) -> Array:
        """Reads a picture as a raw input (*shape), in the same way as the source's own pictures.

        Raises:
            DataError: the file is not a readable picture, or the source has no pictures.
        """
        raise DataError(f"{path}: this model reads {self.tag()} data, not pictures")

    def column_report(self) -> tuple[ColumnReport, ...]:
        """Reports what each column of a table contains, and what becomes of it.

        Returns:
            A report for each column; nothing if the data is not a table with named columns.

        Raises:
            DataError: the data is missing, damaged or empty.
        """
        return ()

    def read_rows(
        self, path: Path, columns: Sequence[Column], *, unknown: UnknownWords = "error"
    ) -> TableRows:
        """Reads the rows of a table, in the same way as the source's own table.

        A wrong cell makes its row unusable, but not the others.

        Args:
            path: the file.
            columns: the columns of the table that the model was trained on, matched by name.
            unknown: `ignore` gives words that are not among a column's categories the index -1,
                with a warning, instead of an error.

        Raises:
            DataError: the table does not exist, a column is missing, or the source has no tables.
        """
        raise DataError(f"{path}: this model reads {self.tag()} data, not CSV")

    def check_columns(self, path: Path, columns: Sequence[Column]) -> None:
        """Checks that a table has the columns from which a model of the source predicts.

        Args:
            path: the table.
            columns: as for `read_rows`.

        Raises:
            DataError: the table cannot be read, or lacks a column; only sources of tables check.
        """
        return

    def read_table(
        self, path: Path, columns: Sequence[Column], *, unknown: UnknownWords = "error"
    ) -> Array:
        """Reads a table as raw inputs (n, columns), in the same way as the source's own table.

        Args:
            path: the file.
            columns: as for `read_rows`.
            unknown: as for `read_rows`.

        Raises:
            DataError: the table or a cell of it cannot be read.
        """
        rows = self.read_rows(path, columns, unknown=unknown)
        for message in rows.errors.values():
            raise DataError(message)
        return rows.inputs

    def read_labelled(self, place: Path, expected: ExpectedData) -> Samples:
        """Reads all samples of another labelled file or folder: a held-out set, or other data.

        Args:
            place: the file or folder.
            expected: the columns, the label and the classes of the training data.

        Raises:
            DataError: the data cannot be read, or contains a class that the model does not know.
            UsageError: the source has no path.
        """
        dataset = self.moved(place).read()
        for notice in dataset.notices:
            warnings.warn(notice, stacklevel=2)
        samples = dataset.samples
        numbers = renumbered(samples.targets[:], dataset.classes, expected.classes, str(place))
        return replace(samples, targets=numbers)


def _is_same(place: str | Path, other: Path) -> bool:
    return Path(place).resolve() == other.resolve()


def existing(path: str, what: str) -> Path:
    """Returns the path if it exists.

    Raises:
        DataError: it does not exist.
    """
    found = Path(path)
    if not found.exists():
        raise DataError(f"{path}: no such {what}")
    return found
