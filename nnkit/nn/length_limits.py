"""The lengths of sequences that a network takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

MANY = 1 << 20  # positions; a network that takes them has no upper limit
FEW = 1 << 10  # more than the widest window of a convolution


class LengthLimits(NamedTuple):
    """The lengths that a network takes; shorter sequences can be padded.

    Attributes:
        fewest: the least number of positions, such as those of a convolution's window.
        most: the greatest, such as that of a learned positional encoding; None for any.
    """

    fewest: int = 0
    most: int | None = None


def find_limits(takes: Callable[[int], bool]) -> LengthLimits:
    """Finds the limits by trial.

    Args:
        takes: whether all layers take a sequence of a length; for all lengths between the limits.
    """
    fewest = next(filter(takes, range(1, FEW)), 1)
    if takes(MANY) or not takes(fewest):
        return LengthLimits(fewest)
    most, too_many = fewest, MANY
    while too_many - most > 1:
        middle = (most + too_many) // 2
        most, too_many = (middle, too_many) if takes(middle) else (most, middle)
    return LengthLimits(fewest, most)
