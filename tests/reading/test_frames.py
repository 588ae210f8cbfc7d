"""Tests of erasing frames around numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from nnkit.reading.result import Box
from nnkit.reading.segmentation.clean import without_frames
from nnkit.reading.segmentation.ink import Ink, ink_of
from nnkit.reading.segmentation.stages import Stages

Draw = Callable[[ImageDraw.ImageDraw, Box], None]
INK, PAPER = 20, 240


def ink_with(text: str, draw: Draw | None = None, size: int = 60) -> Ink:
    """The ink of typeset digits, with something drawn around their box."""
    picture = Image.new("L", (5 * size, 3 * size), PAPER)
    pen = ImageDraw.Draw(picture)
    place, font = (size, size), ImageFont.load_default(size)
    pen.text(place, text, INK, font)
    if draw is not None:
        x0, y0, x1, y1 = (int(side) for side in pen.textbbox(place, text, font))
        draw(pen, (x0, y0, x1, y1))
    ink = ink_of(picture, Stages())
    assert ink is not None
    return ink


def box(room: int, thickness: int) -> Draw:
    def draw(pen: ImageDraw.ImageDraw, around: Box) -> None:
        x0, y0, x1, y1 = around
        corners = (x0 - room, y0 - room, x1 + room, y1 + room)
        pen.rectangle(corners, None, INK, thickness)

    return draw


def two_boxes(pen: ImageDraw.ImageDraw, around: Box) -> None:
    box(10, 2)(pen, around)
    box(18, 2)(pen, around)


def ellipse(pen: ImageDraw.ImageDraw, around: Box) -> None:
    x0, y0, x1, y1 = around
    pen.ellipse((x0 - 40, y0 - 25, x1 + 40, y1 + 25), None, INK, 4)


def comb(pen: ImageDraw.ImageDraw, around: Box) -> None:
    x0, y0, x1, y1 = around
    pen.line((x0 - 9, y1 + 8, x1 + 9, y1 + 8), INK, 3)
    for x in (x0 - 9, x1 + 9):
        pen.line((x, y0 + 15, x, y1 + 8), INK, 3)


FRAMES = {
    "box": box(12, 3),
    "thick box": box(20, 9),
    "two boxes": two_boxes,
    "ellipse": ellipse,
    "comb": comb,
}


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("text", ["50419", "88"])
def test_frames_are_erased(frame: str, text: str) -> None:
    framed, plain = ink_with(text, FRAMES[frame]), ink_with(text)
    assert (framed.solid & ~plain.solid).sum() > 300
    differing = without_frames(framed).solid != plain.solid
    assert differing.sum() < 0.01 * plain.solid.sum()


def test_digits_that_cross_a_box_are_kept() -> None:
    def crossing(pen: ImageDraw.ImageDraw, around: Box) -> None:
        x0, y0, x1, y1 = around
        pen.rectangle((x0 - 12, y0 - 12, x1 + 12, y1 - 6), None, INK, 2)

    plain = ink_with("50419", size=120)
    differing = without_frames(ink_with("50419", crossing, size=120)).solid != plain.solid
    assert differing.sum() < 0.1 * plain.solid.sum()


@pytest.mark.parametrize("text", ["08", "60 90", "8888"])
def test_loops_are_no_frames(text: str) -> None:
    def dotted(pen: ImageDraw.ImageDraw, around: Box) -> None:
        x, y = around[0] + 17, (around[1] + around[3]) // 2
        pen.ellipse((x - 2, y - 2, x + 2, y + 2), INK)

    ink = ink_with(text, dotted)
    np.testing.assert_array_equal(without_frames(ink).solid, ink.solid)
