"""Writing files so that a full disk or a power failure leaves the old content or the new, whole."""

from __future__ import annotations

import glob
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nnkit.text import legible

MOST_OF_A_NAME = 60  # characters, of up to four bytes each


def write_atomic(path: Path, content: bytes | str) -> None:
    """Replaces the file's content: temporary file, flush, fsync, rename, fsync of the folder.

    A link is followed, and a device or pipe is written to as it is.

    Args:
        path: the file.
        content: its bytes, or text, which is written in UTF-8; see `nnkit.text.legible`.

    Raises:
        OSError: it can't be written, with the file's name; the old file is then untouched.
    """
    content = _encoded(content)
    with _named(path):
        if path.exists() and not path.is_file() and not path.is_dir():
            path.write_bytes(content)
        else:
            _replace(Path(os.path.realpath(path)), content)


def write_new(path: Path, content: bytes | str) -> None:
    """Writes a file that does not exist yet, otherwise as `write_atomic`.

    Raises:
        FileExistsError: it does.
        OSError: it can't be written, with the file's name; there is then no such file.
    """
    path.open("xb").close()
    try:
        write_atomic(path, content)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def append(path: Path, text: str) -> None:
    """Adds lines to a file, flushed to the disk.

    Raises:
        OSError: they can't be written, with the file's name; none of them is then added.
    """
    rest = memoryview(_encoded(text))
    with _named(path), path.open("ab", buffering=0) as file:
        size = file.tell()
        try:
            while rest:
                rest = rest[os.write(file.fileno(), rest) :]
            os.fsync(file.fileno())
        except OSError:
            file.truncate(size)
            raise


def remove_torn(path: Path) -> None:
    """Removes what a process that was killed while writing this file has left beside it."""
    for temporary in path.parent.glob(f"{glob.escape(_torn(path))}*"):
        temporary.unlink(missing_ok=True)


def _encoded(content: bytes | str) -> bytes:
    return legible(content).encode() if isinstance(content, str) else content


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Puts the file's name into an OSError: that of a full disk has none."""
    try:
        yield
    except OSError as error:
        error.filename = str(path)
        raise


def _replace(path: Path, content: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=_torn(path))
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o666 & ~_umask())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _torn(path: Path) -> str:
    """The prefix of this file's temporary files, cut to the longest name allowed."""
    return f".{path.name[:MOST_OF_A_NAME]}."


def _umask() -> int:
    """The user's umask, which a temporary file does not follow by itself."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return  # a folder can't be opened there; NTFS journals the rename
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
