"""Cuts a line into more pieces than it has digits; networks then choose which belong together.

In this over-segmentation (Casey & Lecolinet 1996, §3), a component is cut wherever two digits
might touch, along the path from top to bottom that crosses the least ink.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnkit.data.dataset import Array
from nnkit.reading.segmentation.components import Components, label
from nnkit.reading.segmentation.lines import HEIGHT, Strip

OVERLAP = 0.5  # overlap of two parts of one digit, relative to the narrower one's width
PART = 0.5  # relative height below which a component is part of another
UNCUT = 0.42 * HEIGHT  # width in pixels up to which a component is not cut
APART = 2  # pixels between the starting points of cuts
SWAY = 4  # pixels that a cut may deviate to either side
ASKEW = 0.04  # cost of a sideways step, in pixels of full stroke
MOST_INK = 0.7 * HEIGHT  # most ink that a cut may cross, in pixels of full stroke
DISTINCT = 3  # smallest mean distance between two cuts, in pixels
DENSITY = 9  # maximal number of cuts per width of `HEIGHT`
THINNEST = 4.0  # stroke width in pixels below which strokes are thickened for the network
THICKEST = 13.0  # stroke width above which strokes are thinned
FAINTEST = 0.2  # smallest fraction of its ink that a thinned stroke keeps
SOFT = 0.12  # ink that still belongs to the adjacent stroke


@dataclass(frozen=True, slots=True)
class Pieces:
    """A line, cut into pieces that are numbered from left to right.

    Attributes:
        strip: the line.
        amount: ink of the line, float32 (h, w), with strokes about as thick as MNIST's.
        number: piece of each pixel, from 1, int32 (h, w); 0 for paper.
        boxes: boxes of the pieces in the strip, (n, 4).
        joined: whether a cut, not a gap, separates a piece from the next, (n − 1,) bool.
        seams: the cuts, each as points (x, y).
    """

    strip: Strip
    amount: Array
    number: Array
    boxes: Array
    joined: Array
    seams: tuple[Array, ...]

    def ink(self, first: int, last: int) -> Array:
        """The ink of pieces `first` … `last`, cropped to their box."""
        x0, y0 = self.boxes[first : last + 1, :2].min(axis=0)
        x1, y1 = self.boxes[first : last + 1, 2:].max(axis=0)
        number = self.number[y0:y1, x0:x1]
        inside = (number > first) & (number <= last + 1)
        return np.where(inside, self.amount[y0:y1, x0:x1], 0)

    def box_in_picture(self, first: int, last: int) -> tuple[float, float, float, float]:
        """The upright box around the strokes of pieces `first` … `last`, in picture coordinates."""
        inside = (self.number > first) & (self.number <= last + 1) & self.strip.solid
        if not inside.any():
            inside = (self.number > first) & (self.number <= last + 1)
        y, x = np.nonzero(inside)
        points = self.strip.points_in_picture(np.stack([x, y], axis=1) + 0.5)
        half = np.abs(self.strip.to_picture[:, :2]).max() / 2  # from a pixel's middle to its edge
        (x0, y0), (x1, y1) = points.min(axis=0) - half, points.max(axis=0) + half
        return float(x0), float(y0), float(x1), float(y1)


def cut(strip: Strip, doubtful: Array | None = None) -> Pieces:
    """Cuts a line into pieces.

    Args:
        strip: the line.
        doubtful: whether each group of components may be cut, (groups,) bool; by default no group
            is cut, and each is a piece.
    """
    groups = _groups(label(strip.solid))
    if doubtful is None:
        doubtful = np.zeros(len(groups), dtype=bool)
    number = np.zeros(strip.solid.shape, dtype=np.int32)
    rows = np.arange(len(number))
    joined: list[bool] = []
    seams: list[Array] = []
    count = 0
    for group, paths in zip(groups, _cuts(strip, groups, doubtful), strict=True):
        mask = group.mask
        pieces = 1 + (np.arange(mask.shape[1]) >= paths[:, :, None]).sum(axis=0, dtype=np.int32)
        used = np.unique(pieces[mask])
        joined += [False] * bool(count) + [True] * (len(used) - 1)
        ranks = np.zeros(len(paths) + 2, dtype=np.int32)
        ranks[used] = np.arange(1, len(used) + 1)
        number[:, group.left : group.right][mask] = count + ranks[pieces[mask]]
        seams += [np.stack([path + group.left, rows], axis=1) for path in paths]
        count += len(used)
    amount = _usual_stroke(strip)
    number = _softened(number, amount)
    boxes = label_boxes(number, count)
    return Pieces(strip, amount, number, boxes, np.array(joined, dtype=bool), tuple(seams))


@dataclass(frozen=True, slots=True)
class _Group:
    """Vertically overlapping components: columns and the mask (h, right − left) of their ink."""

    left: int
    right: int
    mask: Array


def label_boxes(number: Array, count: int) -> Array:
    """The boxes of the labels 1 … count, (count, 4)."""
    boxes = np.empty((count, 4), dtype=np.int64)
    boxes[:, :2], boxes[:, 2:] = max(number.shape), 0
    y, x = np.nonzero(number)
    own = number[y, x] - 1
    for column, values, extreme in (
        (0, x, np.minimum),
        (1, y, np.minimum),
        (2, x + 1, np.maximum),
        (3, y + 1, np.maximum),
    ):
        extreme.at(boxes[:, column], own, values)
    return boxes


def _groups(found: Components) -> list[_Group]:
    """Groups components above each other, as parts of a broken digit are, from left to right."""
    order = np.argsort(found.boxes[:, 0] + found.boxes[:, 2])
    groups: list[list[int]] = []
    spans: list[tuple[int, int]] = []
    tall = found.heights >= PART * HEIGHT
    for i in sorted(order, key=lambda i: not tall[i]):
        x0, x1 = int(found.boxes[i, 0]), int(found.boxes[i, 2])
        shared = [min(b, x1) - max(a, x0) for a, b in spans]
        best = int(np.argmax(shared)) if shared else -1
        narrower = min(x1 - x0, spans[best][1] - spans[best][0]) if shared else 0
        if best >= 0 and shared[best] > OVERLAP * narrower:
            groups[best].append(int(i))
            spans[best] = min(spans[best][0], x0), max(spans[best][1], x1)
        else:
            groups.append([int(i)])
            spans.append((x0, x1))
    chosen = np.zeros((len(groups), len(found)), dtype=bool)
    for g, members in enumerate(groups):
        chosen[g, members] = True
    return [
        _Group(*spans[g], found.mask(chosen[g], slice(*spans[g])))
        for g in sorted(range(len(groups)), key=lambda g: sum(spans[g]))
    ]


def _cuts(strip: Strip, groups: list[_Group], doubtful: Array) -> list[Array]:
    """The paths along which to cut each group, (k, h), as x from the group's left."""
    windows, columns = [], []
    for group, may_be_cut in zip(groups, doubtful, strict=True):
        width = group.right - group.left
        last = width - APART - 1 if may_be_cut and width > UNCUT else 0
        around = np.arange(APART + 2, last, APART)[:, None] + np.arange(-SWAY, SWAY + 1)
        ink = np.minimum(strip.amount[:, group.left : group.right] * group.mask, 1)
        outside = (around < 1) | (around >= width)
        windows.append(np.where(outside, 1e3, ink[:, np.clip(around, 0, width - 1)]))
        columns.append(around)
    steps, costs = _seams(np.concatenate(windows, axis=1))
    around = np.concatenate(columns)
    paths = around[np.arange(len(around))[:, None], steps]
    ends = np.cumsum([len(own) for own in columns])[:-1]
    return [
        _cheapest(own, cost, group.right - group.left)
        for group, own, cost in zip(
            groups, np.split(paths, ends), np.split(costs, ends), strict=True
        )
    ]


def _cheapest(paths: Array, costs: Array, width: int) -> Array:
    """The cuts of a group with little ink and no better cut nearby, from left to right."""
    chosen: list[int] = []
    most = max(2, round(DENSITY * width / HEIGHT))
    for k in np.argsort(costs):
        if costs[k] > MOST_INK or len(chosen) == most:
            break
        if all(np.abs(paths[k] - paths[other]).mean() >= DISTINCT for other in chosen):
            chosen.append(int(k))
    chosen.sort(key=lambda k: float(paths[k].mean()))
    return np.maximum.accumulate(paths[chosen], axis=0)


def _seams(costs: Array) -> tuple[Array, Array]:
    """The cheapest path from top to bottom in each window, by dynamic programming.

    Each step goes straight down or, at a small extra cost, diagonally.

    Args:
        costs: the cost of each pixel, (h, k, w).

    Returns:
        The column in the window for each row, (k, h), and the cost of the path, (k,).
    """
    height, windows, width = costs.shape
    total = np.full((windows, width + 2), 1e6)
    total[:, 1:-1] = costs[0]
    ways = np.empty((3, windows, width))
    steps = np.empty((height, windows, width), dtype=np.int8)
    for y in range(1, height):
        np.add(total[:, :-2], ASKEW, out=ways[0])
        ways[1] = total[:, 1:-1]
        np.add(total[:, 2:], ASKEW, out=ways[2])
        steps[y] = ways.argmin(axis=0)
        np.add(ways.min(axis=0), costs[y], out=total[:, 1:-1])
    every = np.arange(windows)
    at = total[:, 1:-1].argmin(axis=1)
    ends = total[every, at + 1]
    paths = np.empty((windows, height), dtype=np.int64)
    for y in range(height - 1, -1, -1):
        paths[:, y] = at
        if y:
            at = at + steps[y, every, at] - 1
    return paths, ends


def _usual_stroke(strip: Strip) -> Array:
    """The line's ink with strokes thickened or thinned towards the stroke width of MNIST."""
    amount, width = strip.amount, max(1.0, _stroke(strip.solid))
    for _ in range(2):
        if width < THINNEST:
            amount, width = _around(amount, np.maximum), width + 2
        elif width > THICKEST:
            thinner = _around(amount, np.minimum)
            amount, width = np.maximum(thinner, FAINTEST * amount), width - 2
    return amount


def _stroke(solid: Array) -> float:
    """The mean width of strokes, in pixels."""
    padded = np.pad(solid, 1)
    edges = sum(int((np.diff(padded, axis=axis) != 0).sum()) for axis in (0, 1))
    # The area of a long stroke is half its outline times its width; a slanting outline has up to
    # √2 times as many edges.
    return 2 * 1.2 * int(solid.sum()) / max(edges, 1)


def _around(values: Array, extreme: np.ufunc) -> Array:
    """The maximum or minimum of each pixel and its four neighbours."""
    padded = np.pad(values, 1, mode="edge")
    up, down = padded[:-2, 1:-1], padded[2:, 1:-1]
    left, right = padded[1:-1, :-2], padded[1:-1, 2:]
    return extreme.reduce([values, up, down, left, right])


def _softened(number: Array, amount: Array) -> Array:
    """Extends the pieces by the fading edges of their strokes, up to three pixels wide."""
    soft = amount > SOFT
    for _ in range(3):
        number = np.where((number == 0) & soft, _around(number, np.maximum), number)
    return number
