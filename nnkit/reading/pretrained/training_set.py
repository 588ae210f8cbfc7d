"""Writes the training set of the digit reader to a file.

`python -m nnkit.reading.pretrained.training_set FILE.npz` writes three kinds of digits: the images
of MNIST's training set; the same digits as they look after a picture of them was read; and printed
digits, read in the same way. Reading scales, levels and smooths digits, so that they differ from
MNIST's images, in particular if strokes are thick or digits small. The test set is MNIST's.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from nnkit.reading.segmentation import strips_of
from nnkit.reading.segmentation.cuts import cut
from nnkit.reading.segmentation.lines import HEIGHT
from nnkit.reading.segmentation.normal import normalize_digit
from nnkit.reading.segmentation.path import NARROW, spans_of
from nnkit.reading.segmentation.stages import Stages
from nnkit.reading.verifier.compose import (
    CONDITIONS,
    Array,
    Composed,
    Condition,
    compose_these,
    mnist_images,
)
from nnkit.reading.verifier.printed import faces
from nnkit.reading.verifier.train import WHOLE, overlaps

IN_PICTURES = ("plain", "noisy", "touching", "small", "thin", "thick", "paper", "ruled", "jpeg")
TILT = 8  # in degrees, of lines that are otherwise plain
DIGITS = 10  # in a picture
COPIES = 16  # of each printed digit
THICKNESS = (-0.4, 0.6)  # growth of the strokes of printed digits
SEEDS = 29, 28  # of pictures of handwritten and of printed digits


def handwritten() -> tuple[Array, Array]:
    """MNIST's training digits as found in pictures: images (n, 28, 28) uint8, and labels (n,)."""
    return found_in_pictures(*mnist_images("train"), _conditions(), SEEDS[0])


def printed() -> tuple[Array, Array]:
    """Printed digits as found in pictures: images (n, 28, 28) uint8, and labels (n,)."""
    digits = faces().digits
    images = digits.reshape(-1, *digits.shape[2:])
    labels = np.tile(np.arange(10), len(digits))
    conditions = [replace(condition, thickness=THICKNESS) for condition in _conditions()]
    return found_in_pictures(
        np.tile(images, (COPIES, 1, 1)), np.tile(labels, COPIES), conditions, SEEDS[1]
    )


def _conditions() -> list[Condition]:
    return [
        replace(CONDITIONS[name], tilt=TILT) if name == "plain" else CONDITIONS[name]
        for name in IN_PICTURES
    ]


def found_in_pictures(
    images: Array, labels: Array, conditions: Sequence[Condition], seed: int
) -> tuple[Array, Array]:
    """Composes pictures of digits, and finds the digits in them.

    Args:
        images: the digits, (n, 28, 28) uint8; each is in one picture.
        labels: their labels, (n,).
        conditions: the conditions of the pictures, in turn.
        seed: the seed of the pictures.

    Returns:
        The digits that are found, normalized like those of MNIST, (m, 28, 28) uint8, and their
        labels, (m,).
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(images))
    found: list[tuple[Array, int]] = []
    for turn, start in enumerate(range(0, len(order), DIGITS)):
        own = order[start : start + DIGITS]
        condition = conditions[turn % len(conditions)]
        composed = compose_these(images[own], labels[own], condition, rng)
        found += _found(composed, images.shape[1:])
    return np.stack([image for image, _ in found]), np.array([label for _, label in found])


def _found(composed: Composed, size: tuple[int, ...]) -> Iterator[tuple[Array, int]]:
    """Yields the normalized image and the label of each digit that is found in a picture."""
    for strip in strips_of(composed.picture, Stages()):
        groups = cut(strip).boxes
        pieces = cut(strip, groups[:, 2] - groups[:, 0] > NARROW * HEIGHT)
        spans = spans_of(pieces)
        shares = overlaps(pieces, composed)
        for digit, best in enumerate(shares.argmax(axis=0)):
            if shares[best, digit] >= WHOLE:
                ink = np.minimum(pieces.ink(*spans[best]), 1)
                yield normalize_digit(255 * ink, size), composed.labels[digit]


def main(path: Path) -> None:
    """Writes images and labels of the training and the test set to an .npz archive."""
    parts = [mnist_images("train"), handwritten(), printed()]
    test_images, test_labels = mnist_images("test")
    path.parent.mkdir(exist_ok=True)
    np.savez(
        path,
        inputs=np.concatenate([images for images, _ in parts]),
        targets=np.concatenate([labels for _, labels in parts]),
        test_inputs=test_images,
        test_targets=test_labels,
    )
    print(
        f"{path}: {len(parts[0][0]):,} digits of MNIST, {len(parts[1][0]):,} of them found in "
        f"pictures, and {len(parts[2][0]):,} printed ones"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
