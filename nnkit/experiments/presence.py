"""The presence of a process: shows others whether it is alive, on whatever machine."""

from __future__ import annotations

import os
import secrets
import socket
from contextlib import suppress
from pathlib import Path
from typing import Self

from nnkit.files import try_lock


class Presence:
    """A locked file in a shared folder; the lock ends with the process, however it ends.

    Attributes:
        token: the name of the process: host, process id and a random part.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.token = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.file = (self.folder / self.token).open("wb")
        is_locked = try_lock(self.file)  # nobody knows the name yet
        assert is_locked
        return self

    def __exit__(self, *exception: object) -> None:
        self.file.close()
        forget(self.folder, self.token)


def is_alive(folder: Path, token: str) -> bool | None:
    """Whether a process is alive; None if it cannot be known.

    It cannot for a process on another machine, if the folder is not shared with it.

    Args:
        folder: the folder of the process's file.
        token: its name.
    """
    try:
        with (folder / token).open("rb") as file:
            return not try_lock(file, shared=True)
    except OSError:
        host = token.rsplit("-", 2)[0]
        return False if host == socket.gethostname() else None


def forget(folder: Path, token: str) -> None:
    """Removes the file of a process that has ended."""
    with suppress(OSError):
        (folder / token).unlink()
