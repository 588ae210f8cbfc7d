"""Shapes that no digit has, or hardly any, whatever networks take them for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nnkit.data.dataset import Array
from nnkit.reading.segmentation.cuts import Pieces
from nnkit.reading.segmentation.lines import HEIGHT

FULL = 0.93  # fraction of its box that a bar fills …
BROAD = 0.37  # … and its least width, relative to the digits' height
EVEN = 0.02  # deviation of tops and of bottoms in print, relative to the digits' height …
MOST = 0.5  # … of at least this fraction of the symbols …
FEWEST = 3  # … and of this many
TALLER = 0.05  # excess of a sign above and below the digits, relative to their height …
LONGER = 0.1  # … or on one side alone


def is_bar(pieces: Pieces, box: tuple[int, int, int, int]) -> bool:
    """Whether a symbol, in a box of the strip, is a broad bar."""
    x0, y0, x1, y1 = box
    solid = pieces.strip.solid[y0:y1, x0:x1]
    rows, columns = np.flatnonzero(solid.any(axis=1)), np.flatnonzero(solid.any(axis=0))
    if not len(rows) or len(columns) < BROAD * HEIGHT:
        return False
    inked = solid[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return bool(inked.mean() > FULL)


def taller(boxes: Sequence[tuple[int, int, int, int]]) -> Array:
    """Whether each symbol of a line is taller than digits are in print, (n,) bool.

    In print, all digits have one height; brackets, slashes and the dollar sign extend above or
    below it. In handwriting, where heights differ, no symbol is.

    Args:
        boxes: the boxes of the symbols in the strip, x0, y0, x1, y1.
    """
    if len(boxes) < FEWEST:
        return np.zeros(len(boxes), dtype=bool)
    tops, bottoms = np.array(boxes, dtype=np.float64)[:, [1, 3]].T
    top, bottom = np.median(tops), np.median(bottoms)
    even = np.maximum(np.abs(tops - top), np.abs(bottoms - bottom)) <= EVEN * HEIGHT
    if even.sum() < max(FEWEST, MOST * len(boxes)):
        return np.zeros(len(boxes), dtype=bool)
    above, below = (top - tops) / HEIGHT, (bottoms - bottom) / HEIGHT
    both = (np.minimum(above, below) > 0) & (above + below > TALLER)
    return np.asarray(both | (np.maximum(above, below) > LONGER))
