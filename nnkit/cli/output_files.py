"""Output files: checked before any work, so that no file of the user is overwritten.

A file may be replaced only if nnkit wrote it and its content has not changed since: a command can
be repeated, as in continuous integration, but its output never destroys an input, another file of
the user, or an output that was edited. The SHA-256 of each output is kept in the user's cache
folder, because most formats have no place for a mark of their origin.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from nnkit.cli.output import check_output


def check_output_file(path: Path | None) -> Path | None:
    """Returns the path unchanged, after checking that a file may be written there.

    Raises:
        UsageError: the path is a folder, its folder does not exist, or it is a file that nnkit did
            not write.
    """
    check_output(path)
    if path is not None:
        check_replaceable(path)
    return path


def check_replaceable(path: Path) -> None:
    """Checks that no file is at the path, or only one that nnkit wrote; devices are accepted.

    Raises:
        UsageError: nnkit has no record of the file, or it has changed since.
    """
    from nnkit.errors import UsageError

    if path.is_file() and _recorded(path) != _digest(path):
        raise UsageError(
            f"{path} already exists; choose another name, or delete it (nnkit replaces only files "
            "that it wrote and that have not changed since)"
        )


def check_no_input(outputs: Iterable[Path | None], inputs: Iterable[Path]) -> None:
    """Checks that no output is also an input, such as an earlier output that is now read.

    Raises:
        UsageError: an output and an input are the same file.
    """
    from nnkit.errors import UsageError

    read = {os.path.realpath(path) for path in inputs}
    for output in outputs:
        if output is not None and os.path.realpath(output) in read and output.is_file():
            raise UsageError(f"{output} is an input; choose another name for the output")


def write_output(path: Path, content: bytes | str) -> None:
    """Writes an output file atomically, and records it.

    Raises:
        UsageError: another file was written there since the output was checked.
        OSError: the file cannot be written; it is then unchanged. The error has its name.
    """
    from nnkit.files import write_atomic

    check_replaceable(path)
    write_atomic(path, content)
    record_output(path)


def record_output(path: Path) -> None:
    """Records a file that was just written, so that the same command may replace it.

    Does nothing for a device, or where the cache folder cannot be written.
    """
    from nnkit.files import write_atomic

    if not path.is_file():
        return
    with suppress(OSError):
        record = _record(path)
        record.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(record, _digest(path))


def _recorded(path: Path) -> str | None:
    """The digest of the content that nnkit last wrote to a path; None if it wrote none."""
    try:
        return _record(path).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return None


def _record(path: Path) -> Path:
    from hashlib import sha256

    from nnkit.paths import cache_folder

    name = sha256(os.fsencode(os.path.realpath(path))).hexdigest()[:32]
    return cache_folder() / "outputs" / name


def _digest(path: Path) -> str:
    from hashlib import file_digest

    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
