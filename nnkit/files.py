"""Writes files atomically: after a full disk or power failure, they have old or new content."""

from __future__ import annotations

import glob
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from nnkit.text import legible

WriteFile = Callable[[Path, bytes | str], None]  # such as `write_atomic`
MOST_OF_A_NAME = 60  # characters, of up to four bytes each
APPENDING = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)


def write_atomic(path: Path, content: bytes | str, *, sync: bool = True) -> None:
    """Replaces a file's content by temporary file, flush, fsync, rename, and fsync of the folder.

    Symbolic links are followed; devices and pipes are written to directly.

    Args:
        path: the file.
        content: bytes, or text to be encoded as UTF-8 (see `nnkit.text.legible`).
        sync: whether to wait until it is on the disk, safe from a power failure.

    Raises:
        OSError: the file cannot be written; it is then unchanged. The error has its name.
    """
    content = _encoded(content)
    with _named(path):
        if path.exists() and not path.is_file() and not path.is_dir():
            path.write_bytes(content)
        else:
            _replace(Path(os.path.realpath(path)), content, is_synced=sync)


def write_together(contents: Mapping[Path, bytes], after: Iterable[Path] = ()) -> None:
    """Replaces files one after the other, like `write_atomic`, in less time.

    Waiting until several files are on the disk takes little longer than waiting for one.

    Args:
        contents: the content of each file, in the order in which they are replaced.
        after: files and folders that must be on the disk before; those that do not exist are
            left out.

    Raises:
        OSError: a file cannot be written; it and those after it are then unchanged.
    """
    temporary: dict[Path, Path] = {}
    try:
        for path, content in contents.items():
            with _named(path):
                real = Path(os.path.realpath(path))
                temporary[real] = _write_temporary(real, content)
        _sync_all([*temporary.values(), *after])
        for path, written in temporary.items():
            with _named(path):
                written.replace(path)
                _sync_folder(path.parent)
    except BaseException:
        for written in temporary.values():
            written.unlink(missing_ok=True)
        raise


def write_new(path: Path, content: bytes | str) -> None:
    """Writes a new file, like `write_atomic`.

    Raises:
        FileExistsError: the file exists.
        OSError: the file cannot be written; it then does not exist. The error has its name.
    """
    path.open("xb").close()
    try:
        write_atomic(path, content)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def link_atomic(source: Path, path: Path) -> None:
    """Replaces a file by a second name of another, which is faster than writing it again.

    Both must be replaced as wholes from then on, as `write_atomic` does. Where the file system has
    no such links, the content is copied.

    Raises:
        OSError: the file cannot be written; it is then unchanged.
    """
    temporary = path.with_name(f"{_torn(path)}{os.getpid()}")
    temporary.unlink(missing_ok=True)
    try:
        os.link(source, temporary)
    except OSError:
        write_atomic(path, source.read_bytes())
        return
    try:
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)  # rename does nothing if both are one file already
    _sync_folder(path.parent)


def append(path: Path, text: str, *, sync: bool = True) -> None:
    """Appends text to a file.

    Args:
        path: the file, which is created if it does not exist.
        text: the text, which is encoded as UTF-8.
        sync: whether to wait until it is on the disk, safe from a power failure.

    Raises:
        OSError: the text cannot be written; nothing is then appended. The error has the file's
            name.
    """
    rest = memoryview(_encoded(text))
    with _named(path):
        file = os.open(path, APPENDING, 0o666)  # a third of the time of `open`
        try:
            size = os.lseek(file, 0, os.SEEK_END)
            try:
                while rest:
                    rest = rest[os.write(file, rest) :]
                if sync:
                    os.fsync(file)
            except OSError:
                os.ftruncate(file, size)
                raise
        finally:
            os.close(file)


def sync(path: Path) -> None:
    """Waits until a file is on the disk, if it exists.

    Raises:
        OSError: the disk failed. The error has the file's name.
    """
    with _named(path), suppress(FileNotFoundError), path.open("r+b") as file:
        os.fsync(file.fileno())


def remove_torn(path: Path) -> None:
    """Removes temporary files left by a process that was killed while writing this file."""
    for temporary in path.parent.glob(f"{glob.escape(_torn(path))}*"):
        temporary.unlink(missing_ok=True)


def try_lock(file: IO[bytes], *, shared: bool = False) -> bool:
    """Locks an open file until it is closed, or its process ends; False if another has the lock.

    Args:
        file: the file.
        shared: whether others may have a shared lock at the same time.
    """
    if os.name == "nt":
        import msvcrt

        lock = getattr(msvcrt, "locking")  # noqa: B009 (unknown to type checkers elsewhere)
        try:
            lock(file.fileno(), getattr(msvcrt, "LK_NBLCK"), 1)  # noqa: B009
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _encoded(content: bytes | str) -> bytes:
    return legible(content).encode() if isinstance(content, str) else content


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Adds the file's name to an OSError, which lacks it if the disk is full."""
    try:
        yield
    except OSError as error:
        error.filename = str(path)
        raise


def _replace(path: Path, content: bytes, *, is_synced: bool) -> None:
    temporary = _write_temporary(path, content)
    try:
        if is_synced:
            sync(temporary)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if is_synced:
        _sync_folder(path.parent)


def _write_temporary(path: Path, content: bytes) -> Path:
    """Writes the content of a file to a temporary one beside it, and returns its path."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=_torn(path))
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(name).chmod(0o666 & ~_umask())
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return Path(name)


def _sync_all(paths: Sequence[Path]) -> None:
    """Waits until files and folders are on the disk, for all of them at the same time."""
    with ThreadPoolExecutor(len(paths)) as threads:
        for _ in threads.map(lambda path: (_sync_folder if path.is_dir() else sync)(path), paths):
            pass  # raises what went wrong


def _torn(path: Path) -> str:
    """The prefix of the file's temporary files, limited in length."""
    return f".{path.name[:MOST_OF_A_NAME]}."


def _umask() -> int:
    """The process's umask, which `mkstemp` does not apply."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return  # folders cannot be opened on Windows; NTFS journals the rename
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
