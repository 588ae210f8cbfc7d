"""An array that grows at its end."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

Array = NDArray[Any]
GROWTH = 1.25  # a large block of memory grows in place, so that larger steps would save little


class GrowingArray:
    """Values of one type, to which others are appended."""

    def __init__(self, dtype: DTypeLike) -> None:
        self._values = np.empty(0, dtype)
        self._count = 0

    def append(self, values: Array) -> None:
        """Appends values, (n,)."""
        count = self._count + len(values)
        if count > len(self._values):
            # Nothing refers to the memory, because no view of it is given away before the end.
            self._values.resize(int(GROWTH * count), refcheck=False)
        self._values[self._count : count] = values
        self._count = count

    def finish(self) -> Array:
        """Returns the values that were appended; no more can be appended afterwards."""
        self._values.resize(self._count, refcheck=False)
        values, self._values = self._values, np.empty(0, self._values.dtype)
        return values

    def clear(self) -> None:
        """Removes all values."""
        self._values, self._count = np.empty(0, self._values.dtype), 0
