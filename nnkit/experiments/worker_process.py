"""The process of a worker: its interface, and the usual way to start it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import IO, Protocol


class Process(Protocol):
    """A worker's process: the part of `subprocess.Popen` that is used."""

    @property
    def pid(self) -> int:
        """The process id."""

    @property
    def stdin(self) -> IO[str] | None:
        """The stream to which jobs are written."""

    @property
    def stdout(self) -> IO[str] | None:
        """The stream from which its messages are read."""

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while the process runs."""

    def wait(self) -> int:
        """Waits for the end of the process; returns its exit code."""


# Starts a worker, given the file for what it prints.
StartProcess = Callable[[IO[bytes]], Process]


def spawned(
    errors: IO[bytes], folder: str | None = None, variables: Mapping[str, str] | None = None
) -> Process:
    """Starts a worker in a new process of its own.

    Args:
        errors: the file for what it prints.
        folder: its working folder; by default that of this process.
        variables: environment variables in addition to those of this process.
    """
    return subprocess.Popen(
        [sys.executable, "-m", "nnkit.experiments.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        encoding="utf-8",
        start_new_session=True,  # Ctrl-C is for the batch, which tells its workers
        cwd=folder,
        env={**environment(), **(variables or {})},
    )


def environment() -> dict[str, str]:
    """The environment of workers: that of this process, and no output held back before a crash."""
    return {**os.environ, "PYTHONUNBUFFERED": "1"}
