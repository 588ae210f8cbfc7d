"""Writes a run's checkpoints, but not more often than is useful."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Protocol

from nnkit.files import link_atomic, write_together
from nnkit.runs.directory import RunDirectory

INTERVAL = 0.5  # seconds; a crash costs at most this much more than what training had not saved


class Encodable(Protocol):
    """A checkpoint that is not encoded yet, which may take longer than an epoch."""

    def encode(self) -> bytes:
        """The content of the file."""


@dataclass(slots=True)
class Saver:
    """Holds back checkpoints that follow each other closely, and writes the latest of them.

    To be safe from a power failure, a file must reach the disk before it replaces another. For a
    small network this takes longer than an epoch.

    Attributes:
        directory: the run's folder.
        best: the best checkpoint, if it is not written yet.
        last: the last checkpoint, if it is not written yet.
        written: when checkpoints were written last, in seconds of `perf_counter`.
    """

    directory: RunDirectory
    best: Encodable | None = None
    last: Encodable | None = None
    written: float = field(default_factory=perf_counter)

    def keep(self, checkpoint: Encodable, *, best: bool) -> None:
        """Takes the checkpoint of an evaluation, and writes it if the last one is old enough.

        Args:
            checkpoint: what does not change any more.
            best: whether it is the best so far, too.
        """
        self.last = checkpoint
        if best:
            self.best = checkpoint
        if perf_counter() - self.written >= INTERVAL:
            self.flush()

    def save(self, checkpoint: Encodable) -> None:
        """Writes a last checkpoint now, after what was held back."""
        self.last = checkpoint
        self.flush()

    def save_diverged(self, checkpoint: Encodable) -> None:
        """Writes the weights of a run that diverged, beside its checkpoints."""
        self._write({self.directory.diverged: checkpoint.encode()})

    def flush(self) -> None:
        """Writes what was held back.

        Raises:
            OSError: a file cannot be written.
        """
        if self.last is None:
            return
        directory, contents = self.directory, dict[Path, bytes]()
        if self.best is not None:
            contents[directory.best] = self.best.encode()
        if self.last is not self.best:
            contents[directory.last] = self.last.encode()
        self._write(contents)
        if self.last is self.best:
            link_atomic(directory.best, directory.last)
        self.best = self.last = None
        self.written = perf_counter()

    def _write(self, contents: Mapping[Path, bytes]) -> None:
        """Writes checkpoints after what they rely on: the config, and the metrics until then."""
        directory = self.directory
        write_together(contents, after=(directory.config, directory.metrics, directory.path))
