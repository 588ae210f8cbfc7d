"""Views of candidates with their surroundings in the line: the input of the verifier."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nnkit.data.dataset import Array
from nnkit.reading.segmentation.cuts import Pieces
from nnkit.reading.segmentation.lines import HEIGHT

VIEW = (24, 32)  # pixels of a view …
SEEN = (5 * HEIGHT // 4, 5 * HEIGHT // 3)  # … and of the strip that it shows


def views(pieces: Pieces, spans: Sequence[tuple[int, int]]) -> Array:
    """Crops the ink of each candidate and the ink around it: uint8 (n, 2, *VIEW).

    Views keep the scale and the vertical position of the line, so they show size and place too.

    Args:
        pieces: the pieces of a line.
        spans: first and last piece of each candidate, on which the view is centred.
    """
    height, width = SEEN
    room = ((height, height), (width, width))
    ink, number = np.pad(np.minimum(pieces.amount, 1), room), np.pad(pieces.number, room)
    top = (ink.shape[0] - height) // 2
    ink, number = ink[top : top + height], number[top : top + height]
    rows, columns = (_averaging(n, m) for n, m in zip(VIEW, SEEN, strict=True))
    seen = np.empty((len(spans), 2, *VIEW), dtype=np.uint8)
    for view, (first, last) in zip(seen, spans, strict=True):
        x0, x1 = pieces.boxes[first : last + 1, 0].min(), pieces.boxes[first : last + 1, 2].max()
        left = (x0 + x1 + width) // 2  # left edge of the window in the padded strip
        part, owner = ink[:, left : left + width], number[:, left : left + width]
        inside = (owner > first) & (owner <= last + 1)
        own = np.where(inside, part, 0)
        view[:] = np.rint(rows @ np.stack([own, part - own]) @ columns.T * 255)
    return seen


def _averaging(few: int, many: int) -> Array:
    """The matrix (few, many) that downsamples by averaging over equal parts."""
    edges = np.arange(few + 1)[:, None] * (many / few)
    until = np.clip(edges - np.arange(many), 0, 1)
    return (np.diff(until, axis=0) * (few / many)).astype(np.float32)
