"""Fits a quadrilateral to a region of a grid of cells."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nnkit.data.dataset import Array
from nnkit.reading.segmentation.ink import fitted

STRAIGHT = 0.75  # smallest fraction of all edge cells that lie on straight lines …
WORST = 0.5  # … and of the cells of each edge, because an edge may fade into the background …
NEAR = 1.0  # … within this distance, in cells
TRAPEZOID = 0.25  # largest difference in slope of opposite edges


class _Edge(NamedTuple):
    """A straight edge, across = slope · along + level.

    `is_cut` is whether it is the border of the picture; `share` is the fraction of the edge cells
    that lie on it.
    """

    slope: float
    level: float
    is_cut: bool
    share: float


def edges_of(own: Array) -> tuple[Array, Array] | None:
    """Fits a quadrilateral to the outline of a region.

    Args:
        own: the region, bool (h, w).

    Returns:
        The corners x, y, (4, 2): top left, top right, bottom right, bottom left; and which of the
        top, right, bottom and left edges are borders of the picture, (4,). None if the region is
        not a quadrilateral.
    """
    height, width = own.shape
    y, x = np.nonzero(own)
    angle = _turn(_rim(x, y))
    cos, sin = np.cos(angle), np.sin(angle)
    u, v = cos * x + sin * y, cos * y - sin * x
    on_border = (x == 0) | (y == 0) | (x == width - 1) | (y == height - 1)
    edges = []
    for along, across, sign in ((u, v, -1), (v, u, 1), (u, v, 1), (v, u, -1)):
        edge = _edge(along, sign * across, on_border)
        if edge is None:
            return None
        edges.append(edge._replace(slope=sign * edge.slope, level=sign * edge.level))
    if np.mean([edge.share for edge in edges]) < STRAIGHT:
        return None
    for one, other in zip(edges[:2], edges[2:], strict=True):
        if not (one.is_cut or other.is_cut) and abs(one.slope - other.slope) > TRAPEZOID:
            return None
    top, right, bottom, left = edges
    pairs = ((top, left), (top, right), (bottom, right), (bottom, left))
    corners = np.array([_crossing(level, upright) for level, upright in pairs])
    turn = np.array([[cos, -sin], [sin, cos]])
    return corners @ turn.T + 0.5, np.array([edge.is_cut for edge in edges])


def _crossing(level: _Edge, upright: _Edge) -> tuple[float, float]:
    """The intersection (u, v) of v = slope · u + level and u = slope · v + level."""
    u = (upright.level + upright.slope * level.level) / (1 - level.slope * upright.slope)
    return u, level.slope * u + level.level


def within(corners: Array, shape: tuple[int, ...]) -> Array:
    """The cells whose centres are in a quadrilateral, bool (h, w)."""
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    inside = np.ones(shape, dtype=bool)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        inside &= (x1 - x0) * (y - y0) >= (y1 - y0) * (x - x0)
    return inside


def moved(corners: Array, by: Array) -> Array:
    """Moves each edge of a quadrilateral inwards by a number of cells; returns corners (4, 2)."""
    following = np.roll(corners, -1, axis=0)
    ways = following - corners
    normals = np.stack([-ways[:, 1], ways[:, 0]], axis=1)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    offsets = (normals * corners).sum(axis=1) + by
    return np.array(
        [np.linalg.solve(normals[[i - 1, i]], offsets[[i - 1, i]]) for i in range(len(corners))]
    )


def _rim(x: Array, y: Array) -> Array:
    """The first and the last cell of each row and column, (n, 2); the input is in row order."""
    starts = np.flatnonzero(np.diff(y, prepend=-1))
    rows = np.concatenate([starts, np.append(starts[1:], len(y)) - 1])
    order = np.lexsort((y, x))
    starts = np.flatnonzero(np.diff(x[order], prepend=-1))
    columns = order[np.concatenate([starts, np.append(starts[1:], len(x)) - 1])]
    chosen = np.concatenate([rows, columns])
    return np.stack([x[chosen], y[chosen]], axis=1)


def _turn(rim: Array) -> float:
    """The rotation of the smallest enclosing rectangle, −45° … 45°, in radians."""
    angles = np.radians(np.arange(-45, 45, 1.5))
    u = rim @ np.stack([np.cos(angles), np.sin(angles)])
    v = rim @ np.stack([-np.sin(angles), np.cos(angles)])
    return float(angles[np.argmin((np.ptp(u, axis=0) + 1) * (np.ptp(v, axis=0) + 1))])


def _edge(along: Array, across: Array, on_border: Array) -> _Edge | None:
    """Fits a line to the outermost cells; returns None if they are not on a line.

    Args:
        along: coordinate of each cell along the edge, (n,).
        across: coordinate perpendicular to the edge, increasing outwards, (n,).
        on_border: whether each cell is on the picture's border, (n,).
    """
    place = np.rint(along - along.min()).astype(np.int64)
    order = np.lexsort((across, place))
    last = order[np.flatnonzero(np.diff(place[order], append=-1))]
    spare = len(last) // 12
    last = last[spare : len(last) - spare]
    if len(last) < 6:
        return None
    is_cut = bool(on_border[last].mean() > 0.5)
    if not is_cut:
        last = last[~on_border[last]]
    s, t = along[last], across[last]
    slope = _slope(s, t)
    level = float(np.median(_densest(t - slope * s)))
    near = np.abs(t - slope * s - level) <= NEAR
    middle = float(s[near].mean())
    A = np.stack([np.ones(int(near.sum())), s[near] - middle], axis=1)
    level, slope = (float(value) for value in fitted(A, t[near], np.ones(len(A))))
    share = float((np.abs(t - level - slope * (s - middle)) <= NEAR).mean())
    if share < WORST or abs(slope) > TRAPEZOID:
        return None
    return _Edge(slope, level - slope * middle + 0.5, is_cut, share)


def _slope(along: Array, across: Array) -> float:
    """The slope of the line through most cells (Hough 1962), robust where an edge fades."""
    slopes = np.linspace(-TRAPEZOID, TRAPEZOID, 101)
    levels = np.sort(across - slopes[:, None] * along, axis=1)
    # Rows far apart from each other, so that one search counts the cells near each level of all
    apart = (levels + np.arange(len(slopes))[:, None] * (4 * NEAR + np.ptp(levels))).ravel()
    counts = np.searchsorted(apart, apart + 2 * NEAR, side="right") - np.arange(len(apart))
    most = counts.reshape(levels.shape).max(axis=1)
    return float(slopes[most == most.max()].mean())


def _densest(values: Array) -> Array:
    """The largest group of values within an interval of length 2 · `NEAR`, sorted."""
    ordered = np.sort(values)
    ends = np.searchsorted(ordered, ordered + 2 * NEAR, side="right")
    first = int(np.argmax(ends - np.arange(len(ordered))))
    return ordered[first : ends[first]]
