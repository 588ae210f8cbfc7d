"""The distances between the rows of buffers."""

from __future__ import annotations

LINE = 16  # rows of buffers start at multiples of so many numbers, as in `source/tiles.h`
CROWDED = 256  # numbers; rows that are a multiple of it apart share a few sets of the cache


def padded(count: int) -> int:
    """The numbers from a row of a buffer to the next, as in `source/tiles.h`."""
    lines = -(-count // LINE) * LINE
    return lines + LINE if lines % CROWDED == 0 else lines
