"""The dialect of a delimited text file: how bytes become rows of cells."""

from __future__ import annotations

import codecs
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from nnkit.errors import DataError

UTF_8, UTF_16, WESTERN = "utf-8", "utf-16", "cp1252"


@dataclass(frozen=True, slots=True)
class Dialect:
    """The division of a file into rows and cells.

    Attributes:
        delimiter: the character between cells; a space stands for any number of spaces and tabs.
        quote: the character around cells that contain the delimiter, quotes or line ends.
        encoding: the encoding of the text; a byte order mark of UTF-16 has precedence.
        header: whether the first row names the columns.
        skip_rows: the number of lines above the header, or above the first row.
        leave_out: numbers of lines, from 1, that hold no sample.
        settings: the settings of `data.source` that messages may advise; none where a file is read
            by a trained model, which has its settings.
    """

    delimiter: str = ","
    quote: str = '"'
    encoding: str = UTF_8
    header: bool = True
    skip_rows: int = 0
    leave_out: tuple[int, ...] = ()
    settings: frozenset[str] = field(default=frozenset(), compare=False)


def open_text(path: Path, dialect: Dialect) -> BinaryIO:
    """Opens a text file as UTF-8 with line feeds, after its byte order mark.

    A file in UTF-8 is streamed. Others are converted in memory, as are files with the line ends of
    old Macintosh programs, lone carriage returns.

    Raises:
        DataError: the file is missing, cannot be read, or is not in that encoding.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None
    try:
        start = file.read(1 << 16)
    except OSError as error:
        file.close()
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None
    is_marked, encoding = start.startswith(codecs.BOM_UTF8), dialect.encoding
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = UTF_16
    elif is_marked:
        encoding = UTF_8
    file.seek(len(codecs.BOM_UTF8) if is_marked else 0)
    if encoding == UTF_8 and not (b"\r" in start and b"\n" not in start):
        return file
    with file:
        content = file.read()
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise not_encoded(path, line, replace(dialect, encoding=encoding)) from None
    if "\n" not in text:
        text = text.replace("\r", "\n")
    return BytesIO(text.encode())


def not_encoded(path: Path, line: int, dialect: Dialect) -> DataError:
    """The error that a line is not text in the encoding of a dialect, with the remedies."""
    remedy = "save it in UTF-8"
    if "encoding" in dialect.settings:
        western = "cp1252 if it was saved by a Western Windows program"
        remedy += f", or set data.source.encoding ({western})"
    return DataError(f"{path}:{line}: not {dialect.encoding.upper()} text; {remedy}")


def delimiter_question(dialect: Dialect) -> str:
    """Asks whether the delimiter is right, as a remedy for a table that has one column only."""
    if "delimiter" in dialect.settings:
        return "is data.source.delimiter right?"
    return f"are its cells separated by '{dialect.delimiter}'?"
