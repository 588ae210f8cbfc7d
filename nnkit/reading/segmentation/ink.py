"""Separates ink from paper: colour, uneven light, polarity, noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from nnkit.data.dataset import Array
from nnkit.reading.segmentation.stages import Stages

WORKING_PIXELS = 1_000_000  # pixels to which a picture is reduced before the analysis
CELLS = 160  # cells of the coarse grid of brightness, along the longer side
REACH = 0.35  # largest stroke width that is recognized as ink, relative to √(width · height)
LEAST_CONTRAST = 18  # smallest difference in grey levels between ink and paper
LEAST_NOISE = 4.0  # standard deviations of the paper's noise above which a pixel may be ink
SOLID = 0.35  # fraction of the ink's darkness above which a pixel belongs to a stroke
NOISY = 0.06  # noise, relative to the ink's darkness, above which the picture is smoothed first


@dataclass(frozen=True, slots=True)
class Ink:
    """The ink of a picture, separated from the paper.

    Attributes:
        amount: amount of ink, float32 (h, w), 0 on paper, about 1 in a stroke.
        solid: the pixels of strokes, bool (h, w).
        floor: the amount above which a pixel is solid.
        scale: factor by which the picture was reduced.
    """

    amount: Array
    solid: Array
    floor: float
    scale: float


def ink_of(picture: Image.Image, stages: Stages) -> Ink | None:
    """Separates ink from paper, dark on light or light on dark, even under uneven light.

    1. Colours are reduced to brightness, or to their first principal component if brightness
       hardly distinguishes them, as for red on blue.
    2. The border is assumed to show paper; ink is on the side, darker or lighter, that deviates
       more from it.
    3. The brightness of the paper is estimated by a morphological closing (Serra 1982), which
       removes ink but follows slopes and shadows.
    4. Dark ink is measured as the fraction of light that it absorbs, light ink by the light that
       it adds.
    5. Noise is estimated from quantiles, and smoothed if it is strong.

    Args:
        picture: the picture, as returned by `open_picture`.
        stages: receives the intermediate results.

    Returns:
        The ink, or None if there is none.
    """
    working, scale = _reduced(picture)
    grey = grey_of(working)
    stages.show("grey", grey)
    dark = _is_dark(_coarse(grey))
    if not dark:
        grey = 255 - grey
    return _ink(grey, dark, scale, stages)


def _ink(grey: Array, dark: bool, scale: float, stages: Stages) -> Ink | None:
    """Measures ink that is dark in `grey`; `dark` is whether it is dark in the picture too."""
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
    return Ink(amount, amount > floor, floor, scale)


def _reduced(picture: Image.Image) -> tuple[Image.Image, float]:
    """Reduces the picture to at most `WORKING_PIXELS`; also returns the factor."""
    scale = max(1.0, (picture.width * picture.height / WORKING_PIXELS) ** 0.5)
    if scale == 1:
        return picture, 1.0
    size = max(1, round(picture.width / scale)), max(1, round(picture.height / scale))
    return picture.resize(size, Image.Resampling.BOX, reducing_gap=2), scale


def grey_of(picture: Image.Image) -> Array:
    """Brightness, or the first principal component of the colours, float32 (h, w) in 0 … 255."""
    brightness = np.asarray(picture.convert("L"), dtype=np.float32)
    if picture.mode == "L":
        return brightness
    sample = picture.copy()
    sample.thumbnail((200, 200), Image.Resampling.BOX)
    colours = np.asarray(sample, dtype=np.float64).reshape(-1, 3)
    colours -= colours.mean(axis=0)
    _, axes = np.linalg.eigh(colours.T @ colours / len(colours))
    axis = axes[:, -1] / np.abs(axes[:, -1]).sum()
    along, plain = np.std(colours @ axis), np.std(colours @ (0.299, 0.587, 0.114))
    if along <= 1.5 * plain:
        return brightness
    values = np.asarray(picture, dtype=np.float32) @ axis.astype(np.float32)
    return values - np.float32(255 * axis[axis < 0].sum())


def _coarse(grey: Array) -> Array:
    """Means over blocks, such that the longer side has at most `CELLS` cells."""
    block = -(-max(grey.shape) // CELLS)
    reduced = Image.fromarray(grey).reduce((min(block, grey.shape[1]), min(block, grey.shape[0])))
    return np.asarray(reduced, dtype=np.float64)


def _is_dark(coarse: Array) -> bool:
    """Whether ink is darker than the paper, estimated from the border.

    Deviations are cubed because ink deviates strongly, uneven light only slightly.
    """
    return bool(((coarse - ground_of(coarse)) ** 3).sum() <= 0)


def ground_of(coarse: Array) -> Array:
    """The plane (h, w) fitted to the cells on the border."""
    surface = plane_basis(coarse.shape)
    on_border = np.ones(coarse.shape, dtype=bool)
    on_border[1:-1, 1:-1] = False
    A, levels = surface[on_border.ravel()], coarse[on_border]
    return (surface @ least_deviations(A, levels, rounds=8)).reshape(coarse.shape)


def least_deviations(A: Array, levels: Array, rounds: int) -> Array:
    """Least absolute deviations by iterative reweighting, robust to a little ink."""
    weights = np.ones(len(A))
    for _ in range(rounds):
        plane = fitted(A, levels, weights)
        weights = 1 / (np.abs(levels - A @ plane) + 1)
    return plane


def fitted(A: Array, levels: Array, weights: Array) -> Array:
    """Weighted least squares by the normal equations, with a tiny ridge for very small pictures."""
    weighted = A * weights[:, None]
    return np.linalg.solve(weighted.T @ A + 1e-6 * np.eye(A.shape[1]), weighted.T @ levels)


def plane_basis(shape: tuple[int, ...]) -> Array:
    """The basis 1, x, y of planes at each cell, (h · w, 3)."""
    y, x = (np.linspace(-1, 1, n) if n > 1 else np.zeros(1) for n in shape)
    X, Y = (A.ravel() for A in np.meshgrid(x, y))
    return np.stack([np.ones(X.size), X, Y], axis=1)


def _paper(grey: Array) -> Array:
    """The brightness of the paper at each pixel, without ink, float32 (h, w)."""
    coarse = _coarse(grey)
    radius = max(1, round(REACH * coarse.size**0.5 / 2))
    # Padded with paper, so that a stroke on the border is not taken for a wide dark area
    beyond = np.pad(ground_of(coarse), 2 * radius, mode="edge")
    beyond[2 * radius : -2 * radius, 2 * radius : -2 * radius] = coarse
    closed = -greatest(-greatest(beyond, radius), radius)
    smooth = Image.fromarray(_blurred(closed.astype(np.float32), 1.0))
    return np.asarray(smooth.resize(grey.shape[::-1], Image.Resampling.BILINEAR))


def greatest(values: Array, radius: int) -> Array:
    """The maximum over windows of 2 · radius + 1 cells along both axes, without padding."""
    for axis in (0, 1):
        windows = np.lib.stride_tricks.sliding_window_view(values, 2 * radius + 1, axis)
        values = windows.max(axis=-1)
    return values


def _blurred(values: Array, sigma: float) -> Array:
    """Blurs values with a Gaussian of standard deviation `sigma`."""
    radius = int(np.ceil(2.5 * sigma))
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    weights = (weights / weights.sum()).astype(np.float32)
    for axis in (0, 1):
        width = [(0, 0), (0, 0)]
        width[axis] = (radius, radius)
        padded = np.moveaxis(np.pad(values, width, mode="edge"), axis, 0)
        size = values.shape[axis]
        values = sum(w * padded[i : i + size] for i, w in enumerate(weights))
        values = np.moveaxis(values, 0, axis)
    return values


def _measured(grey: Array, paper: Array, dark: bool) -> tuple[Array, float] | None:
    """The ink, about 1 in strokes, and its standard deviation on paper; None if there is none."""
    amount = paper - grey
    if dark:
        amount *= 200 / np.maximum(paper, 40)
    sample = amount[:: max(1, amount.shape[0] // 500), :: max(1, amount.shape[1] // 500)]
    # The lower values are paper: the two quantiles are 1.12 standard deviations apart
    low, level = (float(value) for value in np.percentile(sample, (5, 30)))
    noise = (level - low) / 1.12
    amount -= level
    strong = amount[amount > max(LEAST_CONTRAST, LEAST_NOISE * noise)]
    if not strong.size:
        return None
    contrast = float(np.percentile(strong, 85))
    np.maximum(amount, 0, out=amount)
    amount /= contrast
    return amount, noise / contrast
