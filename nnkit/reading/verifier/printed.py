"""Typesets numbers and signs in the faces of `data/printed-digits.npz`, to train networks on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from nnkit.reading.segmentation.path import SIGN
from nnkit.reading.verifier.compose import (
    Array,
    Composed,
    Condition,
    Rectangle,
    on_paper,
    scaled,
    tilted,
)
from nnkit.reading.verifier.signs import HEIGHT

PRINTED = Path("data/printed-digits.npz")  # drawn by tools/printed_digits.py
SPACING = (1.0, 6.0)  # pixels between characters
WEIGHT = (-0.2, 0.3)  # growth of strokes on each side, in pixels


@dataclass(frozen=True, slots=True)
class Faces:
    """Printed digits and signs.

    Attributes:
        digits: the ten digits of each face, 20 pixels high, (faces, 10, 28, 28) uint8.
        signs: its signs, with room above and below, (faces, signs, 40, 40) uint8.
    """

    digits: Array
    signs: Array


@cache
def faces() -> Faces:
    """Reads the faces from the working folder."""
    with np.load(PRINTED) as archive:
        digits, signs, count = archive["images"], archive["signs"], len(archive["faces"])
    return Faces(*(part.reshape(count, -1, *part.shape[1:]) for part in (digits, signs)))


def typeset(condition: Condition, rng: np.random.Generator) -> Composed:
    """Composes a picture of a printed number, with signs in it as the condition says."""
    own, count = faces(), int(rng.integers(condition.length[0], condition.length[1] + 1))
    face = int(rng.integers(len(own.digits)))
    labels = rng.integers(10, size=count)
    labels[rng.random(count) < condition.signs] = SIGN
    margin = (own.signs.shape[-1] - own.digits.shape[-1]) // 2
    images = [
        own.signs[face, rng.integers(own.signs.shape[1])]
        if label == SIGN
        else np.pad(own.digits[face, label], margin)
        for label in labels
    ]
    line, boxes = _line(images, rng.uniform(*SPACING))
    size, weight = rng.uniform(*condition.size), rng.uniform(*condition.thickness) / 2
    ink = scaled(line, size, rng.uniform(*WEIGHT) + weight)
    boxes = [(a * size, b * size, c * size, d * size) for a, b, c, d in boxes]
    ink, boxes = tilted(ink, boxes, rng.uniform(-condition.tilt, condition.tilt))
    picture = on_paper(ink, size, condition, rng)
    return Composed(picture, tuple(int(label) for label in labels), tuple(boxes))


def _line(images: list[Array], spacing: float) -> tuple[Array, list[Rectangle]]:
    """Sets characters in a line.

    Args:
        images: the characters, (side, side) uint8 each.
        spacing: pixels between them.

    Returns:
        The line, (side, w) uint8, and the box of each character's ink, relative to the height of
        digits.
    """
    side = len(images[0])
    page = np.zeros((side, side * (len(images) + 1)), dtype=np.uint8)
    boxes: list[Rectangle] = []
    right = side / 2
    for image in images:
        rows, columns = (np.flatnonzero((image > 100).any(axis=axis)) for axis in (1, 0))
        glyph = image[:, columns[0] : columns[-1] + 1]
        left = round(right)
        part = page[:, left : left + glyph.shape[1]]
        np.maximum(part, glyph, out=part)
        sides = (left, rows[0], left + glyph.shape[1], rows[-1] + 1)
        x0, y0, x1, y1 = (float(at) / HEIGHT for at in sides)
        boxes.append((x0, y0, x1, y1))
        right = left + glyph.shape[1] + spacing
    return page[:, : round(right) + side // 2], boxes
