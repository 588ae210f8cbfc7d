"""The lines of a text file, or of all text files in a folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from nnkit.data.folder_files import files_in
from nnkit.data.text.text_lines import TextLines, read_lines
from nnkit.errors import DataError
from nnkit.text import some_names

MOST_NAMED = 5  # files that are left out


def read_lines_of(place: Path) -> TextLines:
    """Reads the lines of a text file, or of the text files in a folder, one after the other.

    Args:
        place: the file; or the folder, whose files .txt and .txt.gz are read to any depth, in the
            order of their paths.

    Raises:
        DataError: a file cannot be read, is not UTF-8 or contains NUL characters, or the folder has
            no text files.
    """
    if not place.is_dir():
        return read_lines(place)
    files = list(files_in(place))
    texts = [file for file in files if is_text_file(file)]
    if not texts:
        raise DataError(f"{place}: no text files (.txt, .txt.gz) in this folder")
    read = list(map(read_lines, texts))
    lines = chain.from_iterable(each.texts for each in read)
    notices = chain.from_iterable(each.notices for each in read)
    return TextLines(place, tuple(lines), (*_said(place, texts, files), *notices))


def holds_texts(folder: Path) -> bool:
    """Whether more than half of the files in a folder are text files."""
    files = list(files_in(folder))
    return 2 * sum(map(is_text_file, files)) > len(files)


def is_text_file(file: Path) -> bool:
    """Whether a file is plain text, compressed by gzip or not, by its name."""
    return file.name.lower().endswith((".txt", ".txt.gz"))


def _said(folder: Path, texts: Sequence[Path], files: Sequence[Path]) -> Iterator[str]:
    """Yields what is read of a folder, and what is not."""
    count = f"{len(texts):,} text file{'s' * (len(texts) != 1)}"
    yield f"{folder}: {count}, read one after the other in the order of their paths"
    if others := [str(file.relative_to(folder)) for file in files if not is_text_file(file)]:
        files_are = "1 other file is" if len(others) == 1 else f"{len(others):,} other files are"
        yield f"{folder}: {files_are} left out: {some_names(others, MOST_NAMED)}"
