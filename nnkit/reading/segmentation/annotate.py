"""Annotates a picture with the digits that were read."""

from __future__ import annotations

from PIL import Image, ImageDraw, ImageFont

from nnkit.reading.result import UNREADABLE, Reading

READ, REJECTED = (0, 114, 178), (213, 94, 0)  # blue and vermilion of Okabe & Ito (2008)
LABEL = 0.5  # height of a label relative to its digit …
SMALLEST, LARGEST = 11, 80  # … in pixels at least and at most


def annotated(picture: Image.Image, reading: Reading) -> Image.Image:
    """Returns a copy of the picture with a box, a label and, if read, a percentage for each digit.

    The copy has additional space at the top for the labels of the first line.
    """
    heights = sorted(digit.box[3] - digit.box[1] for digit in reading.digits) or [0]
    size = min(max(round(LABEL * heights[len(heights) // 2]), SMALLEST), LARGEST)
    room = round(1.3 * size)
    page = Image.new("RGB", (picture.width, picture.height + room), "white")
    page.paste(picture, (0, room))
    pen = ImageDraw.Draw(page)
    font = ImageFont.load_default(size)
    small = ImageFont.load_default(max(SMALLEST - 2, round(0.5 * size)))
    for digit in reading.digits:
        x0, y0, x1, y1 = digit.box
        colour = REJECTED if digit.label == UNREADABLE else READ
        pen.rectangle((x0, y0 + room, x1 - 1, y1 + room - 1), outline=colour)
        pen.text((x0, y0 + room), digit.label, fill=colour, font=font, anchor="lb")
        if digit.confidence is not None and digit.label != UNREADABLE:
            right = x0 + pen.textlength(digit.label, font=font) + 2
            percent = f"{100 * digit.confidence:.0f}"
            pen.text((right, y0 + room - 1), percent, fill=colour, font=small, anchor="lb")
    return page
