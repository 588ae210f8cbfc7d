"""A picture of one digit, brought to the form in which MNIST was made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from nnkit.data.dataset import Array
from nnkit.data.pictures import open_picture
from nnkit.errors import DataError

WORKING_SIZE = 400  # longer side, in pixels, at which ink is told from paper
BOX = 20 / 28  # the digit's longer side, as a share of the image (LeCun et al. 1998, §III.A)
LEAST_CONTRAST = 20  # grey levels between ink and paper


def read_digit(path: Path, shape: tuple[int, ...]) -> Array:
    """Reads a picture of one digit: any size, dark on light or light on dark, colour or alpha.

    As in MNIST, the ink is light on black, fits a box of 20/28 of the image, and its centre of
    mass is the image's centre.

    Args:
        path: the picture.
        shape: of the model's input, (1, H, W).

    Returns:
        uint8 of that shape.

    Raises:
        DataError: not a picture, no digit in it, or the model takes no grey images.
    """
    if len(shape) != 3 or shape[0] != 1:
        raise DataError(f"{path}: this model takes inputs of shape {shape}, not grey pictures")
    return normalize_digit(ink_of(open_picture(path), str(path)), shape[1:])[None]


def ink_of(picture: Image.Image, name: str) -> Array:
    """How much ink each pixel holds, float64 in 0 … 255 (h, w), paper exactly 0.

    The paper's level is the median along the border; ink is what differs from it on the side on
    which more differs.

    Raises:
        DataError: nothing stands out from the background.
    """
    grey = picture.convert("L")
    grey.thumbnail((WORKING_SIZE, WORKING_SIZE), Image.Resampling.BOX)
    pixels = np.asarray(grey, dtype=np.float64)
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    from_paper = np.median(border) - pixels
    darker, lighter = from_paper.max(), -from_paper.min()
    ink = np.maximum(from_paper if darker >= lighter else -from_paper, 0)
    contrast = float(np.percentile(ink, 99.9)) if ink.size > 1000 else float(ink.max())
    if contrast < LEAST_CONTRAST:
        raise DataError(f"{name}: nothing in this picture stands out from its background")
    # Between paper and ink lies a valley; what is on the paper's side of it is paper.
    threshold = min(_otsu(ink), 0.5 * contrast)
    ink[ink < 0.5 * threshold] = 0
    ink[_is_speck(ink >= threshold)] = 0
    if not ink.any():
        raise DataError(f"{name}: nothing in this picture stands out from its background")
    return np.minimum(ink * (255 / contrast), 255)


def _otsu(values: Array) -> float:
    """The threshold that best parts the values into two groups (Otsu 1979, eq. 14)."""
    counts, edges = np.histogram(values, bins=128)
    middles = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    total = np.cumsum(counts * middles)
    with np.errstate(invalid="ignore", divide="ignore"):
        gap = total / below - (total[-1] - total) / above
        score = np.nan_to_num(below * above * gap**2)
    return float(edges[int(np.argmax(score)) + 1])


def _is_speck(solid: Array) -> Array:
    """The pixels with no solid pixel within reach: noise far from any stroke, (h, w) bool."""
    near = solid.copy()
    for axis in (0, 1):
        spread = near.copy()
        for shift in (-2, -1, 1, 2):
            spread |= np.roll(near, shift, axis)
        near = spread
    return np.logical_not(near)


def normalize_digit(ink: Array, size: tuple[int, ...]) -> Array:
    """Ink (h, w) cut out, scaled into the box and centred by mass: uint8 (H, W)."""
    height, width = size
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    cut = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = min(BOX * height / cut.shape[0], BOX * width / cut.shape[1])
    small_size = (max(1, round(cut.shape[1] * scale)), max(1, round(cut.shape[0] * scale)))
    resized = Image.fromarray(cut.astype(np.float32)).resize(small_size, Image.Resampling.BICUBIC)
    small = np.clip(np.asarray(resized, dtype=np.float64), 0, 255)
    small *= 255 / max(small.max(), 1)
    mass = small.sum()
    centre_y = small.sum(axis=1) @ np.arange(small.shape[0]) / mass
    centre_x = small.sum(axis=0) @ np.arange(small.shape[1]) / mass
    # Of an even number of pixels MNIST takes the one past the middle, 14 of 0 … 27.
    top = _placed(height / 2 - centre_y, height - small.shape[0])
    left = _placed(width / 2 - centre_x, width - small.shape[1])
    image = np.zeros((height, width), dtype=np.uint8)
    image[top : top + small.shape[0], left : left + small.shape[1]] = np.rint(small)
    return image


def _placed(wanted: float, room: int) -> int:
    return min(max(round(wanted), 0), max(room, 0))
