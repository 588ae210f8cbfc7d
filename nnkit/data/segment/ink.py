"""Telling ink from paper: colour, uneven light, polarity, noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from nnkit.data.dataset import Array
from nnkit.data.segment.stages import Stages

WORKING_PIXELS = 1_500_000  # that a picture is reduced to before anything is looked for
CELLS = 96  # of the coarse grid on which light is measured, along the longer side
REACH = 0.35  # of a stroke's width that paper is looked for around, against √(width · height)
LEAST_CONTRAST = 18  # grey levels between ink and paper
LEAST_NOISE = 4.0  # standard deviations of the paper's noise above which something may be ink
SOLID = 0.35  # of the ink's darkness above which a pixel belongs to a stroke
NOISY = 0.06  # of the ink's darkness above which noise is smoothed first


@dataclass(frozen=True, slots=True)
class Ink:
    """What is written, apart from what it is written on.

    Attributes:
        amount: float32 (h, w), 0 on paper, about 1 in a stroke.
        solid: bool (h, w), the pixels of strokes.
        scale: pixels of the picture to one of these.
    """

    amount: Array
    solid: Array
    scale: float


def ink_of(picture: Image.Image, stages: Stages) -> Ink | None:
    """Parts ink from paper, dark on light or light on dark, under light that may be uneven.

    1. Of colours, the brightness is taken, or the axis on which they differ most (PCA) where
       brightness hardly tells them apart, as red on blue.
    2. The paper is what lies along the border: ink is on the side of it on which more differs.
    3. The light on the paper is a quadratic surface, fitted while ink is left out, and what a
       morphological closing (Serra 1982) of the rest adds: a shadow's edge.
    4. Dark ink is measured as the share of light it swallows, light ink as what it adds.
    5. Noise is estimated by the median deviation, and smoothed where it is strong.

    Args:
        picture: as `open_picture` gives it.
        stages: that are told what it looks like on the way.

    Returns:
        None where nothing stands out.
    """
    working, scale = _reduced(picture)
    grey = _grey(working)
    stages.show("grey", grey)
    dark = _is_dark(_coarse(grey))
    if not dark:
        grey = 255 - grey
    ink = _ink(grey, dark, scale, stages)
    return ink


def _ink(grey: Array, dark: bool, scale: float, stages: Stages) -> Ink | None:
    """Ink that is dark in `grey`, whose `dark` says that it is so in the picture too."""
    paper = _paper(grey)
    stages.show("paper", paper if dark else 255 - paper)
    measured = _measured(grey, paper, dark)
    if measured is None:
        return None
    amount, noise = measured
    if noise > NOISY:
        measured = _measured(_blurred(grey, 0.5 + 4 * noise), paper, dark)
        if measured is None:
            return None
        amount, noise = measured
    floor = max(SOLID, LEAST_NOISE * noise)
    stages.show("ink", 255 - 255 * np.minimum(amount, 1))
    return Ink(amount, amount > floor, scale)


def _reduced(picture: Image.Image) -> tuple[Image.Image, float]:
    """The picture with no more than so many pixels, and how many of its own went into one."""
    scale = max(1.0, (picture.width * picture.height / WORKING_PIXELS) ** 0.5)
    if scale == 1:
        return picture, 1.0
    size = max(1, round(picture.width / scale)), max(1, round(picture.height / scale))
    return picture.resize(size, Image.Resampling.BOX, reducing_gap=2), scale


def _grey(picture: Image.Image) -> Array:
    """Brightness, or what tells the colours apart better, float32 (h, w) in 0 … 255."""
    brightness = np.asarray(picture.convert("L"), dtype=np.float32)
    if picture.mode == "L":
        return brightness
    sample = picture.copy()
    sample.thumbnail((200, 200), Image.Resampling.BOX)
    colours = np.asarray(sample, dtype=np.float64).reshape(-1, 3)
    colours -= colours.mean(axis=0)
    variances, axes = np.linalg.eigh(colours.T @ colours / len(colours))
    axis = axes[:, -1] / np.abs(axes[:, -1]).sum()
    along, plain = np.std(colours @ axis), np.std(colours @ (0.299, 0.587, 0.114))
    if along <= 1.5 * plain:
        return brightness
    values = np.asarray(picture, dtype=np.float32) @ axis.astype(np.float32)
    return values - np.float32(255 * axis[axis < 0].sum())


def _coarse(grey: Array) -> Array:
    """Means over blocks, so that the longer side has no more than so many cells."""
    block = -(-max(grey.shape) // CELLS)
    reduced = Image.fromarray(grey).reduce((min(block, grey.shape[1]), min(block, grey.shape[0])))
    return np.asarray(reduced, dtype=np.float64)


def _is_dark(coarse: Array) -> bool:
    """Whether ink is darker than the paper, which the border mostly shows.

    Cubes, because ink is what differs much, and the bend of the light only what differs a little.
    """
    surface = _powers(coarse.shape, 1)
    on_border = np.ones(coarse.shape, dtype=bool)
    on_border[1:-1, 1:-1] = False
    A, levels = surface[on_border.ravel()], coarse[on_border]
    weights = np.ones(len(A))
    for _ in range(8):  # to the least absolute deviations, which ink on the border hardly moves
        plane = _fit(A, levels, weights)
        weights = 1 / (np.abs(levels - A @ plane) + 1)
    rest = coarse.ravel() - surface @ plane
    return bool((rest**3).sum() <= 0)


def _fit(A: Array, levels: Array, weights: Array) -> Array:
    """Weighted least squares by the normal equations, a hint of ridge for the smallest pictures."""
    weighted = A * weights[:, None]
    return np.linalg.solve(weighted.T @ A + 1e-6 * np.eye(A.shape[1]), weighted.T @ levels)


def _powers(shape: tuple[int, ...], degree: int) -> Array:
    """1, x, y and at degree 2 their products, at each cell: (h · w, 3 or 6)."""
    y, x = (np.linspace(-1, 1, n) if n > 1 else np.zeros(1) for n in shape)
    X, Y = (A.ravel() for A in np.meshgrid(x, y))
    columns = [np.ones(X.size), X, Y]
    if degree == 2:
        columns += [X * X, X * Y, Y * Y]
    return np.stack(columns, axis=1)


def _paper(grey: Array) -> Array:
    """How light the paper is under each pixel, ink taken away, float32 (h, w)."""
    coarse = _coarse(grey)
    light = _light(coarse)
    reach = max(1, round(REACH * coarse.size**0.5 / 2))
    rest = _spread(-_spread(coarse - light, reach), reach)
    smooth = Image.fromarray(_blurred((light - rest).astype(np.float32), max(1, reach / 4)))
    return np.asarray(smooth.resize(grey.shape[::-1], Image.Resampling.BILINEAR))


def _light(coarse: Array) -> Array:
    """The quadratic surface through the paper: cells that are darker are left out, round by round."""
    surface, levels = _powers(coarse.shape, 2), coarse.ravel()
    paper = np.ones(coarse.shape, dtype=bool)
    paper[1:-1, 1:-1] = coarse[1:-1, 1:-1] > np.median(coarse) - LEAST_CONTRAST
    kept = paper.ravel()
    rest = levels
    for _ in range(8):
        rest = levels - surface @ _fit(surface, levels, kept.astype(float))
        spread = max(1.0, 1.4826 * float(np.median(np.abs(rest[kept]))))
        kept = (rest > -2 * spread) & (rest < 4 * spread)
        if not kept.any():
            break
    return (levels - rest).reshape(coarse.shape)


def _spread(values: Array, reach: int) -> Array:
    """The greatest value within so many cells, along both axes."""
    for axis in (0, 1):
        width = [(0, 0), (0, 0)]
        width[axis] = (reach, reach)
        padded = np.pad(values, width, mode="edge")
        windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis)
        values = windows.max(axis=-1)
    return values


def _blurred(values: Array, sigma: float) -> Array:
    """Values blurred by a Gaussian of that standard deviation."""
    reach = int(np.ceil(2.5 * sigma))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    weights = (weights / weights.sum()).astype(np.float32)
    for axis in (0, 1):
        width = [(0, 0), (0, 0)]
        width[axis] = (reach, reach)
        padded = np.moveaxis(np.pad(values, width, mode="edge"), axis, 0)
        size = values.shape[axis]
        values = sum(w * padded[i : i + size] for i, w in enumerate(weights))
        values = np.moveaxis(values, 0, axis)
    return values


def _measured(grey: Array, paper: Array, dark: bool) -> tuple[Array, float] | None:
    """Ink, 1 in the darkest strokes, and its standard deviation on paper; None if there is none."""
    amount = paper - grey
    if dark:
        amount *= 200 / np.maximum(paper, 40)
    sample = amount[:: max(1, amount.shape[0] // 500), :: max(1, amount.shape[1] // 500)]
    blank = sample[sample < max(LEAST_CONTRAST, np.percentile(sample, 50))]
    level = float(np.median(blank))
    noise = 1.4826 * float(np.median(np.abs(blank - level)))
    amount -= level
    strong = amount[amount > max(LEAST_CONTRAST, LEAST_NOISE * noise)]
    if not strong.size:
        return None
    contrast = float(np.percentile(strong, 85))
    np.maximum(amount, 0, out=amount)
    amount /= contrast
    return amount, noise / contrast
