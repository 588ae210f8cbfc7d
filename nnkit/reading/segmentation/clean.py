"""Removes what is on the page but not handwriting: specks of dust and ruled lines."""

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
SPECK = 0.1  # smallest size of a component, relative to the digits' height
DUST = 0.3  # relative size below which it must be near a larger component …
NEAR = 0.3  # … within this distance
DASH = 5  # aspect ratio of a line under or between digits
DARK = 0.5  # fraction of the ink's darkness that a stroke must reach somewhere


def without_rules(ink: Ink) -> Ink:
    """Erases ruled lines across the page, except where strokes cross them."""
    amount = ink.amount.copy()
    for view in (amount, amount.T):
        for rule in _rules(view > FAINT):
            _erase(view, rule)
    return replace(ink, amount=amount, solid=ink.solid & (amount > SOLID))


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
