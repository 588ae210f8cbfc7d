"""The surroundings of a batch: the versions and files that workers on other machines need too.

A worker needs the same versions as the batch, and the same files at the same places, on a file
system that all machines share. A batch writes a ticket into the folder of the runs and keeps it
locked; a worker that finds the ticket, its content and its lock has the right folder, and file
locks, which keep two processes from training one run, work between the two machines.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import time
from uuid import uuid4

import numpy as np

from nnkit.errors import ClusterError
from nnkit.files import try_lock
from nnkit.text import as_json
from nnkit.version import __version__

MOST_FILES = 3  # missing files that an error names
OLD = 3600  # seconds after which an unfinished ticket may be removed
TICKET, UNFINISHED = ".cluster-*.json", ".cluster-*.new"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The surroundings of a batch, which workers need too.

    Attributes:
        versions: versions of libraries that results depend on, by name.
        folder: the working folder, from which relative paths are resolved.
        ticket: the locked file in the folder of the runs, which lists the files of the data.
        variables: the environment variables of nnkit.
    """

    versions: tuple[tuple[str, str], ...]
    folder: str
    ticket: str
    variables: tuple[tuple[str, str], ...]


def versions() -> tuple[tuple[str, str], ...]:
    """The versions of nnkit, NumPy and Python that are used here, by name."""
    python = ".".join(platform.python_version_tuple()[:2])
    return (("nnkit", __version__), ("NumPy", np.__version__), ("Python", python))


@contextmanager
def surroundings(runs: Path, files: Iterable[Path]) -> Iterator[Surroundings]:
    """The surroundings of this process; within the block there is a ticket for workers to find.

    Args:
        runs: the folder of the runs.
        files: the files of the data.
    """
    runs.mkdir(parents=True, exist_ok=True)
    _remove_tickets_of_the_dead(runs)
    ticket = runs.resolve() / TICKET.replace("*", uuid4().hex)
    unfinished = ticket.with_suffix(".new")
    sizes = {str(file.absolute()): file.stat().st_size for file in files}
    variables = {name: value for name, value in os.environ.items() if name.startswith("NNKIT_")}
    if "NNKIT_DATA" in variables:
        variables["NNKIT_DATA"] = str(Path(variables["NNKIT_DATA"]).absolute())
    with unfinished.open("x+b") as file:
        try:
            if not try_lock(file):
                raise ClusterError(f"{runs}: files in this folder cannot be locked")
            file.write(as_json(sizes).encode())
            file.flush()
            os.fsync(file.fileno())
            unfinished.rename(ticket)  # so that a ticket without a lock is that of a dead batch
            yield Surroundings(versions(), str(Path.cwd()), str(ticket), tuple(variables.items()))
        finally:
            unfinished.unlink(missing_ok=True)
            ticket.unlink(missing_ok=True)


def _remove_tickets_of_the_dead(runs: Path) -> None:
    """Removes the tickets of batches that were killed, whose locks ended with them."""
    for ticket in (*runs.glob(TICKET), *runs.glob(UNFINISHED)):
        with suppress(FileNotFoundError), ticket.open("rb") as file:
            # An unfinished one may not have been locked yet.
            is_old = time() - os.fstat(file.fileno()).st_mtime > OLD
            if (is_old or ticket.match(TICKET)) and try_lock(file):
                ticket.unlink()


def obstacle(needed: Surroundings) -> str | None:
    """The reason why this process cannot train in the surroundings of a batch; None if it can."""
    here = dict(versions())
    if different := [f"{n} {here[n]}, not {v}" for n, v in needed.versions if here[n] != v]:
        return f"it has {' and '.join(different)}"
    if not Path(needed.folder).is_dir():
        return f"it has no folder {needed.folder}, the working folder of the batch"
    ticket = Path(needed.ticket)
    try:
        with ticket.open("rb") as file:
            locked, sizes = not try_lock(file, shared=True), json.loads(file.read())
    except OSError:
        return f"its {ticket.parent} is not the folder of the runs here; share one between machines"
    if not locked:
        return f"file locks of other machines have no effect in its {ticket.parent}"
    if gone := [path for path, size in sizes.items() if _size(path) != size]:
        more = f" and {len(gone) - MOST_FILES:,} more" if len(gone) > MOST_FILES else ""
        return f"it does not have the same {', '.join(gone[:MOST_FILES])}{more}; share the data"
    return None


def _size(path: str) -> int | None:
    try:
        return Path(path).stat().st_size
    except OSError:
        return None
