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
SLANTED = 0.1  # sideways shift of a slash, relative to its height, at least …
STRAIGHT = 0.008  # … standard deviation of its edges from lines, relative to the digits' height …
CONSTANT = 1.5  # … a width of at most so many times its median, …
SOLID = 0.8  # … and at least this fraction of each row filled
LEVEL = 0.045  # deviation of the other symbols' tops and bottoms, relative to the digits' height


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


def slashes(inks: Sequence[Array], boxes: Sequence[tuple[int, int, int, int]]) -> Array:
    """Whether each symbol of a line is a slash in print, (n,) bool.

    A handwritten 1 may look like a slash, but its edges are hardly ever straight to a fraction of a
    pixel; a printed one is upright, or has a flag. All other symbols of a line in print have one
    height.

    Args:
        inks: the ink of each symbol, (h, w) each.
        boxes: the boxes of the symbols in the strip, x0, y0, x1, y1.
    """
    found = np.array([is_slanted_stroke(ink) for ink in inks], dtype=bool)
    others = np.array(boxes, dtype=np.float64).reshape(-1, 4)[~found][:, [1, 3]]
    if len(others) < FEWEST:
        return np.zeros(len(found), dtype=bool)
    level = np.abs(others - np.median(others, axis=0)).max() <= LEVEL * HEIGHT
    return found & level


def is_slanted_stroke(ink: Array) -> bool:
    """Whether the ink of a symbol, (h, w), is one slanted stroke, as straight as print."""
    solid = ink > 0.5
    solid = solid[solid.any(axis=1)]
    height = len(solid)
    if height < HEIGHT / 2:
        return False
    left, right = solid.argmax(axis=1), solid.shape[1] - solid[:, ::-1].argmax(axis=1)
    width = right - left
    if width.max() > CONSTANT * np.median(width) or (solid.sum(axis=1) < SOLID * width).any():
        return False
    inside = slice(height // 12, height - height // 12)  # the ends may be cut at an angle
    edges = np.stack([left[inside], right[inside]], axis=1)  # (rows, 2)
    lines, squares, *_ = np.polyfit(np.arange(len(edges)), edges, 1, full=True)
    deviation = np.sqrt(squares.max() / len(edges))
    return bool(abs(lines[0].mean()) > SLANTED and deviation < STRAIGHT * HEIGHT)
