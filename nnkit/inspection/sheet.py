"""Contact sheets: small pictures in a grid, as an image or in braille dots for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from nnkit.charts import BRAILLE
from nnkit.data.dataset import Array
from nnkit.errors import UsageError
from nnkit.files import WriteFile, write_atomic

TILE = 84  # approximate length of the longer side of a small picture, in pixels
GAP = 6
FONT_SIZE = 12
CAPTION = 16  # pixels
WIDEST = 48  # maximal width of a picture in dots; wider ones are scaled down


@dataclass(frozen=True, slots=True)
class Sheet:
    """Pictures of equal size in rows.

    Attributes:
        pictures: grey or colour pictures, all of the same size.
        captions: the text below each picture.
        columns: pictures per row.
    """

    pictures: Sequence[Image.Image]
    captions: Sequence[str]
    columns: int

    def rows(self) -> Iterator[list[tuple[Image.Image, str]]]:
        """Yields the pictures with their captions, row by row."""
        cells = list(zip(self.pictures, self.captions, strict=True))
        for start in range(0, len(cells), self.columns):
            yield cells[start : start + self.columns]


def pictures_of(X: Array, low: float, high: float) -> list[Image.Image]:
    """Converts samples (n, H, W) or (n, C, H, W) to pictures; low is black, high is white.

    Three channels are shown as red, green and blue; any other number is averaged to grey.
    """
    X = X.reshape(len(X), -1, *X.shape[-2:]).astype(np.float64)
    spread = 255 / (high - low) if high > low else 0.0
    levels = np.rint(np.clip((X - low) * spread, 0, 255))
    if X.shape[1] == 3:
        return [Image.fromarray(i) for i in np.moveaxis(levels, 1, -1).astype(np.uint8)]
    return [Image.fromarray(i) for i in levels.mean(axis=1).astype(np.uint8)]


def draw(sheet: Sheet) -> Image.Image:
    """Draws the sheet as one image; each pixel of a picture is enlarged to a square."""
    width, height = sheet.pictures[0].size
    zoom = max(1, round(TILE / max(width, height)))
    step_x, step_y = width * zoom + GAP, height * zoom + GAP + CAPTION
    rows = list(sheet.rows())
    size = (len(rows[0]) * step_x + GAP, len(rows) * step_y + GAP)
    whole = Image.new("RGB", size, "white")
    pen, font = ImageDraw.Draw(whole), ImageFont.load_default(FONT_SIZE)
    for i, row in enumerate(rows):
        for j, (picture, caption) in enumerate(row):
            at = (GAP + j * step_x, GAP + i * step_y)
            enlarged = picture.resize((width * zoom, height * zoom), Image.Resampling.NEAREST)
            whole.paste(enlarged, at)
            shown = _fitting(caption, step_x - GAP, font)
            pen.text((at[0], at[1] + height * zoom + 1), shown, fill="black", font=font)
    return whole


def write_sheet(sheet: Sheet, path: Path, write: WriteFile = write_atomic) -> None:
    """Draws the sheet into a .png file.

    Args:
        sheet: the sheet.
        path: the file.
        write: writes a file.

    Raises:
        UsageError: the file name does not end in .png.
        OSError: the file cannot be written.
    """
    if path.suffix.lower() != ".png":
        raise UsageError(f"{path}: the picture's name must end in .png")
    content = BytesIO()
    draw(sheet).save(content, format="png", optimize=True)
    write(path, content.getvalue())


def _fitting(text: str, width: int, font: ImageFont.ImageFont | ImageFont.FreeTypeFont) -> str:
    """Truncates the text, with an ellipsis, to a width in pixels."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"


def in_dots(sheet: Sheet) -> Iterator[str]:
    """Yields the sheet as lines of braille characters; light pixels are dots."""
    for row in sheet.rows():
        tiles = [_braille(picture) for picture, _ in row]
        for lines in zip(*tiles, strict=True):
            yield "  ".join(lines).rstrip()
        width = len(tiles[0][0])
        if any(caption for _, caption in row):
            yield "  ".join(caption[:width].ljust(width) for _, caption in row).rstrip()


def columns_in(width: int, pixels: int) -> int:
    """The number of pictures, `pixels` wide, that fit side by side into `width` characters."""
    return max(1, (width + 2) // (-(-min(pixels, WIDEST) // 2) + 2))


def _small(picture: Image.Image) -> Image.Image:
    factor = min(1.0, WIDEST / picture.width)
    size = (round(picture.width * factor), max(1, round(picture.height * factor)))
    return picture.convert("L").resize(size, Image.Resampling.BOX)


def _braille(picture: Image.Image) -> list[str]:
    """Converts a picture to lines of braille characters (2 × 4 dots each), with dithering."""
    lit = np.asarray(_small(picture).convert("1"))
    height, width = (-(-lit.shape[0] // 4), -(-lit.shape[1] // 2))
    padded = np.zeros((height * 4, width * 2), dtype=int)
    padded[: lit.shape[0], : lit.shape[1]] = lit
    letters = padded.reshape(height, 4, width, 2).swapaxes(1, 2)
    patterns = (letters * BRAILLE).sum(axis=(2, 3))
    return ["".join(chr(0x2800 + p) if p else " " for p in line) for line in patterns]
