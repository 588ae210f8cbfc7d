"""Reads a picture of a single digit and normalizes it like the images of MNIST."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from nnkit.data.dataset import Array
from nnkit.data.pictures import open_picture, spread
from nnkit.errors import DataError
from nnkit.reading.segmentation.clean import amount_of, without_frames, without_rules, written
from nnkit.reading.segmentation.ink import ink_of
from nnkit.reading.segmentation.normal import normalize_digit
from nnkit.reading.segmentation.stages import Stages


def read_digit(path: Path, shape: tuple[int, ...]) -> Array:
    """Reads a picture of one digit of any size, dark on light or light on dark, colour or alpha.

    As in MNIST, the digit is light on black and fits a box of 20/28 of the image, and its centre
    of mass is at the image's centre.

    Args:
        path: the picture.
        shape: the shape of the model's input, (1, H, W).

    Returns:
        The image, uint8 of that shape.

    Raises:
        DataError: the file is not a picture or is empty, or the model does not take grey images.
    """
    image = digit_in(open_picture(path, spread), check_shape(path, shape))
    if image is None:
        raise DataError(f"{path}: nothing in this picture stands out from the background")
    return image[None]


def check_shape(path: Path, shape: tuple[int, ...]) -> tuple[int, int]:
    """Returns the height and width of a model's input.

    Raises:
        DataError: the model does not take grey images.
    """
    if len(shape) != 3 or shape[0] != 1:
        raise DataError(f"{path}: this model expects inputs of shape {shape}, not grey pictures")
    return shape[1], shape[2]


def digit_in(picture: Image.Image, size: tuple[int, int]) -> Array | None:
    """Normalizes everything written in a picture as one digit, uint8 (H, W); None if empty."""
    ink = ink_of(picture, Stages())
    if ink is None:
        return None
    ink = without_rules(without_frames(ink))
    found = written(ink)
    if not len(found):
        return None
    amount = amount_of(ink, found.labels > 0)
    return normalize_digit(255 * np.minimum(amount, 1), size)
