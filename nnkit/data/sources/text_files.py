"""Texts on disk: plain text, pairs of texts, and sentences with tags."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from nnkit.config.spec import Count, FilePath
from nnkit.data.class_numbers import renumbered
from nnkit.data.dataset import Column, Dataset, Samples
from nnkit.data.sources.csv_settings import Character
from nnkit.data.sources.source import ExpectedData, Source, existing
from nnkit.data.text.csv_pairs import check_csv_column, read_csv_pairs, read_csv_texts
from nnkit.data.text.tagged_sentences import read_tagged
from nnkit.data.text.text_coding import TextCoding
from nnkit.data.text.text_folder import read_lines_of
from nnkit.data.text.text_pairs import ColumnChoice, TextPairs, numbered_lines, read_pairs
from nnkit.data.text.text_units import WhitespaceUnit
from nnkit.data.texts import text_array
from nnkit.errors import DataError

Part = Annotated[float, Field(ge=0)]


class _TextFile(Source):
    """Texts in a file, with further files for the held-out sets where there are any."""

    path: FilePath = Field(description="The file, in UTF-8, compressed by gzip or not.")
    validation: FilePath | None = Field(None, description="The same with a validation set.")
    test: FilePath | None = Field(None, description="The same with a test set.")

    def read(self) -> Dataset:
        return self._read(existing(self.path, "file"))

    @abstractmethod
    def _read(self, path: Path) -> Dataset:
        """Reads the texts of one file."""

    def is_single_set(self, place: Path) -> bool:
        return self.validation is None and self.test is None

    def read_labelled(self, place: Path, expected: ExpectedData) -> Samples:
        found = self._read(existing(str(place), "file"))
        if expected.classes is None:
            return found.samples
        numbers = np.asarray(found.samples.targets)
        return replace(
            found.samples, targets=renumbered(numbers, found.classes, expected.classes, str(place))
        )


class PlainText(_TextFile):
    """A text file, whose lines are samples, or which is one long text; for language models.

    A folder stands for all text files in it (.txt, .txt.gz), one after the other.
    """

    kind: Literal["text"] = "text"
    path: FilePath = Field(
        description="The file, in UTF-8, compressed by gzip or not, or a folder of such files, "
        "which are read in the order of their paths."
    )
    samples: Literal["document", "lines"] = Field(
        "document",
        description="Whether the file is one text, which `data.windows` divides, or each line is "
        "a text of its own.",
    )
    first: Count | None = Field(
        None, description="Use only so many characters from the beginning of a document."
    )
    validation_part: Part = Field(
        0.1,
        description="The end of a document that is the validation set: a share below 1, or a "
        "number of characters.",
    )
    test_part: Part = Field(0.0, description="The same for the test set, which is last.")

    def share_setting(self, name: str) -> str:
        is_document = self.samples == "document"
        return f"data.source.{name}_part" if is_document else super().share_setting(name)

    def _read(self, path: Path) -> Dataset:
        lines = read_lines_of(path)
        if self.samples == "document":
            return self._document("\n".join(lines.texts), path, lines.notices)
        kept = [(text, n) for n, text in enumerate(lines.texts, 1) if text.strip()]
        if not kept:
            raise DataError(f"{path}: contains no text")
        texts, numbers = zip(*kept, strict=True)
        notices = lines.notices
        if path.is_dir():  # whose lines have no common numbers
            return Dataset(_without_targets(texts, path), notices=notices)
        if blank := [n for n, text in enumerate(lines.texts, 1) if not text.strip()]:
            notices += (f"{path}: {numbered_lines(blank, 'blank line')} left out",)
        return Dataset(_without_targets(texts, path, numbers), notices=notices)

    def _document(self, text: str, path: Path, notices: tuple[str, ...]) -> Dataset:
        text = text[: self.first]
        if not text.strip():
            raise DataError(f"{path}: contains no text")
        sizes = [_size(part, len(text)) for part in (self.validation_part, self.test_part)]
        if self.validation is not None or self.test is not None:
            sizes = [0, 0]
        if sum(sizes) >= len(text):
            raise DataError(f"{path}: only {len(text):,} characters; none are left for training")
        ends = np.cumsum([len(text) - sum(sizes), *sizes]).tolist()
        train, *others = (text[a:b] for a, b in zip([0, *ends[:-1]], ends, strict=True))
        validation, test = (_without_targets([part], path) if part else None for part in others)
        return Dataset(
            _without_targets([train], path),
            test=test,
            validation=validation,
            notices=notices,
            is_divided=True,
        )


class Pairs(_TextFile):
    """Pairs of texts in two columns, such as sentences and their translations.

    Columns are separated by tabs, without quotes, or else are those of a CSV file.
    """

    kind: Literal["pairs"] = "pairs"
    delimiter: Character = Field(
        "\t", description="Field separator; with another than a tab, cells may be in quotes."
    )
    source: ColumnChoice = Field(0, description="The column of the inputs: its index, or its name.")
    target: ColumnChoice = Field(1, description="The column of the targets.")
    header: bool | None = Field(
        None,
        description="Whether the first line names the columns; default: found out, and true with "
        "another delimiter than a tab.",
    )
    targets: Literal["text", "class", "number"] = Field(
        "text", description="What the targets are: texts, classes, or numbers."
    )

    def reads_columns_of(self, path: Path) -> bool:
        """Whether a file to predict from is a table like the source's, rather than plain texts."""
        return self.delimiter != "\t" and path.suffix.lower() == ".csv"

    def read_sources(self, path: Path) -> list[tuple[int, str, str | None]]:
        """Reads the texts of another table, as `read_csv_texts` does.

        Raises:
            DataError: the file cannot be read, or has no column of texts like the source's.
        """
        return read_csv_texts(
            path, self.source, delimiter=self.delimiter, header=self.header is not False
        )

    def check_columns(self, path: Path, columns: Sequence[Column]) -> None:
        check_csv_column(
            path, self.source, delimiter=self.delimiter, header=self.header is not False
        )

    def _read(self, path: Path) -> Dataset:
        if self.delimiter == "\t":
            pairs = read_pairs(path, self.source, self.target, header=self.header)
        else:
            pairs = read_csv_pairs(
                path,
                self.source,
                self.target,
                delimiter=self.delimiter,
                header=self.header is not False,
            )
        inputs, lines = text_array(pairs.sources), np.array(pairs.lines)
        label = pairs.names[1] if pairs.names else ""
        if self.targets == "text":
            samples = Samples(inputs, text_array(pairs.targets), lines=lines, file=str(path))
            return Dataset(samples, label=label, notices=pairs.notices)
        if self.targets == "number":
            samples = Samples(inputs, _numbers(pairs)[:, None], lines=lines, file=str(path))
            return Dataset(samples, label=label, notices=pairs.notices)
        classes, numbers = np.unique([t.strip() for t in pairs.targets], return_inverse=True)
        samples = Samples(inputs, numbers.astype(np.int64), lines=lines, file=str(path))
        return Dataset(samples, classes=tuple(classes.tolist()), label=label, notices=pairs.notices)


class TaggedText(_TextFile):
    """Sentences with a tag for each word.

    The file has a word and its tags on each line, as CoNLL-U and IOB files have, and a blank line
    between sentences; or a sentence, a tab and its tags on each line.
    """

    kind: Literal["tagged"] = "tagged"
    words: int | None = Field(
        None,
        description="The column of the words, from 0; default: the first, in CoNLL-U files the "
        "form.",
    )
    tags: int | None = Field(
        None,
        description="The column of the tags; default: the last, in CoNLL-U files the universal "
        "part of speech.",
    )

    @property
    def text_coding(self) -> TextCoding:
        return TextCoding(unit=WhitespaceUnit())

    def _read(self, path: Path) -> Dataset:
        found = read_tagged(path, self.words, self.tags)
        samples = Samples(
            text_array(found.sentences),
            text_array(found.tags),
            lines=np.array(found.lines),
            file=str(path),
        )
        return Dataset(samples, notices=found.notices)


def _without_targets(
    texts: Sequence[str], path: Path, lines: Sequence[int] | None = None
) -> Samples:
    """Texts without labels, whose next symbols are predicted."""
    numbers = None if lines is None else np.array(lines)
    return Samples(text_array(texts), np.zeros((len(texts), 0)), lines=numbers, file=str(path))


def _size(part: float, whole: int) -> int:
    return round(part * whole) if part < 1 else int(part)


def _numbers(pairs: TextPairs) -> np.ndarray:
    numbers = []
    for text, line in zip(pairs.targets, pairs.lines, strict=True):
        try:
            numbers.append(float(text))
        except ValueError:
            raise DataError(f"{pairs.path}:{line}: '{text}' is not a number") from None
        if not np.isfinite(numbers[-1]):
            raise DataError(f"{pairs.path}:{line}: '{text}' is not a finite number")
    return np.array(numbers)
