"""Makes standard output and error robust against any encoding, a closed pipe and a full disk.

Characters that a stream cannot encode are replaced by ASCII. A failed write is recorded rather
than raised, so that a command still writes the requested files.
"""

from __future__ import annotations

import errno
import os
import sys
from io import BufferedWriter, FileIO, TextIOWrapper
from typing import Any, TextIO

from nnkit.text import STAND_IN


class Sink(FileIO):
    """A stream's file descriptor that discards all output after a failed write.

    Attributes:
        failure: the error of the failed write; None before.
    """

    failure: OSError | None = None

    def write(self, content: Any, /) -> int:
        rest = memoryview(content)
        while rest and self.failure is None:
            try:
                rest = rest[super().write(rest) :]
            except OSError as error:
                self.failure = error
        return len(content)


def set_up() -> None:
    """Prepares standard output and standard error for any text and any failure."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:  # closed: the next opened file would get its descriptor
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = _printable(sys.stdout, sys.__stdout__)
    sys.stderr = _printable(sys.stderr, sys.__stderr__)


def _printable(stream: TextIO | None, original: TextIO | None) -> TextIO:
    if stream is None:
        return open(os.devnull, "w", encoding="utf-8", errors=STAND_IN)  # noqa: PTH123
    if not isinstance(stream, TextIOWrapper):
        return stream
    console = os.name == "nt" and stream.isatty()  # consoles are written differently
    if stream is not original or console:
        stream.reconfigure(errors=STAND_IN)
        return stream
    sink = Sink(stream.fileno(), "w", closefd=False)
    return TextIOWrapper(
        sink if stream.write_through else BufferedWriter(sink),  # if PYTHONUNBUFFERED
        encoding=stream.encoding,
        errors=STAND_IN,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def output_failure() -> OSError | None:
    """The error of a failed write to standard output; None if there was none."""
    sys.stdout.flush()
    buffer = getattr(sys.stdout, "buffer", None)
    sink = getattr(buffer, "raw", buffer)
    return sink.failure if isinstance(sink, Sink) else None


def reader_left(failure: OSError) -> bool:
    """Whether a write failed because the reader closed the pipe, as `head` does."""
    closed = (errno.EPIPE, errno.EINVAL) if os.name == "nt" else (errno.EPIPE,)
    return failure.errno in closed
