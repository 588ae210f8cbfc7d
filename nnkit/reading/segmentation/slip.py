"""Finds a slip of paper that was photographed on a desk."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageChops, ImageDraw

from nnkit.data.dataset import Array
from nnkit.reading.segmentation.components import label
from nnkit.reading.segmentation.ink import (
    LEAST_CONTRAST,
    WORKING_PIXELS,
    greatest,
    grey_of,
    ground_of,
    least_deviations,
)
from nnkit.reading.segmentation.lines import Strip
from nnkit.reading.segmentation.quadrilateral import edges_of, moved, within
from nnkit.reading.segmentation.stages import Stages

CELLS = 160  # cells of the grid along the longer side
FEWEST = 24  # smallest number of cells along the shorter side
LEVELS = (
    5,
    8,
    12,
    18,
    27,
    40,
    60,
    90,
    135,
)  # thresholds above the background, in grey levels
LEAST_SHARE = 0.08  # smallest fraction of the picture that the slip covers
MOST_BORDER = 0.45  # largest fraction of the picture's border that the slip covers
FILLED = 0.7  # smallest fraction of the outline that is blank paper
EDGE = 10  # smallest median step between slip and background, in grey levels
FAINTEST = 0.1  # smallest step of a clear cell on an edge, relative to the median step
CLEAR = 0.75  # smallest fraction of clear cells, averaged over the edges …
LEAST_CLEAR = 0.5  # … and on each edge, because an edge may fade into the background
SHARP = 0.5  # smallest median step, relative to the difference from the background
SOME_INK = 0.004  # smallest fraction of the slip that is ink
MOST_INK = 0.35
OUTSIDE = 0.2  # largest fraction of the ink that may be outside the slip
MARGIN = 1.5  # cells along the edges that are left out
LEVEL = 0.01  # tilt in radians below which the slip is not rotated
STROKE = 0.12  # largest stroke width, relative to √(width · height)


@dataclass(frozen=True, slots=True)
class Slip:
    """The inside of a slip, rotated to be level.

    Attributes:
        picture: the slip; outside its edges the picture is filled with paper.
        to_picture: affine map from x, y, 1 in the slip to x, y in the whole picture, (2, 3).
    """

    picture: Image.Image
    to_picture: Array

    def in_picture(self, strip: Strip) -> Strip:
        """Converts a strip of the slip to one of the whole picture."""
        turn, shift = self.to_picture[:, :2], self.to_picture[:, 2]
        matrix = turn @ strip.to_picture
        matrix[:, 2] += shift
        return replace(strip, to_picture=matrix)


@dataclass(frozen=True, slots=True)
class _Outline:
    """A quadrilateral on the grid.

    Attributes:
        corners: x, y of top left, top right, bottom right, bottom left in cells, (4, 2).
        cut: whether the top, right, bottom and left edges are borders of the picture, (4,).
        step: difference between slip and background at the edges, in grey levels.
        area: number of cells inside.
    """

    corners: Array
    cut: Array
    step: float
    area: int


def slip_in(picture: Image.Image, stages: Stages) -> Slip | None:
    """Finds the slip that contains all writing, if the picture shows one on another background.

    1. The background is the plane of grey levels fitted to the picture's border.
    2. For each threshold, the largest component that is lighter, or darker, than the background
       is a slip if it is a quadrilateral with sharp edges and its inside is paper with some ink.
    3. Of all thresholds, the one is used for which the product of area and edge step is largest.
    4. The slip is levelled by its upper and lower edges, and cropped.

    Args:
        picture: the picture, as returned by `open_picture`.
        stages: receives the outline of the slip.

    Returns:
        The slip; None if there is none, as in all pictures that are filled with writing.
    """
    block = -(-max(picture.size) // CELLS)
    if min(picture.size) < FEWEST * block:
        return None
    grid = picture.reduce(block)
    grey = np.asarray(grey_of(grid), dtype=np.float64)
    apart = grey - ground_of(grey)
    outlines = [
        outline
        for side in (apart, -apart)
        for level in LEVELS
        if (outline := _outline(side, level)) is not None and _written_on(grey, apart, outline)
    ]
    if not outlines:
        return None
    best = max(outlines, key=lambda outline: outline.step * outline.area)
    _show(picture, best.corners * block, stages)
    values = np.asarray(grid, dtype=np.float64).reshape(*grey.shape, -1)
    return _cut_out(picture, values, best, block)


def _outline(apart: Array, level: float) -> _Outline | None:
    """The largest region above a threshold, if it is a quadrilateral."""
    mask = apart > level
    least = LEAST_SHARE * mask.size
    if mask.sum() < FILLED * least:
        return None
    found = label(mask)
    largest = int(np.argmax(found.areas))
    spans = found.widths[largest] * found.heights[largest]
    if spans < least or found.areas[largest] < 0.3 * spans:
        return None
    own = found.labels == largest + 1
    border = np.concatenate([own[0], own[-1], own[1:-1, 0], own[1:-1, -1]])
    if border.mean() > MOST_BORDER:
        return None
    edges = edges_of(own)
    if edges is None:
        return None
    corners, cut = edges
    inside = within(corners, mask.shape)
    if inside.sum() < least or own[inside].mean() < FILLED or inside[own].mean() < 0.9:
        return None
    step = _step(apart, own, corners, cut)
    return None if step is None else _Outline(corners, cut, step, int(inside.sum()))


def _step(apart: Array, own: Array, corners: Array, cut: Array) -> float | None:
    """The difference in grey level between slip and background; None if the edges are not sharp."""
    height, width = apart.shape
    steps = []
    inner, outer = moved(corners, np.full(4, 2.0)), moved(corners, np.full(4, -2.0))
    shares = np.linspace(0.08, 0.92, 64)[:, None]
    for edge in np.flatnonzero(~cut):
        after = (edge + 1) % 4
        values = []
        inside = np.ones(len(shares), dtype=bool)
        for quad in (inner, outer):
            points = np.floor(quad[edge] * (1 - shares) + quad[after] * shares).astype(np.int64)
            x, y = points[:, 0], points[:, 1]
            inside &= (x >= 0) & (x < width) & (y >= 0) & (y < height)
            values.append(apart[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)])
        steps.append((values[0] - values[1])[inside])
    if len(steps) < 3 or min(map(len, steps)) < 16:
        return None
    step = float(np.median(np.concatenate(steps)))
    if step < max(EDGE, SHARP * float(np.median(apart[own]))):
        return None
    clear = [float((side > FAINTEST * step).mean()) for side in steps]
    return step if min(clear) >= LEAST_CLEAR and np.mean(clear) >= CLEAR else None


def _written_on(grey: Array, apart: Array, outline: _Outline) -> bool:
    """Whether there is ink on the slip and almost none outside."""
    inside = within(_inner(outline, MARGIN + 0.5), grey.shape)
    beside = ~within(_inner(outline, -MARGIN - 0.5), grey.shape)
    radius = max(1, round(STROKE * float(inside.sum()) ** 0.5 / 2))
    paper = np.where(inside, grey - _at(_paper(grey[..., None], inside), grey.shape)[..., 0], 0)
    strokes = max(
        (_narrow(sign * paper, radius)[inside] for sign in (1, -1)),
        key=lambda values: int((values > LEAST_CONTRAST).sum()),
    )
    strong = strokes[strokes > LEAST_CONTRAST]
    if not SOME_INK <= len(strong) / inside.sum() <= MOST_INK:
        return False
    least = max(LEAST_CONTRAST, 0.5 * float(np.median(strong)))
    ground = np.where(beside, apart, 0)
    others = max(int((_narrow(sign * ground, radius) > least).sum()) for sign in (1, -1))
    return bool(others <= OUTSIDE * (strokes > least).sum())


def _narrow(values: Array, radius: int) -> Array:
    """The amount by which each cell exceeds its surroundings: a top-hat transform (Serra 1982)."""
    padded = np.pad(values, 2 * radius, mode="edge")
    return values - greatest(-greatest(-padded, radius), radius)


def _inner(outline: _Outline, margin: float) -> Array:
    return moved(outline.corners, np.where(outline.cut, 0.0, margin))


def _paper(grid: Array, inside: Array) -> Array:
    """Fits a plane to each channel inside, robust to ink: coefficients of 1, x, y, (3, c)."""
    y, x = np.nonzero(inside)
    A = np.stack([np.ones(len(x)), x + 0.5, y + 0.5], axis=1)
    return np.stack([least_deviations(A, levels, rounds=6) for levels in grid[inside].T], axis=1)


def _at(plane: Array, shape: tuple[int, ...]) -> Array:
    """Evaluates planes with coefficients (3, c) of 1, x, y at pixel centres, (h, w, c)."""
    y, x = (np.arange(n)[:, None] + 0.5 for n in shape[:2])
    rows, columns = plane[0] + y * plane[2], x * plane[1]
    return np.asarray(rows[:, None] + columns[None])


def _cut_out(picture: Image.Image, grid: Array, outline: _Outline, block: int) -> Slip:
    """Crops and levels the slip; outside its edges it is filled with the plane of its paper.

    Args:
        picture: the whole picture.
        grid: the cells of the picture, (h, w, channels).
        outline: the outline of the slip in cells.
        block: side of a cell in pixels of the picture.
    """
    cells = _inner(outline, MARGIN)
    low = np.floor(np.maximum(cells.min(axis=0) * block, 0)).astype(int)
    high = np.ceil(np.minimum(cells.max(axis=0) * block, picture.size)).astype(int)
    factor = max(1, int((float((high - low).prod()) / WORKING_PIXELS) ** 0.5))
    part = picture.crop((*low.tolist(), *high.tolist())).reduce(factor)
    angle = _level(outline)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    corners = (cells * block - low) / factor @ turn
    start = np.floor(corners.min(axis=0))
    width, height = np.maximum(np.ceil(corners.max(axis=0) - start), 1).astype(int).tolist()
    to_part = np.column_stack([turn, turn @ start])
    to_picture = factor * to_part
    to_picture[:, 2] += low
    plane = _paper(grid, within(cells, grid.shape[:2]))
    placed = np.vstack([plane[0] + to_picture[:, 2] / block @ plane[1:], turn.T @ plane[1:]])
    placed[1:] *= factor / block
    paper = np.clip(_at(placed, (height, width)), 0, 255).astype(np.uint8)
    blank = Image.fromarray(paper if paper.shape[2] > 1 else paper[..., 0])
    kept = Image.new("L", (width, height))
    ImageDraw.Draw(kept).polygon([(x, y) for x, y in (corners - start).tolist()], fill=255)
    seen = _transformed(Image.new("L", part.size, 255), to_part, kept.size)
    kept = ImageChops.darker(kept, seen.point(lambda value: 255 * (value == 255)))
    inside = _transformed(part, to_part, kept.size)
    return Slip(Image.composite(inside, blank, kept), to_picture)


def _level(outline: _Outline) -> float:
    """The angle of the slip's upper and lower edges in radians, 0 if it is negligible."""
    ways = outline.corners[[1, 2]] - outline.corners[[0, 3]]
    x, y = ways[~outline.cut[[0, 2]]].sum(axis=0)
    angle = float(np.arctan2(y, x))
    return angle if abs(angle) > LEVEL else 0.0


def _transformed(picture: Image.Image, matrix: Array, size: tuple[int, int]) -> Image.Image:
    coefficients = tuple(matrix.ravel().tolist())
    return picture.transform(size, Image.Transform.AFFINE, coefficients, Image.Resampling.BICUBIC)


def _show(picture: Image.Image, corners: Array, stages: Stages) -> None:
    factor = max(1, min(picture.size) // 500)
    grey = np.asarray(picture.convert("L").reduce(factor), dtype=np.float32)
    around = [(float(x), float(y)) for x, y in np.vstack([corners, corners[:1]]) / factor]
    stages.show_marked("slip", 1.275 * (1 - grey / 255), [around])
