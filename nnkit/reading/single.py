"""A picture of one digit, brought to the form in which MNIST was made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from nnkit.data.dataset import Array
from nnkit.data.pictures import open_picture
from nnkit.errors import DataError
from nnkit.reading.segmentation.clean import amount_of, without_rules, written
from nnkit.reading.segmentation.ink import ink_of
from nnkit.reading.segmentation.normal import normalize_digit
from nnkit.reading.segmentation.stages import Stages


def read_digit(path: Path, shape: tuple[int, ...]) -> Array:
    """Reads a picture of one digit: any size, dark on light or light on dark, colour or alpha.

    As in MNIST, the ink is light on black, fits a box of 20/28 of the image, and its centre of
    mass is the image's centre.

    Args:
        path: the picture.
        shape: the shape of the model's input, (1, H, W).

    Returns:
        uint8 of that shape.

    Raises:
        DataError: not a picture, no digit in it, or the model takes no grey images.
    """
    image = digit_in(open_picture(path), check_shape(path, shape))
    if image is None:
        raise DataError(f"{path}: nothing in this picture stands out from the background")
    return image[None]


def check_shape(path: Path, shape: tuple[int, ...]) -> tuple[int, int]:
    """Height and width of a model's input.

    Raises:
        DataError: the model takes no grey images.
    """
    if len(shape) != 3 or shape[0] != 1:
        raise DataError(f"{path}: this model expects inputs of shape {shape}, not grey pictures")
    return shape[1], shape[2]


def digit_in(picture: Image.Image, size: tuple[int, int]) -> Array | None:
    """All that is written in a picture as one digit, uint8 (H, W); None if it is empty."""
    ink = ink_of(picture, Stages())
    if ink is None:
        return None
    ink = without_rules(ink)
    found = written(ink)
    if not len(found):
        return None
    amount = amount_of(ink, found.labels > 0)
    return normalize_digit(255 * np.minimum(amount, 1), size)
