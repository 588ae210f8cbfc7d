"""Tests of the pictures on which the included networks are trained."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nnkit.data.dataset import Dataset
from nnkit.reading.pretrained.training_set import found_in_pictures
from nnkit.reading.segmentation.path import PART, SIGN
from nnkit.reading.verifier.compose import PLAIN, compose
from nnkit.reading.verifier.printed import faces, typeset
from nnkit.reading.verifier.train import candidates_in


def test_digits_found_in_pictures_look_like_those_of_mnist(mnist: Dataset) -> None:
    images, labels = np.asarray(mnist.samples.inputs)[:20, 0], np.asarray(mnist.samples.targets)
    found, theirs = found_in_pictures(images, labels[:20], [PLAIN], seed=1)
    assert sorted(theirs) == sorted(labels[:20])
    heights, widths = ((found.max(axis=axis) > 0).sum(axis=1) for axis in (2, 1))
    assert (np.maximum(heights, widths) == 20).all(), "as in MNIST"
    assert not any((image == images).all(axis=(1, 2)).any() for image in found), "but not the same"


def test_printed_faces_have_ten_digits_of_one_height() -> None:
    digits = faces().digits
    assert digits.shape[1:] == (10, 28, 28)
    heights = (digits.max(axis=3) > 100).sum(axis=2)
    assert abs(heights - 20).max() <= 2


@pytest.mark.parametrize("tilt", [0, 10])
def test_boxes_are_around_printed_symbols(tilt: float) -> None:
    made = typeset(replace(PLAIN, signs=0.5, tilt=tilt, length=(6, 6)), np.random.default_rng(3))
    assert SIGN in made.labels
    ink = np.asarray(made.picture) < 128
    inside = np.zeros_like(ink)
    for x0, y0, x1, y1 in made.boxes:
        part = np.s_[round(y0) - 2 : round(y1) + 2, round(x0) - 2 : round(x1) + 2]
        assert ink[part].any()
        inside[part] = True
    assert not (ink & ~inside).any()


def test_candidates_have_the_classes_of_their_symbols(mnist: Dataset) -> None:
    images, labels = np.asarray(mnist.samples.inputs)[:, 0], np.asarray(mnist.samples.targets)
    rng = np.random.default_rng(2)
    for made in (compose(images, labels, PLAIN, rng), typeset(replace(PLAIN, signs=0.4), rng)):
        classes = np.concatenate([found for _, found in candidates_in(made, rng)])
        assert set(made.labels) <= set(classes.tolist())
        assert set(classes.tolist()) <= {*made.labels, PART}
