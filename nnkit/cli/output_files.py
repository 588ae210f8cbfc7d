"""Output files: checked before any work, so that no file of the user is overwritten.

A file may be replaced only if nnkit wrote it and its content has not changed since: a command can
be repeated, as in continuous integration, but its output never destroys an input, another file of
the user, or an output that was edited. The SHA-256 of each output is added to a record in the
user's cache folder, because most formats have no place for a mark of their origin, and before the
file is written: a process that is killed in between, or another one that writes the same file at
the same time, must not make it a stranger's.
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

    # The digest first: until then, others may have written the file, and recorded that before.
    if path.is_file() and _digest(path) not in _recorded(path):
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
    """Records an output file, so that the same command may replace it, and writes it atomically.

    Nothing is recorded for a device, or where the cache folder cannot be written.

    Raises:
        UsageError: another file was written there since the output was checked.
        OSError: the file cannot be written; it is then unchanged. The error has its name.
    """
    from hashlib import sha256

    from nnkit.files import append, write_atomic
    from nnkit.text import legible

    check_replaceable(path)
    encoded = legible(content).encode() if isinstance(content, str) else content
    digest, record = sha256(encoded).hexdigest(), _record(path)
    if (path.is_file() or not path.exists()) and digest not in _recorded(path):
        with suppress(OSError):
            record.parent.mkdir(parents=True, exist_ok=True)
            append(record, f"\n{digest}", sync=False)
    write_atomic(path, encoded)


def _recorded(path: Path) -> list[str]:
    """The digests of all that nnkit has written to a path."""
    try:
        return _record(path).read_text(encoding="ascii").split()
    except (OSError, UnicodeDecodeError):
        return []


def _record(path: Path) -> Path:
    from hashlib import sha256

    from nnkit.paths import cache_folder

    name = sha256(os.fsencode(os.path.realpath(path))).hexdigest()[:32]
    return cache_folder() / "outputs" / name


def _digest(path: Path) -> str:
    from hashlib import file_digest

    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
