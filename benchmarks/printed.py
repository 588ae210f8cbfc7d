"""Measures how well printed numbers are read, by font: `python -m benchmarks.printed`.

Numbers of five digits are typeset in fonts on which the networks were not trained, and counted as
read if the whole text is correct. Then numbers of four digits are typeset with a sign, and counted
as read if it is `?` and all digits are correct. The fonts are in packages:

    pip install font-caladea font-fjallaone font-rhd font-source-sans-pro

Aileron is Pillow's own. Any other font files can be given instead.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from benchmarks.pictures import reader
from nnkit.optional import optional
from nnkit.reading.pretrained import DIGITS
from nnkit.reading.result import UNREADABLE
from nnkit.reading.segmentation import Networks, read_picture
from nnkit.reading.verifier.compose import PLAIN, Condition, on_paper, tilted

SEED = 5
FONTS: Mapping[str, str] = {  # a package, and the file in it
    "Caladea": "font_caladea/Caladea-Regular.ttf",
    "Fjalla One": "font_fjallaone/FjallaOne-Regular.ttf",
    "Red Hat Display": "font_rhd/RedHatDisplay-Regular.ttf",
    "Source Sans Pro": "font_source_sans_pro/SourceSansPro-Regular.ttf",
}
PATTERNS = ("00/00", "00-00", "00+00", "00=00", "$0000", "(0000)", "[0000]", "#0000", "0000%")
CAPITAL = 0.72  # height of a digit, relative to the font size


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.printed", description=__doc__)
    parser.add_argument("fonts", nargs="*", type=Path, metavar="FILE", help="default: those above")
    parser.add_argument("--checkpoint", default=str(DIGITS), help="default: the included network")
    parser.add_argument(
        "--pictures", type=int, default=200, help="per font, and per sign; default 200"
    )
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args()
    networks = reader(options.checkpoint)
    fonts = {path.stem: str(path) for path in options.fonts} or font_files()
    print("| font | pictures | whole text |")
    print("|---|---:|---:|")
    for name, path in fonts.items():
        rng = np.random.default_rng(options.seed)
        read = [
            is_read(numbered(rng, "00000"), path, networks, rng) for _ in range(options.pictures)
        ]
        print(row(name, read), flush=True)
    print()
    print("| sign | pictures | whole text |")
    print("|---|---:|---:|")
    for pattern in PATTERNS:
        rng = np.random.default_rng(options.seed)
        read = [
            is_read(numbered(rng, pattern), path, networks, rng)
            for path in fonts.values()
            for _ in range(options.pictures // len(fonts))
        ]
        print(row(f"`{pattern}`", read), flush=True)


def row(name: str, read: list[bool]) -> str:
    """Formats a row of the tables."""
    return f"| {name} | {len(read)} | {100 * np.mean(read):.1f} % |"


def numbered(rng: np.random.Generator, pattern: str) -> str:
    """Replaces each 0 of a pattern by a random digit."""
    return "".join(str(rng.integers(10)) if sign == "0" else sign for sign in pattern)


def is_read(text: str, path: str | None, networks: Networks, rng: np.random.Generator) -> bool:
    """Whether a printed text is read, with `?` for each sign; spaces do not matter."""
    found = read_picture(typeset(text, path, PLAIN, rng), networks).text.replace(" ", "")
    return found == re.sub("[^0-9]", UNREADABLE, text)


def font_files() -> dict[str, str | None]:
    """The file of each font by name; None for Pillow's own."""
    found: dict[str, str | None] = {"Aileron": None}
    for name, place in FONTS.items():
        package, file = place.split("/")
        module = optional(package, f"typesetting in {name}")
        found[name] = str(Path(str(module.__file__)).parent / "files" / file)
    return found


def typeset(
    text: str, path: str | None, condition: Condition, rng: np.random.Generator
) -> Image.Image:
    """A picture of a printed text, on paper under a condition."""
    size = rng.uniform(*condition.size)
    points = size / CAPITAL
    font = ImageFont.load_default(points) if path is None else ImageFont.truetype(path, points)
    x0, y0, x1, y1 = (int(side) for side in font.getbbox(text))
    margin = round(size * rng.uniform(0.4, 1))
    page = Image.new("L", (x1 - x0 + 2 * margin, y1 - y0 + 2 * margin))
    ImageDraw.Draw(page).text((margin - x0, margin - y0), text, fill=255, font=font)
    ink = np.asarray(page, dtype=np.float64) / 255
    ink, _ = tilted(ink, [], rng.uniform(-condition.tilt, condition.tilt))
    return on_paper(ink, size, condition, rng)


if __name__ == "__main__":
    main()
