"""SIGINT and SIGTERM as a wish that the training loop grants after the step it is in."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Any, Self

from nnkit.text import STAND_IN

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """While entered, notes a signal instead of dying of it; a second one is obeyed at once.

    Attributes:
        signal: the one that came, or None.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._note) for number in SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.signal = number
        for other, handler in self._before.items():
            signal.signal(other, handler)
        # Not by print: the signal may have come in the middle of one, which can't be entered twice.
        text = f"\n{signal.Signals(number).name}: finishing this step and saving …\n"
        with suppress(OSError):  # standard error may be closed
            os.write(2, text.encode(sys.stderr.encoding or "utf-8", STAND_IN))

    def requested(self) -> bool:
        """Whether a signal came."""
        return self.signal is not None

    @property
    def exit_code(self) -> int:
        """The exit code after a signal: 128 plus the signal's number, as in a shell."""
        return 128 + (self.signal or 0)
