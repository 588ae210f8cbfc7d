"""Removes what is on the page but not writing: frames around it, ruled lines, specks of dust."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from nnkit.data.dataset import Array
from nnkit.reading.segmentation.components import Components, label, widened
from nnkit.reading.segmentation.ink import SOLID, Ink

FAINT = 0.25  # fraction of the ink's darkness above which a pixel may belong to a ruled line
STEEPEST = 0.06  # largest slope of a ruled line
COVERED = 0.92  # fraction of the page's width that a ruled line covers
SLENDER = 25  # smallest length of a ruled line, in multiples of its thickness
SAMPLED = 400  # columns searched for ruled lines
SMALLEST = 8  # smallest side of a frame, in pixels
FRAMED = 0.3  # smallest height of what a frame encloses, relative to the frame's
WIDE = 1.5  # aspect ratio above which strokes that cross a box may be several digits
SPECK = 0.1  # smallest size of a component, relative to the digits' height
DUST = 0.3  # relative size below which it must be near a larger component …
NEAR = 0.3  # … within this distance
DASH = 5  # aspect ratio of a line under or between digits
DARK = 0.5  # fraction of the ink's darkness that a stroke must reach somewhere


def without_frames(ink: Ink) -> Ink:
    """Erases boxes, circles and the cells of forms around the writing.

    A frame is a component that encloses others of a digit's size, or a box whose sides are crossed
    by strokes. Strokes that cross straight sides are kept.
    """
    found = label(ink.solid)
    amount = ink.amount.copy()
    for number in _possible_frames(found):
        x0, y0, x1, y1 = (int(side) for side in found.boxes[number])
        edge = 2  # where its lines fade
        part = np.s_[max(y0 - edge, 0) : y1 + edge, max(x0 - edge, 0) : x1 + edge]
        own = found.labels[part] == number + 1
        lines = np.where(own, amount[part], 0)
        strokes = own & (lines > FAINT) if _erased_box(lines) else np.zeros_like(own)
        if not _encloses(found, number):
            rest = label(strokes)
            if not len(rest) or rest.heights.max() < FRAMED * (y1 - y0):
                continue
        amount[part][widened(widened(own)) & ~widened(strokes) & ~(ink.solid[part] & ~own)] = 0
    return replace(ink, amount=amount, solid=ink.solid & (amount > SOLID))


def _possible_frames(found: Components) -> list[int]:
    """The components that enclose others, or are wide; not those at the border of the page."""
    height, width = found.labels.shape
    x0, y0, x1, y1 = found.boxes.T
    inside = (x0 > 0) & (y0 > 0) & (x1 < width) & (y1 < height)
    large = (found.heights >= SMALLEST) & (found.widths >= SMALLEST)
    return [
        number
        for number in np.flatnonzero(inside & large).tolist()
        if found.widths[number] > WIDE * found.heights[number] or _encloses(found, number)
    ]


def _encloses(found: Components, number: int) -> bool:
    """Whether a component is around others of a digit's size."""
    x0, y0, x1, y1 = (int(side) for side in found.boxes[number])
    middles = (found.boxes[:, :2] + found.boxes[:, 2:]) // 2
    inside = (middles > (x0, y0)).all(axis=1) & (middles < (x1, y1)).all(axis=1)
    inside &= (found.heights >= FRAMED * (y1 - y0)) & (found.widths < x1 - x0)
    sides = [_sides(found, number, x, y) for x, y in middles[inside].tolist()]
    return 4 in sides or sides.count(3) >= 2  # a comb, the cells of a form, is open at the top


def _sides(found: Components, number: int, x: int, y: int) -> int:
    """The number of directions, of four, in which a component is met from a point."""
    x0, y0, x1, y1 = found.boxes[number]
    row, column = (found.labels[place] == number + 1 for place in (np.s_[y], np.s_[:, x]))
    rays = (row[x0:x], row[x:x1], column[y0:y], column[y:y1])
    return sum(bool(ray.any()) for ray in rays)


def without_rules(ink: Ink) -> Ink:
    """Erases ruled lines across the page, except where strokes cross them."""
    amount = ink.amount.copy()
    for view in (amount, amount.T):
        _erased(view)
    return replace(ink, amount=amount, solid=ink.solid & (amount > SOLID))


def _erased_box(lines: Array) -> bool:
    """Erases the four sides of a box; returns whether they were found."""
    rules = _erased(lines)
    if len(rules) < 2:
        return False
    # Strokes may reach beyond the upper and the lower side, which the other two do not
    top = min(rule.middles.min() - rule.thickness for rule in rules)
    bottom = max(rule.middles.max() + rule.thickness for rule in rules)
    return len(_erased(lines[max(int(top), 0) : int(bottom) + 1].T)) >= 2


def _erased(view: Array) -> list[_Rule]:
    """Erases the lines from the left to the right of a view of ink, and returns them."""
    rules = _rules(view > FAINT)
    for rule in rules:
        _erase(view, rule)
    return rules


@dataclass(frozen=True, slots=True)
class _Rule:
    """A ruled line.

    Attributes:
        middles: y of the line's middle in each column, (w,).
        thickness: thickness in pixels.
    """

    middles: Array
    thickness: float


def _rules(mask: Array) -> list[_Rule]:
    """Finds lines from the left to the right border with at most a small slope."""
    height, width = mask.shape
    thickest = width / SLENDER
    if width < 2 * SLENDER or height < 8:
        return []
    x, tops, ends = _vertical_runs(mask, max(1, width // SAMPLED))
    thin = ends - tops <= min(thickest, height / 8)
    x, y, thickness = x[thin], (tops + ends - 1)[thin] / 2, (ends - tops)[thin]
    columns = len(np.unique(x))
    if columns < 10:
        return []
    found: list[_Rule] = []
    for slope, level in _straight(x, y, columns, width, height):
        near = np.abs(y - level - slope * x) <= 3
        rule = _Rule(level + slope * np.arange(width), float(np.median(thickness[near])))
        rule = replace(rule, middles=_followed(rule.middles, x[near], y[near]))
        if all(np.abs(rule.middles - other.middles).min() > 3 for other in found) and _covers(
            rule, mask
        ):
            found.append(rule)
    return found


def _vertical_runs(mask: Array, step: int) -> tuple[Array, Array, Array]:
    """The vertical runs in every `step`-th column: x, first y, and last y + 1."""
    columns = mask.T[::step]
    padded = np.zeros((columns.shape[0], columns.shape[1] + 2), dtype=np.int8)
    padded[:, 1:-1] = columns
    x, edges = np.nonzero(np.diff(padded, axis=1))
    return x[::2] * step, edges[::2], edges[1::2]


def _straight(
    x: Array, y: Array, columns: int, width: int, height: int
) -> list[tuple[float, float]]:
    """Slopes and levels of lines through many runs, the most first (Hough transform, 1962)."""
    lines: list[tuple[int, float, float]] = []
    slopes = np.arange(-STEEPEST, STEEPEST, 1.5 / width)
    room = int(STEEPEST * width) + 2
    for slope in slopes:
        counts = np.bincount(np.rint(y - slope * x).astype(int) + room, minlength=height + 2 * room)
        counts = counts[:-2] + counts[1:-1] + counts[2:]
        lines += [
            (int(counts[level]), float(slope), float(level + 1 - room))
            for level in np.flatnonzero(counts > 0.4 * columns).tolist()
        ]
    lines.sort(reverse=True)
    chosen: list[tuple[float, float]] = []
    for _, steepness, height_left in lines:
        middle = height_left + steepness * width / 2
        if all(abs(middle - other[1] - other[0] * width / 2) > 4 for other in chosen):
            chosen.append((steepness, height_left))
    return chosen[:200]


def _followed(middles: Array, x: Array, y: Array) -> Array:
    """Fits a line to its runs: medians over sixteenths of the width."""
    width = len(middles)
    parts = np.minimum(x * 16 // width, 15)
    centres, offsets = [], []
    for part in np.unique(parts):
        own = parts == part
        centres.append((part + 0.5) * width / 16)
        offsets.append(float(np.median(y[own] - middles[x[own]])))
    return middles + np.interp(np.arange(width), centres, offsets)


def _covers(rule: _Rule, mask: Array) -> bool:
    height, width = mask.shape
    columns = np.arange(width)
    inked = np.zeros(width, dtype=bool)
    for shift in (-1, 0, 1):
        y = np.rint(rule.middles).astype(int) + shift
        inside = (y >= 0) & (y < height)
        inked |= ~inside | mask[np.clip(y, 0, height - 1), columns]
    return bool(inked.mean() > COVERED and width > SLENDER * rule.thickness)


def _erase(amount: Array, rule: _Rule) -> None:
    """Erases the line in each column where no stroke crosses it."""
    height, width = amount.shape
    radius = int(rule.thickness) + 3
    columns = np.arange(width)
    middles = np.rint(rule.middles).astype(int)
    rows = middles[None, :] + np.arange(-radius, radius + 1)[:, None]
    inside = (rows >= 0) & (rows < height)
    rows = np.clip(rows, 0, height - 1)
    window = np.where(inside, amount[rows, columns], 0)
    dark = window > FAINT
    alone = dark.sum(axis=0) <= rule.thickness + 2
    alone &= ~(dark[0] | dark[-1])
    blank = inside & alone
    amount[rows[blank], np.broadcast_to(columns, rows.shape)[blank]] = 0


def written(ink: Ink) -> Components:
    """The components that may be handwriting, without specks, dust and shadows."""
    found = label(ink.solid)
    if not len(found):
        return found
    darkest = np.zeros(len(found) + 1, dtype=ink.amount.dtype)
    np.maximum.at(darkest, found.labels[ink.solid], ink.amount[ink.solid])
    kept = (darkest[1:] > DARK) & (found.areas > 2)
    if not kept.any():
        return _only(found, kept)
    sides = np.maximum(found.heights, found.widths)
    height = digit_height(found.heights[kept], found.areas[kept])
    kept &= sides >= SPECK * height
    kept &= (found.widths < height) | (found.widths < DASH * found.heights)
    small = kept & (sides < DUST * height)
    large = kept & ~small
    kept[small] = _distances(found.boxes[small], found.boxes[large]) <= NEAR * height
    return _only(found, kept)


def amount_of(ink: Ink, mask: Array) -> Array:
    """The ink of selected strokes with their fading edges, without other strokes, float32 (h, w).

    Args:
        ink: the ink that contains the strokes.
        mask: the pixels of the strokes, bool (h, w).
    """
    kept = (ink.amount > ink.floor / 2) & ~widened(ink.solid & ~mask) | mask
    return np.where(kept, ink.amount, 0)


def digit_height(heights: Array, areas: Array) -> float:
    """The height of digits: the median over components, each weighted by its ink."""
    order = np.argsort(heights)
    share = np.cumsum(areas[order]) / areas.sum()
    return float(heights[order][np.searchsorted(share, 0.5)])


def _distances(boxes: Array, others: Array) -> Array:
    """The Chebyshev distance from each box to the nearest other box, (n,)."""
    nearest = np.full(len(boxes), np.inf)
    for box in others:
        apart = np.maximum(boxes[:, :2] - box[2:], box[:2] - boxes[:, 2:]).max(axis=1)
        np.minimum(nearest, apart, out=nearest)
    return nearest


def _only(found: Components, kept: Array) -> Components:
    numbers = np.concatenate([[0], np.cumsum(kept) * kept]).astype(np.int32)
    return Components(numbers[found.labels], found.boxes[kept], found.areas[kept])
