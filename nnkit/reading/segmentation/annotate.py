"""Annotates a picture with the digits that were read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from nnkit.reading.result import UNREADABLE, Box, Digit, Reading

READ, REJECTED = (0, 114, 178), (213, 94, 0)  # blue and vermilion of Okabe & Ito (2008)
LABEL = 0.5  # height of a label relative to its digit …
SMALLEST, LARGEST = 11, 160  # … in pixels at least and at most
PERCENT = 0.5  # height of a percentage, relative to the label
FINEST = 40  # height of a digit relative to the thickness of the boxes' lines


@dataclass(frozen=True, slots=True)
class _Label:
    """A digit's label and percentage, with the place of both in the picture."""

    digit: Digit
    percent: str
    place: Box


def annotated(picture: Image.Image, reading: Reading) -> Image.Image:
    """Returns a copy of the picture with a box, a label and, if read, a percentage for each digit.

    Labels are above their boxes, one above another where they would overlap. The copy has
    additional space at the top if those of the first line need it.
    """
    heights = sorted(digit.box[3] - digit.box[1] for digit in reading.digits) or [0]
    height = heights[len(heights) // 2]
    size = min(max(round(LABEL * height), SMALLEST), LARGEST)
    thickness = max(1, round(height / FINEST))
    fonts = [_font(size), _font(max(SMALLEST - 2, size * PERCENT))]
    labels = list(_placed(reading.digits, picture.width, thickness, fonts))
    room = max(0, -min((label.place[1] for label in labels), default=0))
    page = Image.new("RGB", (picture.width, picture.height + room), "white")
    page.paste(picture, (0, room))
    pen = ImageDraw.Draw(page)
    for label in labels:
        colour = REJECTED if label.digit.label == UNREADABLE else READ
        x0, y0, x1, y1 = label.digit.box
        frame = (
            x0 - thickness,
            y0 + room - thickness,
            x1 + thickness - 1,
            y1 + room + thickness - 1,
        )
        pen.rectangle(frame, outline=colour, width=thickness)
        left, _, right, base = label.place
        for text, font, x, anchor in (
            (label.digit.label, fonts[0], left, "lb"),
            (label.percent, fonts[1], right, "rb"),
        ):
            pen.text(
                (x, base + room),
                text,
                colour,
                font,
                anchor,
                stroke_width=thickness,
                stroke_fill="white",
            )
    return page


def _font(size: float) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font


def _placed(
    digits: Sequence[Digit],
    width: int,
    thickness: int,
    fonts: Sequence[ImageFont.FreeTypeFont],
) -> Iterator[_Label]:
    """Places the labels above their boxes, within the picture's width and beside each other."""
    taken: list[Box] = []
    large, small = fonts
    for digit in digits:
        known = digit.confidence is not None and digit.label != UNREADABLE
        percent = f"{100 * (digit.confidence or 0):.0f}" if known else ""
        long = round(large.getlength(digit.label) + small.getlength(percent)) + 3 * thickness
        tall = round(1.1 * large.size)
        left = max(0, min(digit.box[0], width - long))
        bottom = digit.box[1] - 2 * thickness
        place = left, bottom - tall, left + long, bottom
        while above := [other for other in taken if _overlap(place, other)]:
            bottom = min(other[1] for other in above)
            place = left, bottom - tall, left + long, bottom
        taken.append(place)
        yield _Label(digit, percent, place)


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
