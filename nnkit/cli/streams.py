"""Standard output and standard error, whatever they are: any encoding, a closed pipe, a full disk.

What a stream cannot encode is replaced by ASCII, and a stream that takes no more is remembered
rather than raised: a command still writes the files that it was asked for.
"""

from __future__ import annotations

import errno
import os
import sys
from io import BufferedWriter, FileIO, TextIOWrapper
from typing import Any, TextIO

from nnkit.text import STAND_IN


class Sink(FileIO):
    """A stream's file descriptor, which swallows everything after a write that failed.

    Attributes:
        failure: why the stream takes no more; None while it does.
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
        except OSError:  # closed: the next file that is opened would be taken for the stream
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = _printable(sys.stdout, sys.__stdout__)
    sys.stderr = _printable(sys.stderr, sys.__stderr__)


def _printable(stream: TextIO | None, original: TextIO | None) -> TextIO:
    if stream is None:
        return open(os.devnull, "w", encoding="utf-8", errors=STAND_IN)  # noqa: PTH123
    if not isinstance(stream, TextIOWrapper):
        return stream
    console = os.name == "nt" and stream.isatty()  # these are written in different ways
    if stream is not original or console:
        stream.reconfigure(errors=STAND_IN)
        return stream
    sink = Sink(stream.fileno(), "w", closefd=False)
    return TextIOWrapper(
        sink if stream.write_through else BufferedWriter(sink),  # the former by PYTHONUNBUFFERED
        encoding=stream.encoding,
        errors=STAND_IN,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def output_failure() -> OSError | None:
    """The error that stopped standard output, or None while it can be written."""
    sys.stdout.flush()
    buffer = getattr(sys.stdout, "buffer", None)
    sink = getattr(buffer, "raw", buffer)
    return sink.failure if isinstance(sink, Sink) else None


def reader_left(failure: OSError) -> bool:
    """Whether a write failed because the pipe's reader has gone, as `head` does once it is done."""
    closed = (errno.EPIPE, errno.EINVAL) if os.name == "nt" else (errno.EPIPE,)
    return failure.errno in closed
