"""Tests of what makes a symbol a digit, and of the confidence of a text."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

import nnkit
from nnkit.reading.pretrained import DIGITS
from nnkit.reading.reader import networks_of
from nnkit.reading.result import Digit, Line, Reading, calibrated
from nnkit.reading.segmentation import read_picture, strips_of
from nnkit.reading.segmentation.cuts import Pieces, cut
from nnkit.reading.segmentation.path import PART, SIGN, Candidate, certainty
from nnkit.reading.segmentation.shape import is_bar, slashes, taller
from nnkit.reading.segmentation.stages import Stages

Rectangle = tuple[int, int, int, int]


def drawn(*bars: Rectangle) -> Image.Image:
    page = Image.new("L", (340, 140), 250)
    for bar in bars:
        ImageDraw.Draw(page).rectangle(bar, 20)
    return page


def pieces_of(picture: Image.Image) -> Pieces:
    (strip,) = strips_of(picture, Stages())
    return cut(strip)


@pytest.mark.parametrize(("width", "expected"), [(8, False), (40, True), (70, True)])
def test_a_broad_bar_is_no_digit(width: int, expected: bool) -> None:
    pieces = pieces_of(drawn(*((30 + 100 * i, 20, 30 + 100 * i + width, 110) for i in range(3))))
    assert [is_bar(pieces, (x0, y0, x1, y1)) for x0, y0, x1, y1 in pieces.boxes] == [expected] * 3


def test_four_black_bars_are_not_read() -> None:
    networks = networks_of(nnkit.load_checkpoint(DIGITS), (28, 28))
    bars = drawn(*((20 + 80 * i, 20, 60 + 80 * i, 110) for i in range(4)))
    assert read_picture(bars, networks).text == "????"


def typeset(text: str) -> Image.Image:
    page = Image.new("L", (60 * len(text), 140), 250)
    ImageDraw.Draw(page).text((30, 30), text, 20, ImageFont.load_default(60))
    return page


@pytest.mark.parametrize(
    ("heights", "tall"),
    [
        ([(7, 67), (13, 61), (13, 61), (13, 61), (7, 67)], "10001"),  # brackets
        ([(13, 61), (7, 61), (13, 61), (13, 61)], "0100"),  # a slash on the line
        ([(13, 61), (12, 61), (13, 61), (12, 62)], "0000"),  # round digits
        ([(7, 67), (13, 61)], "00"),  # too few to recognize print
    ],
)
def test_signs_taller_than_printed_digits(heights: list[tuple[int, int]], tall: str) -> None:
    boxes = [(30 * i, top, 30 * i + 20, bottom) for i, (top, bottom) in enumerate(heights)]
    assert "".join(str(int(found)) for found in taller(boxes)) == tall


def test_handwritten_symbols_are_never_taller() -> None:
    heights = [(0, 0, 20, 50), (30, 6, 50, 44), (60, -5, 80, 52), (90, 3, 99, 58)]
    assert not taller(heights).any()


@pytest.mark.parametrize(
    ("shift", "bend", "flag", "height", "expected"),
    [
        (25, 0, 6, 48, True),
        (-25, 0, 6, 48, True),
        (2, 0, 6, 48, False),  # an upright 1
        (25, 1.5, 6, 48, False),  # a handwritten 1, which is never quite straight
        (25, 0, 20, 48, False),  # a flag, as a 7 has
        (25, 0, 6, 42, False),  # handwriting, where heights differ
    ],
)
def test_a_slash_in_print_is_no_digit(
    shift: int, bend: float, flag: int, height: int, expected: bool
) -> None:
    stroke, block = np.zeros((48, 60)), np.ones((48, 30))
    for row in range(48):
        left = 25 + round(shift * (47 - row) / 47 + bend * np.sin(np.pi * row / 47))
        stroke[row, left : left + (flag if row < 4 else 6)] = 1
    boxes = [(0, 0, 30, 48), (40, 0, 80, 48), (90, 48 - height, 120, 48), (130, 0, 160, 48)]
    found = slashes([block, stroke, block, block], boxes)
    assert found.tolist() == [False, expected, False, False]


def candidate(first: int, last: int, whole: float) -> Candidate:
    verified = np.zeros(PART + 1)
    verified[SIGN], verified[PART] = whole, 1 - whole
    return Candidate(first, last, (0, 0, 1, 1), verified)


def test_a_path_is_certain_if_no_other_has_a_high_score() -> None:
    pieces = pieces_of(drawn((30, 20, 45, 110), (60, 20, 75, 110)))
    alone = [candidate(i, i, 0.99) for i in range(2)]
    sure = certainty(pieces, [*alone, candidate(0, 1, 0.01)])
    unsure = certainty(pieces, [*alone, candidate(0, 1, 0.99)])
    assert -0.1 < sure <= 0
    assert unsure < sure
    assert certainty(pieces, alone) == 0


def test_a_text_is_as_certain_as_all_of_it() -> None:
    line = Line("4?", (Digit("4", 0.9, (0, 0, 1, 1), "4"), Digit("?", 0.6, (2, 0, 3, 1), "1")))
    assert Reading((line,)).confidence is None
    found = [calibrated(doubt) for doubt in (0.0, 0.01, 0.5, 3.0, 50.0)]
    assert found == sorted(found, reverse=True)
    assert found[0] > 0.97
    assert found[-1] < 0.3
    assert Reading((line,), 0.5).confidence == found[2]


def test_a_rejected_symbol_counts() -> None:
    networks = networks_of(nnkit.load_checkpoint(DIGITS), (28, 28))
    reading = read_picture(typeset("358"), networks)
    rejected = read_picture(typeset("358"), networks, reject=1.0)
    assert rejected.text == "???"
    assert reading.confidence is not None
    assert rejected.confidence is not None
    assert rejected.confidence < 0.3 < 0.9 < reading.confidence
