"""Draws the printed digits and signs on which the reader is trained: `data/printed-digits.npz`.

    pip install font-fredoka-one font-hanken-grotesk font-lato font-manrope font-roboto \
        font-source-serif-pro matplotlib
    python -m tools.printed_digits FOLDER …

A FOLDER is searched for font files, such as the site-packages of these packages. The committed
file was drawn from the families in `FAMILIES`, which are under the SIL Open Font License, the
Apache License 2.0 (Roboto) or the Bitstream Vera licence (DejaVu); Courier Prime, Inter, Cantarell
and Liberation are from the Debian packages `fonts-…`. Other families, such as those by which
`benchmarks.printed` tests, are never drawn from.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from nnkit.reading.verifier.signs import FINE, HEIGHT, SIDE, Array

FAMILIES = {  # licence of each family, by the beginning of its files' names
    "Cantarell": "OFL-1.1",
    "Courier Prime": "OFL-1.1",
    "DejaVu": "Bitstream-Vera",
    "FredokaOne": "OFL-1.1",
    "HankenGrotesk": "OFL-1.1",
    "Inter-": "OFL-1.1",
    "Lato": "OFL-1.1",
    "Liberation": "OFL-1.1",
    "Manrope": "OFL-1.1",
    "Roboto": "Apache-2.0",
    "STIXGeneral": "OFL-1.1",
    "SourceSerifPro": "OFL-1.1",
}
DIGITS = "0123456789"
SAMPLE = 200  # font size at which proportions are measured
SIGNS = "()[]/$-+=#%&*"
TALL = 40  # side of a sign's image, with room above and below the digits' height of 20
UNEVEN = 0.1  # largest difference in height between digits of a face, relative to 0
TARGET = Path("data/printed-digits.npz")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.printed_digits", description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    options = parser.parse_args()
    images: list[Array] = []
    signs: list[Array] = []
    faces: list[str] = []
    for path in font_files(options.folders):
        font = sized(path)
        if font is None:
            continue
        images += [drawn(digit, font, SIDE, digit) for digit in DIGITS]
        signs += [drawn(sign, font, TALL, "0") for sign in SIGNS]
        faces.append(path.stem)
    np.savez_compressed(
        TARGET,
        images=np.stack(images),
        labels=np.tile(np.arange(10, dtype=np.uint8), len(faces)),
        signs=np.stack(signs),
        faces=np.array(faces),
    )
    print(f"{TARGET}: {len(images):,} digits and {len(signs):,} signs of {len(faces)} faces")


def font_files(folders: list[Path]) -> list[Path]:
    """The font files of the families, one per face, by name."""
    found: dict[str, Path] = {}
    for folder in folders:
        for path in sorted(folder.rglob("*.[ot]tf")):
            if path.stem.startswith(tuple(FAMILIES)):
                found.setdefault(path.stem, path)
    return [found[name] for name in sorted(found)]


def sized(path: Path) -> ImageFont.FreeTypeFont | None:
    """A face in the size of digits; None if it has old-style figures or lacks some digits."""
    sample = ImageFont.truetype(str(path), SAMPLE)
    heights = [top_to_bottom(sample, digit) for digit in DIGITS]
    if min(heights) <= (1 - UNEVEN) * heights[0] or max(heights) > (1 + UNEVEN) * heights[0]:
        return None
    return ImageFont.truetype(str(path), round(SAMPLE * HEIGHT * FINE / heights[0]))


def drawn(character: str, font: ImageFont.FreeTypeFont, side: int, centred: str) -> Array:
    """An image of a character, light on black, (side, side); a 0 is 20 pixels high.

    Horizontally it is in the middle; vertically, the character `centred` would be.
    """
    page = Image.new("L", (side * FINE, side * FINE))
    x0, _, x1, _ = font.getbbox(character)
    _, top, _, bottom = font.getbbox(centred)
    place = side * FINE / 2 - (x0 + x1) / 2, side * FINE / 2 - (top + bottom) / 2
    ImageDraw.Draw(page).text(place, character, fill=255, font=font)
    image = np.asarray(page.resize((side, side), Image.Resampling.BOX), dtype=np.float64)
    # The strokes of light faces are thinner than a pixel, and would be grey
    return np.rint(image * 255 / max(image.max(), 1)).astype(np.uint8)


def top_to_bottom(font: ImageFont.FreeTypeFont, character: str) -> float:
    """The height of a character's ink."""
    _, top, _, bottom = font.getbbox(character)
    return float(bottom - top)


if __name__ == "__main__":
    main()
