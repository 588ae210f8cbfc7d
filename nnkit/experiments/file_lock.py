"""A lock between processes, on a file."""

from __future__ import annotations

from pathlib import Path
from time import sleep
from typing import IO

from nnkit.files import try_lock

POLL = 0.002  # seconds between two attempts


class FileLock:
    """A lock that ends with its process, so that one that is killed does not block others.

    A context manager, and a lock for Optuna's journals.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file: IO[bytes] | None = None

    def acquire(self) -> bool:
        """Waits until no other process has the lock."""
        file = self.path.open("wb")
        while not try_lock(file):
            sleep(POLL)
        self.file = file
        return True

    def release(self) -> None:
        """Lets the next process have the lock."""
        assert self.file is not None
        self.file.close()

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *exception: object) -> None:
        self.release()
