"""Inputs of a command: files, folders, and standard input, which is written `-`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

STANDARD_INPUT = Path("-")
# The suffixes for the first bytes of a file.
SIGNATURES = {
    b"\x93NUMPY": ".npy",
    b"PK\x03\x04": ".npz",
    b"\x89PNG": ".png",
    b"\xff\xd8\xff": ".jpg",
    b"GIF8": ".gif",
    b"BM": ".bmp",
    b"II*\x00": ".tif",
    b"MM\x00*": ".tif",
    b"RIFF": ".webp",
}


@dataclass(frozen=True, slots=True)
class Input:
    """A file or folder to read, and the name by which users know it."""

    path: Path
    name: str

    def named(self, message: str) -> str:
        """Replaces the path in a message by the name."""
        return message.replace(str(self.path), self.name)


@contextmanager
def opened_inputs(paths: Sequence[Path]) -> Iterator[list[Input]]:
    """Yields the inputs; standard input is copied to a temporary file of a suitable suffix.

    Raises:
        UsageError: standard input is given twice.
    """
    from tempfile import TemporaryDirectory

    from nnkit.errors import UsageError

    if paths.count(STANDARD_INPUT) > 1:
        raise UsageError("standard input, -, can be read only once")
    if STANDARD_INPUT not in paths:
        yield [Input(path, str(path)) for path in paths]
        return
    with TemporaryDirectory() as folder:
        copied = _copied(Path(folder))
        yield [copied if path == STANDARD_INPUT else Input(path, str(path)) for path in paths]


def suffix_of(content: bytes) -> str:
    """The suffix that suits the beginning of a file; `.csv` if its format is not known."""
    found = (suffix for start, suffix in SIGNATURES.items() if content.startswith(start))
    return next(found, ".csv")


def _copied(folder: Path) -> Input:
    content = sys.stdin.buffer.read()
    path = folder / f"standard-input{suffix_of(content)}"
    path.write_bytes(content)
    return Input(path, "stdin")
