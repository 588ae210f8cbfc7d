"""Finds lines of writing, levels and straightens them, and scales them to equal height."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from nnkit.data.dataset import Array
from nnkit.reading.segmentation.clean import NEAR, amount_of, digit_height
from nnkit.reading.segmentation.components import Components
from nnkit.reading.segmentation.ink import SOLID, Ink

HEIGHT = 48  # height in pixels of a digit in a strip
MARGIN = 8  # margin in pixels
TALL = 0.5  # relative height above which a component locates a line
STEEPEST = 0.65  # largest slope that is levelled (33°)
NEXT = 2.0  # largest gap to the next digit, relative to the digits' height …
ASIDE = 0.7  # … and largest distance from the line through both
MOST_SLANT = 0.7  # largest slant that is considered (35°)
USUAL_SLANT = 0.35  # slant (19°) that occurs in MNIST too; only the excess is straightened
LEAST_TILT = 0.03  # smallest slope that is levelled (2°)
LEAST_ASPECT = 0.1  # ratio of a line's height to its longest component below which it is a dash
LONGEST = 30_000  # maximal side of a strip, in pixels


@dataclass(frozen=True, slots=True)
class Strip:
    """A line of writing, upright, with digits about `HEIGHT` pixels high.

    Attributes:
        amount: amount of ink, float32 (h, w), about 1 in strokes.
        solid: the pixels of strokes, bool (h, w).
        to_picture: affine map from x, y, 1 in the strip to x, y in the picture, (2, 3).
    """

    amount: Array
    solid: Array
    to_picture: Array

    def points_in_picture(self, points: Array) -> Array:
        """Converts points (n, 2), x and y in the strip, to pixels of the picture."""
        return points @ self.to_picture[:, :2].T + self.to_picture[:, 2]


def lines_of(ink: Ink, found: Components) -> list[Strip]:
    """Finds the lines, from top to bottom.

    Components of a digit's height are linked to the next one on the right; the slope of these
    chains is the tilt of the page. After levelling, vertically overlapping components form a
    line, and smaller parts belong to the nearest line. The slant of a line is the shear that
    makes its columns of ink most distinct.
    """
    height = digit_height(found.heights, found.areas)
    tall = found.heights >= min(TALL * height, found.heights.max())
    tilt = _tilt(found.boxes[tall])
    line_of = _grouped(found.boxes, tall, tilt)
    strips = [
        _strip(ink, found, line_of == number, tall, tilt) for number in range(line_of.max() + 1)
    ]
    return [strip for strip in strips if strip.solid.any()]


def _tilt(boxes: Array) -> float:
    """The slope of the lines; 0 if there are too few digits to estimate it."""
    coarse = _slope(boxes, 0.0, STEEPEST)
    return _slope(boxes, coarse, 0.0) if coarse else 0.0


def _slope(boxes: Array, expected: float, room: float) -> float:
    """The slope of chains of components; 0 if it is uncertain or too steep.

    Args:
        boxes: the components' boxes, (n, 4).
        expected: the slope at which neighbours are looked for …
        room: … and the deviation from it that is allowed.
    """
    x, y = (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2
    height = np.median(boxes[:, 3] - boxes[:, 1])
    moments = products = rest = count = 0.0
    for chain in _chains(boxes, x, y, float(height), expected, room):
        if len(chain) >= 3:
            dx, dy = x[chain] - x[chain].mean(), y[chain] - y[chain].mean()
            moments += float(dx @ dx)
            products += float(dx @ dy)
            rest += float(dy @ dy)
            count += len(chain) - 2
    if moments <= (1.2 * height) ** 2:
        return 0.0
    slope = products / moments
    error = (max(rest - slope * products, 0) / count / moments) ** 0.5
    return slope if max(LEAST_TILT, 2 * error) < abs(slope) <= STEEPEST else 0.0


def _chains(
    boxes: Array, x: Array, y: Array, height: float, expected: float, room: float
) -> list[list[int]]:
    """Chains of components from left to right, each linked to its nearest right neighbour."""
    chains: list[list[int]] = []
    followed: dict[int, list[int]] = {}
    for i in np.argsort(x):
        chain = followed.pop(int(i), [])
        if not chain:
            chains.append(chain)
        chain.append(int(i))
        dx, dy = x - x[i], y - y[i]
        beside = np.abs(dy - expected * dx) < ASIDE * height + room * dx
        near = np.flatnonzero((dx > 0) & beside & (boxes[:, 0] - boxes[i, 2] < NEXT * height))
        if len(near):
            following = int(near[np.argmin(np.hypot(dx[near], dy[near]))])
            if following not in followed:
                followed[following] = chain
    return chains


def _grouped(boxes: Array, tall: Array, tilt: float) -> Array:
    """The line number of each component, from the top, (n,)."""
    x = (boxes[:, 0] + boxes[:, 2]) / 2
    tops, bottoms = boxes[:, 1] - tilt * x, boxes[:, 3] - tilt * x
    line_of = np.empty(len(boxes), dtype=np.int64)
    spans: list[tuple[float, float]] = []
    for i in np.lexsort((tops - bottoms, ~tall)):  # tall ones first, in order of decreasing height
        height = bottoms[i] - tops[i]
        room = 0 if tall[i] else NEAR * np.median((bottoms - tops)[tall])
        shared = [min(b + room, bottoms[i]) - max(t - room, tops[i]) for t, b in spans]
        best = int(np.argmax(shared)) if shared else -1
        if best < 0 or shared[best] < 0.5 * height:
            best = len(spans)
            spans.append((float(tops[i]), float(bottoms[i])))
        line_of[i] = best
    ranks = np.argsort(np.argsort([top + bottom for top, bottom in spans]))
    return ranks[line_of]


def _strip(ink: Ink, found: Components, own: Array, tall: Array, tilt: float) -> Strip:
    if not (own & tall).any():
        tall = own
    left, top = found.boxes[own, :2].min(axis=0)
    right, bottom = found.boxes[own, 2:].max(axis=0)
    edge = round(0.1 * (bottom - top)) + 1  # where strokes fade
    left, top = max(left - edge, 0), max(top - edge, 0)
    part = np.s_[top : bottom + edge, left : right + edge]
    mask = found.mask(own)[part]
    y, x = np.nonzero(found.mask(own & tall)[part])
    u, v = _along_and_across(x, y, tilt)
    height = _height(found, own & tall, found.labels[part][y, x], v)
    slant = _slant(u, v, height)
    scale = HEIGHT / height
    y, x = np.nonzero(mask)  # a broken digit at an end of the line may have small parts only
    u, across = _along_and_across(x, y, tilt)
    u = u + slant * across
    size = (np.ptp(u) + 1) * scale + 2 * MARGIN, (np.ptp(v) + 1) * scale + 2 * MARGIN
    if max(size) > LONGEST:
        scale *= LONGEST / max(size)
    # Maps the strip to u, v, then to x, y of the part
    to_levelled = np.array(
        [[1 / scale, 0, u.min() - MARGIN / scale], [0, 1 / scale, v.min() - MARGIN / scale]]
    )
    unslanted = np.array([[1, -slant], [0, 1]])
    turned = np.array([[1, -tilt], [tilt, 1]]) / np.hypot(1, tilt)
    matrix = turned @ unslanted @ to_levelled
    width, rows = (max(1, round(float(min(s, LONGEST)))) for s in size)
    amount = _warped(amount_of(_part(ink, part), mask), matrix, (width, rows))
    matrix = matrix.copy()
    matrix[:, 2] += (left, top)
    return Strip(amount, amount > SOLID, matrix * ink.scale)


def _along_and_across(x: Array, y: Array, tilt: float) -> tuple[Array, Array]:
    """The coordinates of pixels along and across a tilted line, (n,) each."""
    norm = np.hypot(1, tilt)
    return (x + 0.5 + tilt * (y + 0.5)) / norm, (y + 0.5 - tilt * (x + 0.5)) / norm


def _part(ink: Ink, part: tuple[slice, slice]) -> Ink:
    return Ink(ink.amount[part], ink.solid[part], ink.floor, ink.scale)


def _height(found: Components, chosen: Array, labels: Array, v: Array) -> float:
    """The height of a line's digits in pixels.

    Args:
        found: the components.
        chosen: the digits of the line, bool (n,).
        labels: the component of each pixel of the digits, (pixels,).
        v: the coordinate of each pixel across the line, (pixels,).
    """
    extents = np.full((2, len(found) + 1), -np.inf)
    np.maximum.at(extents[0], labels, v)
    np.maximum.at(extents[1], labels, -v)
    heights = extents.sum(axis=0)[1:][chosen] + 1
    widest = float(found.widths[chosen].max())
    return max(1.0, digit_height(heights, found.areas[chosen]), LEAST_ASPECT * widest)


def _slant(u: Array, v: Array, height: float) -> float:
    """The shear that straightens a line: the one for which the ink is concentrated in columns."""
    step = max(1, len(u) // 20_000)
    u, v = u[::step], v[::step]
    if np.ptp(u) < 2 * height:  # one or two digits are too few for an estimate
        return 0.0
    shears = np.linspace(-MOST_SLANT, MOST_SLANT, 15)
    column = 24 / height
    scores = []
    for shear in shears:
        places = (u + shear * v) * column
        counts = np.bincount((places - places.min()).astype(np.int64))
        scores.append(float((counts.astype(float) ** 2).sum()))
    best = float(shears[int(np.argmax(scores))])
    return float(np.sign(best)) * max(0.0, abs(best) - USUAL_SLANT)


def _warped(amount: Array, matrix: Array, size: tuple[int, int]) -> Array:
    """Resamples ink to a strip (width, height); `matrix` maps strip to ink coordinates."""
    page = Image.fromarray(np.minimum(amount, 1.2).astype(np.float32))
    factor = max(1, int(np.abs(matrix[:, :2]).max()))
    if factor > 1:
        page = page.reduce(factor)
        matrix = matrix / factor
    (a, b, c), (d, e, f) = matrix
    # Pillow's coordinates refer to pixel centres in both images
    warped = page.transform(
        size, Image.Transform.AFFINE, (a, b, c, d, e, f), Image.Resampling.BICUBIC
    )
    return np.maximum(np.asarray(warped), 0)
