"""Tests of finding a slip of paper on a desk."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont, ImageOps

from nnkit.data.dataset import Array, Dataset
from nnkit.random import generator
from nnkit.reading.segmentation import strips_of
from nnkit.reading.segmentation.slip import Slip, slip_in
from nnkit.reading.segmentation.stages import Stages
from nnkit.reading.verifier.compose import CONDITIONS, compose


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo of a slip with digits on a desk; lengths in pixels.

    Attributes:
        desk, paper, ink: grey levels.
        at: the slip's corner before rotation.
        size: the size of the slip.
        degrees: the rotation of the slip.
        grain: standard deviation of the desk's noise in grey levels.
        slope: increase of brightness from left to right, in grey levels.
        narrower: fraction of the width by which the slip's upper edge is shorter.
    """

    desk: int = 80
    paper: int = 220
    ink: int = 30
    at: tuple[int, int] = (230, 220)
    size: tuple[int, int] = (420, 190)
    degrees: float = 0
    grain: float = 0
    slope: float = 0
    narrower: float = 0

    def corners(self) -> Array:
        """The corners of the slip in the picture (4, 2)."""
        width, height = self.size
        lack = self.narrower * width / 2
        own = np.array([(lack, 0), (width - lack, 0), (width, height), (0, height)])
        middle = np.array(self.size) / 2
        angle = np.radians(self.degrees)
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        return np.asarray((own - middle) @ turn + middle + self.at)

    def draw(self, text: str = "50419") -> Image.Image:
        picture = Image.new("L", (900, 640), self.desk)
        grained = np.asarray(picture, dtype=float)
        rows = generator(0, "grain").normal(size=(640, 30)).repeat(30, axis=1)
        picture = Image.fromarray((grained + self.grain * rows).clip(0, 255).astype(np.uint8))
        ImageDraw.Draw(picture).polygon(
            [(x, y) for x, y in self.corners().tolist()], fill=self.paper
        )
        mask = Image.new("L", picture.size)
        x, y = (corner + side / 2 for corner, side in zip(self.at, self.size, strict=True))
        font = ImageFont.load_default(90)
        ImageDraw.Draw(mask).text((x, y), text, fill=255, font=font, anchor="mm")
        mask = mask.rotate(-self.degrees, Image.Resampling.BICUBIC, center=(x, y))
        picture.paste(self.ink, (0, 0), mask)
        light = np.linspace(-self.slope / 2, self.slope / 2, picture.width)
        return Image.fromarray((np.asarray(picture) + light).clip(0, 255).astype(np.uint8))


PHOTOS = {
    "level": Photo(),
    "brighter desk": Photo(desk=250, paper=180),
    "little contrast": Photo(desk=190),
    "uneven light": Photo(slope=50),
    "grained": Photo(grain=8),
    "large": Photo(at=(60, 60), size=(760, 500)),
    "small": Photo(size=(340, 150)),
    "at the left": Photo(at=(0, 200)),
    "at the bottom": Photo(at=(200, 450)),
    "trapezoid": Photo(narrower=0.1),
    "turned trapezoid": Photo(narrower=0.08, degrees=10),
    "light ink": Photo(desk=220, paper=60, ink=230),
    **{f"{degrees}°": Photo(degrees=degrees) for degrees in (-20, -13, -6, -2, 3, 8, 15, 20)},
}


# One photo for each difficulty, for `make test`.
CHOSEN = {
    *("level", "little contrast", "grained", "at the left", "turned trapezoid", "light ink"),
    *("-20°", "20°"),
}


@cache
def found_in(photo: Photo) -> Slip | None:
    return slip_in(photo.draw(), Stages())


every_photo = pytest.mark.parametrize(
    "photo",
    [
        pytest.param(photo, id=name, marks=[] if name in CHOSEN else pytest.mark.slow)
        for name, photo in PHOTOS.items()
    ],
)


@every_photo
def test_a_slip_is_found_and_levelled(photo: Photo) -> None:
    slip = found_in(photo)
    assert slip is not None
    width, height = slip.picture.size
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)])
    found = corners @ slip.to_picture[:, :2].T + slip.to_picture[:, 2]
    lack = photo.narrower * photo.size[0] / 2
    assert np.abs(found - photo.corners()).max() < 24 + lack, "margins, and what a trapezoid lacks"
    border = np.asarray(slip.picture)[[0, -1]].astype(float)
    assert np.abs(border - photo.paper).max() < 20 + photo.slope / 2, "paper all around"
    (strip,) = strips_of(photo.draw(), Stages())
    outline = strip.points_in_picture(np.array([strip.solid.shape[::-1]]) / 2)
    middle = np.array(photo.at) + np.array(photo.size) / 2
    assert np.abs(outline - middle).max() < 12


@every_photo
def test_an_inverted_photo_has_the_same_slip(photo: Photo) -> None:
    slip, inverted = found_in(photo), slip_in(ImageOps.invert(photo.draw()), Stages())
    assert slip is not None
    assert inverted is not None
    assert slip.picture.size == inverted.picture.size
    assert slip.to_picture == pytest.approx(inverted.to_picture, abs=1)


def test_a_moved_slip_is_found_where_it_is() -> None:
    here, there = (slip_in(Photo(at=at).draw(), Stages()) for at in ((230, 220), (301, 283)))
    assert here is not None
    assert there is not None
    shift = there.to_picture[:, 2] - here.to_picture[:, 2]
    assert np.abs(shift - (71, 63)).max() <= 7, "a cell"


def test_colours_stay() -> None:
    photo = Photo()
    red = Image.merge("RGB", (photo.draw(), Photo(paper=120).draw(), Photo(paper=120).draw()))
    slip = slip_in(red, Stages())
    assert slip is not None
    assert slip.picture.getpixel((3, 3)) == pytest.approx((220, 120, 120), abs=3)


def test_other_writing_beside_it_is_not_left_out() -> None:
    picture = Photo(desk=240, paper=190, at=(230, 60)).draw()
    font = ImageFont.load_default(90)
    ImageDraw.Draw(picture).text((450, 450), "271828", fill=30, font=font, anchor="mm")
    assert slip_in(picture, Stages()) is None


@pytest.mark.parametrize(
    "condition",
    [
        pytest.param(condition, marks=pytest.mark.slow if condition == "large" else [])
        for condition in sorted(set(CONDITIONS) - {"desk"})
    ],
)
def test_ordinary_pictures_have_none(condition: str, mnist: Dataset) -> None:
    assert mnist.test is not None
    images, labels = np.asarray(mnist.test.inputs)[:, 0], np.asarray(mnist.test.targets)
    rng = np.random.default_rng(11)
    for _ in range(4):
        made = compose(images, labels, CONDITIONS[condition], rng)
        assert slip_in(made.picture, Stages()) is None


def _blank(ink: int = 30, paper: int = 230) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    picture = Image.new("L", (900, 640), paper)
    pen = ImageDraw.Draw(picture)
    pen.text((450, 320), "50419", fill=ink, font=ImageFont.load_default(140), anchor="mm")
    return picture, pen


def _framed() -> Image.Image:
    picture, pen = _blank()
    pen.rectangle((100, 150, 800, 500), outline=30, width=12)
    return picture


def _boxed() -> Image.Image:
    picture, pen = _blank()
    for left in range(220, 680, 92):
        pen.rectangle((left, 220, left + 92, 420), outline=30, width=6)
    return picture


def _chalk() -> Image.Image:
    return _blank(ink=230, paper=40)[0]


def _scanned() -> Image.Image:
    picture, pen = _blank()
    pen.rectangle((0, 0, 50, 640), fill=10)
    return picture


def _shaded() -> Image.Image:
    pixels = np.asarray(_blank()[0], dtype=float)
    pixels[:, 430:] *= 0.6
    return Image.fromarray(pixels.astype(np.uint8))


def _one() -> Image.Image:
    picture = Image.new("L", (300, 400), 230)
    ImageDraw.Draw(picture).rectangle((100, 60, 190, 340), fill=30)
    return picture


def _round() -> Image.Image:
    picture, pen = _blank(paper=90)
    pen.ellipse((100, 60, 800, 580), fill=230)
    pen.text((450, 320), "504", fill=30, font=ImageFont.load_default(140), anchor="mm")
    return picture


def _vignetted() -> Image.Image:
    y, x = np.mgrid[-1:1:640j, -1:1:900j]
    pixels = np.asarray(_blank()[0]) * (1 - 0.35 * (x**2 + y**2))
    return Image.fromarray(pixels.astype(np.uint8))


@pytest.mark.parametrize(
    "draw", [_framed, _boxed, _chalk, _scanned, _shaded, _one, _round, _vignetted]
)
def test_pictures_that_resemble_a_slip_have_none(draw: object) -> None:
    assert callable(draw)
    assert slip_in(draw(), Stages()) is None


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (28, 28), (300, 200), (20_000, 3)])
def test_empty_pictures_have_none(size: tuple[int, int]) -> None:
    assert slip_in(Image.new("RGB", size, (128,) * 3), Stages()) is None
