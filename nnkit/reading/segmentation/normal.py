"""Normalizes the ink of a digit like the images of MNIST."""

from __future__ import annotations

import numpy as np
from PIL import Image

from nnkit.data.dataset import Array

BOX = 20 / 28  # the digit's longer side, as a fraction of the image (LeCun et al. 1998, §III.A)


def normalize_digit(ink: Array, size: tuple[int, ...]) -> Array:
    """Crops ink (h, w), scales it to the box and centres it by mass: uint8 (H, W)."""
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
    # For an even number of pixels, MNIST's centre is the pixel past the middle, 14 of 0 … 27.
    top = _placed(height / 2 - centre_y, height - small.shape[0])
    left = _placed(width / 2 - centre_x, width - small.shape[1])
    image = np.zeros((height, width), dtype=np.uint8)
    image[top : top + small.shape[0], left : left + small.shape[1]] = np.rint(small)
    return image


def turned(image: Array, degrees: float) -> Array:
    """Rotates a normalized image (H, W) about its middle."""
    rotated = Image.fromarray(image).rotate(degrees, Image.Resampling.BILINEAR)
    return np.asarray(rotated)


def _placed(wanted: float, room: int) -> int:
    return min(max(round(wanted), 0), max(room, 0))
