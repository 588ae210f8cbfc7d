"""Tests of pictures of single digits: conversion to MNIST's form for any pen and paper."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

import nnkit
from nnkit.data.dataset import Array, Dataset
from nnkit.data.pictures import open_picture
from nnkit.errors import DataError
from nnkit.reading import single as digits
from nnkit.reading.reader import picture_as_input
from nnkit.reading.segmentation.normal import normalize_digit
from nnkit.reading.single import read_digit
from tests.data.small import PICTURES

SHAPE = (1, 28, 28)
NAMES = [path.name for path in PICTURES]


def alike(A: Array, B: Array) -> float:
    """Computes the correlation of two images at the best shift by at most one pixel.

    Shifts are necessary because the centre of mass is rounded to a pixel.
    """
    steps = (-1, 0, 1)
    shifted = [np.roll(B, (y, x), (-2, -1)) for y in steps for x in steps]
    return max(np.corrcoef(A.ravel(), other.ravel())[0, 1] for other in shifted)


def digit_in(picture: Image.Image) -> Array:
    image = digits.digit_in(picture, SHAPE[1:])
    assert image is not None, "something is written there"
    return image[None]


def opened(path: Path) -> Image.Image:
    return open_picture(path).convert("L")


@pytest.mark.parametrize("path", PICTURES, ids=NAMES)
def test_a_picture_takes_mnists_form(path: Path) -> None:
    image = read_digit(path, SHAPE)
    assert image.shape == SHAPE
    assert image.dtype == np.uint8
    assert image.max() == 255
    rows, columns = np.flatnonzero(image[0].any(axis=1)), np.flatnonzero(image[0].any(axis=0))
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    assert max(height, width) in (19, 20), "its longer side fills the box"
    mass = image[0] / image.sum(dtype=float)
    centre = mass.sum(axis=1) @ np.arange(28), mass.sum(axis=0) @ np.arange(28)
    assert np.abs(np.subtract(centre, 14)).max() <= 0.51


def test_mnist_is_in_that_form_already(mnist: Dataset) -> None:
    assert mnist.test is not None
    for image in np.asarray(mnist.test.inputs)[:500, 0]:
        again = normalize_digit(image.astype(float), (28, 28))
        assert np.corrcoef(again.ravel(), image.ravel())[0, 1] > 0.9, "in place to the pixel"


def test_mnist_enlarged_is_read_back(mnist: Dataset) -> None:
    assert mnist.test is not None
    found = []
    for image in mnist.test.inputs[:100]:
        paper = Image.fromarray(255 - image[0])
        enlarged = paper.resize((140, 140), Image.Resampling.BICUBIC)
        found.append(alike(image.astype(float), digit_in(enlarged).astype(float)))
    assert np.median(found) > 0.98
    assert min(found) > 0.85


def inverted(picture: Image.Image) -> Image.Image:
    return ImageOps.invert(picture)


def enlarged(picture: Image.Image) -> Image.Image:
    return picture.resize((2 * picture.width, 2 * picture.height), Image.Resampling.BICUBIC)


def on_a_larger_page(picture: Image.Image) -> Image.Image:
    """Places a picture in a corner of a page twice as large, with the same paper."""
    page = Image.new("L", (2 * picture.width, 2 * picture.height), picture.getpixel((1, 1)))
    page.paste(picture, (picture.width - 3, 2))
    return page


def fainter(picture: Image.Image) -> Image.Image:
    return picture.point(lambda level: 80 + level // 2)


def in_two_levels(picture: Image.Image) -> Image.Image:
    return picture.quantize(2).convert("L")


CHANGES = (inverted, enlarged, on_a_larger_page, fainter, in_two_levels)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@pytest.mark.parametrize("path", PICTURES, ids=NAMES)
def test_the_same_digit_drawn_otherwise(
    path: Path, change: Callable[[Image.Image], Image.Image]
) -> None:
    picture = opened(path)
    assert alike(digit_in(picture), digit_in(change(picture))) > 0.95


@given(
    st.sampled_from(PICTURES),
    st.integers(0, 120),
    st.integers(0, 120),
    st.integers(150, 300),
    st.booleans(),
)
def test_place_and_size_on_the_page_do_not_matter(
    path: Path, left: int, top: int, height: int, dark: bool
) -> None:
    picture = opened(path)
    expected = digit_in(picture)
    page = Image.new("L", (480, 480), picture.getpixel((1, 1)))
    page.paste(
        picture.resize((round(picture.width * height / picture.height), height)), (left, top)
    )
    assert alike(expected, digit_in(ImageOps.invert(page) if dark else page)) > 0.9


def test_specks_of_dust_do_not_matter() -> None:
    picture = opened(PICTURES[-1])
    dusty = np.array(picture)
    dusty[3::40, 3::40] = np.minimum(dusty[3::40, 3::40], 235)
    assert alike(digit_in(picture), digit_in(Image.fromarray(dusty))) > 0.98


@pytest.mark.parametrize("level", [0, 128, 255])
@pytest.mark.parametrize("size", [(1, 1), (2, 1), (28, 28), (300, 200), (20_000, 3)])
def test_an_empty_picture_is_refused(size: tuple[int, int], level: int, tmp_path: Path) -> None:
    path = tmp_path / "empty.png"
    Image.new("L", size, level).save(path)
    with pytest.raises(DataError, match="nothing in this picture stands out") as caught:
        read_digit(path, SHAPE)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_very_wide_picture_has_an_answer() -> None:
    picture = Image.new("L", (20_000, 400), 255)
    picture.paste(0, (9_000, 50, 9_100, 350))
    assert digit_in(picture).any()


@given(st.integers(1, 12), st.integers(1, 12), st.data())
def test_the_smallest_pictures_are_refused_or_read(
    width: int, height: int, data: st.DataObject
) -> None:
    pixels = data.draw(st.binary(min_size=width * height, max_size=width * height))
    image = digits.digit_in(Image.frombytes("L", (width, height), pixels), (28, 28))
    assert image is None or (image.shape == (28, 28) and image.any())


@pytest.mark.parametrize("shape", [(64,), (3, 28, 28), (28, 28)])
def test_a_model_of_other_inputs_says_so(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match="this model expects inputs of shape"):
        read_digit(PICTURES[0], shape)


@pytest.mark.parametrize("size", [(14, 14), (20, 32), (56, 56)])
def test_other_sizes_of_input_are_filled_alike(size: tuple[int, int]) -> None:
    image = read_digit(PICTURES[0], (1, *size))
    assert image.shape == (1, *size)
    rows = np.flatnonzero(image[0].any(axis=1))
    assert abs(np.ptp(rows) + 1 - size[0] * 20 / 28) <= 1


def test_a_small_network_reads_the_pictures(digit_reader: nnkit.TrainedModel) -> None:
    read = [digit_reader.predict(picture_as_input(digit_reader, path))[0] for path in PICTURES]
    right = [path.name[0] == digit for path, digit in zip(PICTURES, read, strict=True)]
    assert sum(right) >= 6, dict(zip(NAMES, read, strict=True))
