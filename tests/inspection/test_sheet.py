"""Tests of contact sheets: position and size of every picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nnkit.data.dataset import Array
from nnkit.errors import UsageError
from nnkit.inspection.sheet import (
    CAPTION,
    GAP,
    Sheet,
    columns_in,
    draw,
    in_dots,
    pictures_of,
    write_sheet,
)
from nnkit.random import generator


def images(count: int, shape: tuple[int, ...]) -> Array:
    return generator(0, "sheet").integers(256, size=(count, *shape))


@pytest.mark.parametrize("shape", [(28, 20), (1, 28, 20), (3, 28, 20), (2, 28, 20), (3, 200, 90)])
def test_every_pixel_is_in_its_place(shape: tuple[int, ...]) -> None:
    X = images(5, shape)
    drawn = np.asarray(draw(Sheet(pictures_of(X, 0, 255), ["a"] * 5, 3)))
    height, width = shape[-2:]
    zoom = max(1, round(84 / height))
    for i in range(5):
        top = GAP + (i // 3) * (height * zoom + GAP + CAPTION)
        left = GAP + (i % 3) * (width * zoom + GAP)
        tile = drawn[top : top + height * zoom, left : left + width * zoom]
        channels = X[i].reshape(-1, height, width)
        expected = channels if len(channels) == 3 else channels.mean(axis=0, keepdims=True)
        enlarged = np.kron(np.moveaxis(expected, 0, -1), np.ones((zoom, zoom, 1)))
        assert (np.abs(tile - enlarged) < 1).all()
    assert (drawn[-CAPTION - GAP :] < 128).any(), "captions are written"


def test_values_are_spread_between_the_bounds() -> None:
    X = np.array([[[-1.0, 0.0, 1.0, 3.0]]])
    assert np.asarray(pictures_of(X, -1, 1)[0]).tolist() == [[0, 128, 255, 255]]
    assert np.asarray(pictures_of(X, 2, 2)[0]).tolist() == [[0, 0, 0, 0]]


def test_a_dot_for_each_light_pixel() -> None:
    X = np.zeros((2, 4, 4))
    X[0, 0, 0] = X[0, 3, 3] = 1  # the first dot of one letter, the last of another
    X[1] = 1
    lines = list(in_dots(Sheet(pictures_of(X, 0, 1), ["dots", "full"], 2)))
    assert lines == ["⠁⢀  ⣿⣿", "do  fu"]


@pytest.mark.parametrize("pixels", [1, 7, 28, 48, 300])
@pytest.mark.parametrize("width", [20, 80])
def test_dots_fit_into_the_width(pixels: int, width: int) -> None:
    columns = columns_in(width, pixels)
    pictures = pictures_of(np.ones((2 * columns, pixels, pixels)), 0, 1)
    lines = list(in_dots(Sheet(pictures, ["caption"] * len(pictures), columns)))
    longest = max(map(len, lines))
    assert longest <= max(width, 24)
    tile = len(lines[0].split()[0])
    assert longest + tile + 2 > width, "one more would not fit"


def test_a_long_caption_ends_where_its_picture_does() -> None:
    X = images(2, (28, 28))
    short, long = (draw(Sheet(pictures_of(X, 0, 255), [c, ""], 2)) for c in ("one", "one" * 50))
    pixels = np.asarray(long.convert("L"))
    assert short.size == long.size
    below = pixels[GAP + 84 + 1 :]
    assert (below[:, : GAP + 84] < 128).any()
    assert (below[:, GAP + 84 :] == 255).all()


def test_the_file_is_a_picture(tmp_path: Path) -> None:
    sheet = Sheet(pictures_of(images(4, (3, 9, 9)), 0, 255), ["a", "b", "ü", "ж"], 2)
    write_sheet(sheet, tmp_path / "sheet.PNG")
    with Image.open(tmp_path / "sheet.PNG") as picture:
        assert (picture.format, picture.size) == ("PNG", draw(sheet).size)
    with pytest.raises(UsageError, match=r"must end in \.png"):
        write_sheet(sheet, tmp_path / "sheet.jpg")
