"""Tests of opening pictures: all formats give the same image, and other files are rejected."""

from __future__ import annotations

import random
import struct
import warnings
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nnkit.data.pictures import MAX_PIXELS, Levels, full_scale, open_picture, spread, within
from nnkit.errors import DataError

# Six grey levels, in blocks large enough for JPEG: upright, with no symmetry.
LEVELS = np.kron(
    np.array([[0, 50, 100], [150, 200, 255]], dtype=np.uint8), np.ones((16, 16), np.uint8)
)
GREY = Image.fromarray(LEVELS)
SIXTEEN = LEVELS.astype(np.uint16) * 257


def with_alpha() -> Image.Image:
    """Converts a picture on white to black ink of varying opacity."""
    picture = Image.new("LA", GREY.size, 0)
    picture.putalpha(Image.fromarray(255 - LEVELS))
    return picture


def palette_with_transparency(path: Path) -> None:
    picture = GREY.quantize(6)
    colours = picture.getpalette() or []
    picture.save(path, transparency=colours[::3].index(255))


def turned(orientation: int, transpose: Image.Transpose) -> Callable[[Path], None]:
    """Stores a picture as a camera does: rotated, with EXIF orientation."""

    def save(path: Path) -> None:
        exif = Image.Exif()
        exif[0x0112] = orientation
        GREY.transpose(transpose).save(path, exif=exif, quality=100)

    return save


def animation(path: Path) -> None:
    GREY.save(path, save_all=True, append_images=[Image.new("L", GREY.size)] * 3, duration=10)


SAVED: dict[str, Callable[[Path], None]] = {
    "grey.png": GREY.save,
    "colour.png": GREY.convert("RGB").save,
    "palette.png": GREY.quantize(6).save,
    "sixteen.png": Image.fromarray(SIXTEEN).save,
    "sixteen.tif": Image.fromarray(SIXTEEN).save,
    "sixteen-big-endian.tif": Image.fromarray(SIXTEEN.astype(">u2")).save,
    "alpha.png": lambda path: with_alpha().save(path),
    "alpha.webp": lambda path: with_alpha().convert("RGBA").save(path, lossless=True),
    "transparent-palette.png": palette_with_transparency,
    "grey.jpg": lambda path: GREY.save(path, quality=100),
    "cmyk.jpg": lambda path: GREY.convert("RGB").convert("CMYK").save(path, quality=100),
    "grey.bmp": GREY.save,
    "grey.webp": lambda path: GREY.save(path, lossless=True),
    "packed.tif": lambda path: GREY.save(path, compression="tiff_lzw"),
    "animation.gif": animation,
    "turned-left.jpg": turned(6, Image.Transpose.ROTATE_90),
    "turned-over.png": turned(3, Image.Transpose.ROTATE_180),
    "mirrored.webp": turned(2, Image.Transpose.FLIP_LEFT_RIGHT),
    "grey.png.jpg": lambda path: GREY.save(path, format="PNG"),
    "no-suffix": lambda path: GREY.save(path, format="BMP"),
}


@pytest.mark.parametrize("name", SAVED)
def test_every_kind_of_picture_comes_out_the_same(name: str, tmp_path: Path) -> None:
    SAVED[name](tmp_path / name)
    picture = open_picture(tmp_path / name)
    assert picture.mode in ("L", "RGB")
    np.testing.assert_allclose(np.asarray(picture.convert("L"), dtype=int), LEVELS, atol=3)


@pytest.mark.parametrize(
    ("pixels", "levels"),
    [
        (LEVELS.astype(np.float32) / 255, within(0, 1)),
        (LEVELS.astype(np.float32) - 128, within(-128, 127)),
        (LEVELS.astype(np.int32) * 9, within(0, 9 * 255)),
        (LEVELS.astype(np.uint16) * 16, within(0, 4080)),
        (LEVELS.astype(np.uint16) // 2 + 1000, spread),
        (LEVELS.astype(np.float32) * 3 - 50, spread),
    ],
)
def test_levels_of_deep_pictures(pixels: np.ndarray, levels: Levels, tmp_path: Path) -> None:
    Image.fromarray(pixels).save(tmp_path / "deep.tif")
    found = np.asarray(open_picture(tmp_path / "deep.tif", levels), dtype=int)
    np.testing.assert_allclose(found, LEVELS, atol=1)


@pytest.mark.parametrize("level", [0, 1, 100, 255])
def test_sixteen_bits_have_the_levels_of_eight(level: int, tmp_path: Path) -> None:
    Image.fromarray(np.full((4, 4), 257 * level, np.uint16)).save(tmp_path / "even.png")
    assert (np.asarray(open_picture(tmp_path / "even.png")) == level).all()


def test_values_outside_the_range_are_clipped(tmp_path: Path) -> None:
    Image.fromarray(np.array([[-5, 0, 1, 7]], np.float32)).save(tmp_path / "wide.tif")
    found = np.asarray(open_picture(tmp_path / "wide.tif", within(0, 1)))
    assert found.tolist() == [[0, 0, 255, 255]]


@pytest.mark.parametrize("dtype", ["float32", "int32"])
def test_unknown_levels_are_refused(dtype: str, tmp_path: Path) -> None:
    Image.fromarray(LEVELS.astype(dtype)).save(tmp_path / "deep.tif")
    with pytest.raises(DataError, match=rf"deep\.tif: .* {dtype} pixels; .*data\.source\.range"):
        open_picture(tmp_path / "deep.tif")


def test_one_bit_a_pixel(tmp_path: Path) -> None:
    GREY.point(lambda level: 255 * (level > 120)).convert("1").save(tmp_path / "bits.png")
    np.testing.assert_array_equal(open_picture(tmp_path / "bits.png"), 255 * (LEVELS > 120))


def png(width: int, height: int) -> bytes:
    """Creates a PNG that declares a size, but contains only one row of one pixel."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checked = kind + content
        return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"just text", "not a picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture"),
        (png(8000, 8001), "more than 64 megapixels; make the picture smaller"),
        (png(9400, 9400), "more than 64 megapixels"),
        (png(60_000, 60_000), "more than 64 megapixels"),
        (png(2**31 - 1, 2**31 - 1), "more than 64 megapixels"),
        (png(50, 50), "damaged picture"),
        (png(0, 5), "not a picture|damaged picture"),
    ],
)
def test_what_is_no_picture_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "digit.png"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        open_picture(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_threads_leave_the_warning_filters_as_they_were(tmp_path: Path) -> None:
    Image.fromarray(SIXTEEN).save(tmp_path / "deep.png")
    first_is_open, second_is_open, first_has_ended = Event(), Event(), Event()

    def first(values: Any) -> Any:
        first_is_open.set()
        second_is_open.wait(10)
        return full_scale(values)

    def second(values: Any) -> Any:
        second_is_open.set()
        first_has_ended.wait(10)
        return full_scale(values)

    def run_first() -> None:
        open_picture(tmp_path / "deep.png", first)
        first_has_ended.set()

    def run_second() -> None:
        first_is_open.wait(10)
        open_picture(tmp_path / "deep.png", second)

    before = list(warnings.filters)
    threads = [Thread(target=run_first), Thread(target=run_second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(warnings.filters) == before


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("everywhere", [True, False])
@pytest.mark.parametrize("levels", [full_scale, within(0, 1), spread])
def test_pixels_must_be_numbers(
    levels: Levels, value: float, everywhere: bool, tmp_path: Path
) -> None:
    pixels = np.full((28, 28), value if everywhere else 1, dtype=np.float32)
    pixels[3, 4] = value
    Image.fromarray(pixels).save(tmp_path / "nan.tif")
    with pytest.raises(DataError, match=r"nan\.tif: damaged picture \(it contains NaN"):
        open_picture(tmp_path / "nan.tif", levels)


def test_the_largest_picture_is_still_opened(tmp_path: Path) -> None:
    Image.new("1", (MAX_PIXELS // 1000, 1000)).save(tmp_path / "large.png")
    assert open_picture(tmp_path / "large.png").size == (MAX_PIXELS // 1000, 1000)


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        open_picture(tmp_path / "none.png")
    with pytest.raises(DataError, match="Is a directory"):
        open_picture(tmp_path)


@pytest.mark.parametrize(
    "name", ["grey.png", "grey.jpg", "grey.webp", "packed.tif", "grey.bmp", "animation.gif"]
)
def test_a_damaged_picture_is_opened_or_refused_and_nothing_else(name: str, tmp_path: Path) -> None:
    SAVED[name](tmp_path / name)
    path, draw = tmp_path / name, random.Random(0)
    whole = path.read_bytes()
    for _ in range(150):
        damaged = bytearray(whole)
        damaged[draw.randrange(min(len(whole), 200))] ^= 1 << draw.randrange(8)
        path.write_bytes(damaged[: draw.choice([len(whole), draw.randrange(len(whole))])])
        with suppress(DataError):
            open_picture(path)
