"""Handles SIGINT and SIGTERM: training stops after the current step."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from types import FrameType
from typing import Any, Self

from nnkit.text import STAND_IN

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Context manager that records the first signal; a second one has its usual effect.

    Args:
        tell: whether to print a message.

    Attributes:
        signal: the number of the recorded signal, or None.
    """

    def __init__(self, *, tell: bool = True) -> None:
        self.tell = tell
        self.signal: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._note) for number in SIGNALS}
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.signal = number
        for other, handler in self._before.items():
            signal.signal(other, handler)
        if not self.tell:
            return
        # Not print: the signal may have interrupted a print, which is not reentrant.
        text = f"\n{signal.Signals(number).name}: finishing this step and saving …\n"
        with suppress(OSError):  # standard error may be closed
            os.write(2, text.encode(sys.stderr.encoding or "utf-8", STAND_IN))

    def requested(self) -> bool:
        """Whether a signal was received."""
        return self.signal is not None

    @property
    def exit_code(self) -> int:
        """The exit code after a signal: 128 plus the signal's number, as in a shell."""
        return 128 + (self.signal or 0)
