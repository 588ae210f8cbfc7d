"""Writes a run's checkpoints, but not more often than is useful."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import perf_counter

from nnkit.files import link_atomic, write_atomic
from nnkit.runs.directory import RunDirectory

INTERVAL = 0.5  # seconds; a crash costs at most this much more than what training had not saved


@dataclass(slots=True)
class Saver:
    """Holds back checkpoints that follow each other closely, and writes the latest of them.

    To be safe from a power failure, a file must reach the disk before it replaces another. For a
    small network this takes longer than an epoch.

    Attributes:
        directory: the run's folder.
        best: the content of the best checkpoint, if it is not written yet.
        last: the content of the last checkpoint, if it is not written yet.
        written: when checkpoints were written last, in seconds of `perf_counter`.
    """

    directory: RunDirectory
    best: bytes | None = None
    last: bytes | None = None
    written: float = field(default_factory=perf_counter)

    def keep(self, content: bytes, *, best: bool) -> None:
        """Takes the checkpoint of an evaluation, and writes it if the last one is old enough.

        Args:
            content: the content of the file.
            best: whether it is the best so far, too.
        """
        self.last = content
        if best:
            self.best = content
        if perf_counter() - self.written >= INTERVAL:
            self.flush()

    def save(self, content: bytes) -> None:
        """Writes a last checkpoint now, after what was held back."""
        self.last = content
        self.flush()

    def flush(self) -> None:
        """Writes what was held back.

        Raises:
            OSError: a file cannot be written.
        """
        if self.last is None:
            return
        self.directory.sync_metrics()  # the checkpoint relies on them
        if self.best is not None:
            write_atomic(self.directory.best, self.best)
        if self.last is self.best:
            link_atomic(self.directory.best, self.directory.last)
        else:
            write_atomic(self.directory.last, self.last)
        self.best = self.last = None
        self.written = perf_counter()
