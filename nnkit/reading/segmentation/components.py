"""Connected components of a mask, by runs and union-find, in NumPy.

`scipy.ndimage.label` does the same, but SciPy would be larger than all of nnkit's dependencies;
the tests compare the two.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnkit.data.dataset import Array


@dataclass(frozen=True, slots=True)
class Components:
    """The 8-connected components of a mask, numbered from 1 in the order of their first pixels.

    Attributes:
        labels: the component of each pixel, int32 (h, w), 0 for the background.
        boxes: x0, y0, x1, y1 with the ends excluded, int64 (n, 4); row i − 1 is component i.
        areas: number of pixels of each component, (n,).
    """

    labels: Array
    boxes: Array
    areas: Array

    def __len__(self) -> int:
        return len(self.areas)

    @property
    def widths(self) -> Array:
        return self.boxes[:, 2] - self.boxes[:, 0]

    @property
    def heights(self) -> Array:
        return self.boxes[:, 3] - self.boxes[:, 1]

    def mask(self, chosen: Array, columns: slice = slice(None)) -> Array:
        """The pixels of selected components, (h, w) bool.

        Args:
            chosen: the selection, bool (n,).
            columns: the columns of the picture to return.
        """
        return np.concatenate([[False], chosen])[self.labels[:, columns]]


def label(mask: Array) -> Components:
    """Finds the connected components of a mask.

    The runs of all rows are compared with those of the row above at once, by their ends. Then
    each run is assigned the smallest run that it is connected with (He, Chao & Suzuki 2008),
    until nothing changes.

    Args:
        mask: the mask, bool (h, w).
    """
    height, width = mask.shape
    padded = np.zeros((height, width + 2), dtype=np.int8)
    padded[:, 1:-1] = mask
    rows, edges = np.nonzero(np.diff(padded, axis=1))
    rows, starts, ends = rows[::2], edges[::2], edges[1::2]  # pixels starts … ends − 1
    parents = _united(len(rows), *_neighbours(rows, starts, ends, width))
    roots, numbers = np.unique(parents, return_inverse=True)
    count = len(roots)
    boxes = np.empty((count, 4), dtype=np.int64)
    boxes[:, :2], boxes[:, 2:] = max(height, width), 0
    for column, values, extreme in (
        (0, starts, np.minimum),
        (1, rows, np.minimum),
        (2, ends, np.maximum),
        (3, rows + 1, np.maximum),
    ):
        extreme.at(boxes[:, column], numbers, values)
    areas = np.bincount(numbers, weights=ends - starts, minlength=count).astype(np.int64)
    labels = np.zeros((height, width), dtype=np.int32)
    labels[mask] = np.repeat(numbers + 1, ends - starts)
    return Components(labels, boxes, areas)


def _neighbours(rows: Array, starts: Array, ends: Array, width: int) -> tuple[Array, Array]:
    """Pairs of 8-adjacent runs in successive rows: indices of the upper and of the lower run."""
    stride = width + 2  # row · stride + column increases from run to run
    first = np.searchsorted((rows * stride) + ends, (rows - 1) * stride + starts)
    after = np.searchsorted((rows * stride) + starts, (rows - 1) * stride + ends, side="right")
    counts = np.maximum(after - first, 0)
    lower = np.repeat(np.arange(len(rows)), counts)
    offsets = np.arange(len(lower)) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.repeat(first, counts) + offsets, lower


def _united(count: int, first: Array, second: Array) -> Array:
    """The smallest run that each run is connected with, (count,)."""
    parents = np.arange(count)
    while True:
        a, b = parents[first], parents[second]
        apart = a != b
        if not apart.any():
            return parents
        first, second, a, b = first[apart], second[apart], a[apart], b[apart]
        np.minimum.at(parents, np.maximum(a, b), np.minimum(a, b))
        while (parents != parents[parents]).any():
            parents = parents[parents]


def widened(mask: Array) -> Array:
    """Dilates a mask by one pixel, where the edge of a stroke fades."""
    wide = mask.copy()
    wide[1:] |= mask[:-1]
    wide[:-1] |= mask[1:]
    wider = wide.copy()
    wider[:, 1:] |= wide[:, :-1]
    wider[:, :-1] |= wide[:, 1:]
    return wider
