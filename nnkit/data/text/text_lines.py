r"""Lines of text files: UTF-8, ended by \n or \r\n, compressed by gzip or not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nnkit.data.gzip_files import read_bytes
from nnkit.errors import DataError

BYTE_ORDER_MARK = "\ufeff"
UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class TextLines:
    r"""The lines of a file.

    Attributes:
        path: the file.
        texts: the lines, without their ends. Only \n and \r\n end a line; other separators, such
            as U+2028 and U+0085, are characters of it. A last line without an end counts too.
        notices: messages on how the file was read.
    """

    path: Path
    texts: tuple[str, ...]
    notices: tuple[str, ...] = ()


def read_lines(path: Path) -> TextLines:
    """Reads the lines of a text file.

    Raises:
        DataError: the file cannot be read, is not UTF-8, or contains NUL characters.
    """
    return split_lines(read_bytes(path), path)


def split_lines(content: bytes, path: Path) -> TextLines:
    r"""Divides the content of a text file, or of standard input, into lines.

    Args:
        content: the text in UTF-8; a byte order mark is left out.
        path: the file, for messages.

    Raises:
        DataError: the content is not UTF-8, or contains NUL characters.
    """
    check_not_utf16(content, path)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line, column = _position(content, error.start)
        raise DataError(
            f"{path}:{line}:{column}: byte {content[error.start]:#04x} is not UTF-8 text; convert "
            f"the file, for example: iconv -f CP1252 -t UTF-8 {path.name} > new.txt"
        ) from None
    if "\0" in text:
        line, column = _position(content, content.index(b"\0"))
        raise DataError(
            f"{path}:{line}:{column}: a NUL character; the file is damaged, or not text"
        )
    notices = []
    if text.startswith(BYTE_ORDER_MARK):
        text = text.removeprefix(BYTE_ORDER_MARK)
        notices.append(f"{path}: the byte order mark at its beginning is left out")
    if ended := text.count("\r\n"):
        text = text.replace("\r\n", "\n")
        notices.append(f"{path}: {ended:,} lines end with \\r\\n, which is read as \\n")
    if within := text.count("\r"):
        line = text[: text.index("\r")].count("\n") + 1
        notices.append(
            f"{path}:{line}: a carriage return within the line is kept as a character"
            + (f", and {within - 1:,} others" if within > 1 else "")
        )
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    return TextLines(path, tuple(lines), tuple(notices))


def check_not_utf16(content: bytes, path: Path | str) -> None:
    """Checks that a text file does not begin as UTF-16 text does.

    Raises:
        DataError: it does.
    """
    if content.startswith(UTF_16_MARKS):
        name = Path(path).name
        raise DataError(
            f"{path}: UTF-16 text; convert it: iconv -f UTF-16 -t UTF-8 {name} > new.txt"
        )


def _position(content: bytes, offset: int) -> tuple[int, int]:
    """The line and column of a byte, from 1; columns are bytes."""
    start = content.rfind(b"\n", 0, offset) + 1
    return content.count(b"\n", 0, offset) + 1, offset - start + 1
