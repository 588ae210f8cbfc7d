r"""Texts to predict from: lines of files and standard input, columns, and the command line.

Only \n and \r\n end a line, so that there are as many predictions as an editor counts lines. A line
that is not text does not spoil the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nnkit.cli.standard_input import Input

if TYPE_CHECKING:
    from nnkit.data.sources.text_files import Pairs

OPTION = "--text"  # what texts on the command line are named in messages


@dataclass(frozen=True, slots=True)
class TextLine:
    """A text to predict from.

    Attributes:
        path: the file, `stdin`, or `--text`.
        line: its line in the file, or its number among texts on the command line, from 1.
        text: the text, empty if there is an error.
        error: why the line is not text; None if it is.
    """

    path: str
    line: int
    text: str
    error: str | None = None

    @property
    def is_blank(self) -> bool:
        """Whether there is nothing to predict from, which is no error in a file."""
        return self.path != OPTION and not self.text.strip() and self.error is None

    @property
    def place(self) -> str:
        """The place of the line, for messages."""
        return f"{self.path} {self.line}" if self.path == OPTION else f"{self.path}:{self.line}"


def lines_of_file(file: Input) -> Iterator[TextLine]:
    """Yields the lines of a text file in UTF-8, compressed by gzip or not.

    Raises:
        DataError: the file cannot be read, or is UTF-16.
    """
    from nnkit.data.gzip_files import read_bytes
    from nnkit.data.text.text_lines import BYTE_ORDER_MARK, check_not_utf16

    content = read_bytes(file.path)
    check_not_utf16(content, file.name)
    lines = content.removeprefix(BYTE_ORDER_MARK.encode()).split(b"\n")
    if not lines[-1]:
        lines.pop()
    for number, line in enumerate(lines, 1):
        yield _line(file.name, number, line.removesuffix(b"\r"))


def source_column(lines: Iterable[TextLine], column: int | str) -> list[TextLine]:
    """Lines of which those with tabs are cut to the column of the sources, as in training.

    Args:
        lines: the lines of a file.
        column: the column: its index from 0, or its name in the first line.
    """
    found = list(lines)
    index = column
    if isinstance(index, str):
        names = found[0].text.split("\t") if found else []
        index = names.index(index) if index in names else 0
    cells = [line.text.split("\t") for line in found]
    return [
        replace(line, text=own[index]) if len(own) > 1 and -len(own) <= index < len(own) else line
        for line, own in zip(found, cells, strict=True)
    ]


def texts_of_table(file: Input, source: Pairs) -> Iterator[TextLine]:
    """Yields the texts in the column of a CSV file from which a model was trained to predict.

    Raises:
        DataError: the file cannot be read, or has no such column.
    """
    for line, text, error in source.read_sources(file.path):
        yield TextLine(file.name, line, text, error and file.named(error))


def lines_of_options(texts: Sequence[str]) -> Iterator[TextLine]:
    """Yields the texts given on the command line, which may contain line breaks."""
    for number, text in enumerate(texts, 1):
        yield _line(OPTION, number, text.encode(errors="surrogateescape"))


def _line(path: str, number: int, content: bytes) -> TextLine:
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        column = error.start + 1
        reason = f"{column}: byte {content[error.start]:#04x} is not UTF-8 text"
    else:
        if "\0" not in text:
            return TextLine(path, number, text)
        reason = f"{content.index(0) + 1}: a NUL character; the file is damaged, or not text"
    line = TextLine(path, number, "")
    return TextLine(path, number, "", f"{line.place}:{reason}")
