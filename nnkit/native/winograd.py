"""Convolutions by Winograd's method (`source/winograd.h`): where it is faster, and its memory."""

from __future__ import annotations

from nnkit.native.row_sizes import LINE

KERNEL = (3, 3)
TILE = 2  # outputs along each axis
POINTS = 16  # multiplications for a tile, a filter and a channel
MOST_TILES = 4  # at a time, as in `source/winograd.h`
# With fewer channels or filters, transforming inputs and outputs takes more time than is gained.
WORTHWHILE = 16
SAVED = 1.5  # times fewer multiplications


def is_worthwhile(channels: int, filters: int, height: int, width: int) -> bool:
    """Whether a convolution is faster by Winograd's method.

    Args:
        channels: the number of channels.
        filters: the number of filters.
        height: the height of the outputs, before pooling.
        width: their width.
    """
    multiplications = height * width * KERNEL[0] * KERNEL[1]
    by_tiles = tiles_along(height) * tiles_along(width) * POINTS
    return min(channels, filters) >= WORTHWHILE and multiplications >= SAVED * by_tiles


def tiles_along(outputs: int) -> int:
    """The number of tiles along an axis; the last may reach beyond the outputs."""
    return -(-outputs // TILE)


def weight_numbers(channels: int, filters: int) -> int:
    """The numbers of transformed weights, U."""
    return POINTS * (filters * channels + LINE)


def scratch_numbers(channels: int, filters: int) -> int:
    """The numbers that a thread needs for V and M, transformed inputs and their products."""
    return POINTS * ((channels + filters) * MOST_TILES * LINE + 2 * LINE)
