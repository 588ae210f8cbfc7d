"""Draw the hand-written-looking digits of this folder with Pillow and NumPy.

Run ``python draw.py [FOLDER]``; the pictures go to FOLDER, or beside this file. Every
picture has its own fixed seed: with the same NumPy and Pillow, every run gives the same
files.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageDraw

Floats = NDArray[np.float64]

SUPERSAMPLE = 6
TREMBLE = 0.03  # of the hand, as a part of the height of the digit

# Each digit is one or more pen strokes through points x,y in hundredths of the digit's
# height, from its upper left corner. A sharp corner takes two strokes that meet there.
STROKES: dict[int, list[str]] = {
    0: [
        "41,01 21,08 06,32 02,60 10,87 29,99 48,90 60,66 62,38 56,14 45,03 35,02",
    ],
    2: [
        "05,24 14,07 32,00 50,07 55,25 46,47 27,72 02,97",
        "02,97 20,94 42,97 66,95",
    ],
    3: [
        "07,12 20,02 38,01 52,12 50,30 36,43 20,47",
        "20,47 40,47 55,58 58,76 46,93 26,99 03,91",
    ],
    4: [
        "13,03 09,22 04,43 09,54 25,55 42,53 61,51",
        "55,02 53,30 49,62 47,100",
    ],
    5: [
        "12,03 10,20 06,43",
        "06,43 20,37 38,38 53,50 56,70 45,90 25,99 02,93",
        "12,03 30,04 58,01",
    ],
    7: [
        "02,07 20,04 40,05 58,02",
        "58,02 49,26 35,55 26,80 21,100",
    ],
    8: [
        "50,10 31,00 11,10 15,30 44,53 54,78 30,100 06,90 09,66 40,37 54,22 50,10",
    ],
    9: [
        "52,16 40,02 21,02 06,16 05,35 18,47 36,44 48,31 52,16",
        "52,16 50,38 46,66 44,100",
    ],
}


@dataclass(frozen=True)
class Picture:
    """One picture: the digit, the page it is on and the pen it is drawn with."""

    name: str
    size: tuple[int, int]  # the page, width and height in pixels
    corner: tuple[float, float]  # the upper left corner of the digit's box
    height: float  # of the digit, in pixels
    pen: float  # the width of the line, as a part of the height
    ink: str
    paper: str | None  # None: transparent
    slant: float = 0.1  # how far the top leans to the right, as a part of the height
    grain: float = 0.0  # roughness of the line: 0 a felt-tip, towards 1 chalk


PICTURES = [
    Picture("7.png", (200, 260), (52, 44), 168, 0.12, "#1c1c20", "#fafaf7"),
    Picture("3-chalk.png", (320, 320), (96, 55), 208, 0.12, "#eee", "#232", 0.1, 0.5),
    Picture("5-blue-ink.jpg", (420, 360), (125, 70), 220, 0.11, "#203696", "#f7e4a8"),
    Picture("2-transparent.png", (180, 220), (42, 40), 138, 0.13, "#14143c", None),
    Picture("0-large.png", (640, 480), (416, 70), 150, 0.12, "#282828", "#ffffff"),
    Picture("4.webp", (280, 340), (70, 65), 205, 0.11, "#464646", "#d0d0d0", 0.06),
    Picture("9.png", (120, 160), (33, 27), 106, 0.12, "#0a0a0a", "#ffffff", 0.08),
    Picture("8-small.png", (40, 60), (8, 11), 38, 0.13, "#231e1e", "#f4f2ee"),
]


def smooth(points: Floats, steps: int = 60) -> Floats:
    """Return a dense Catmull-Rom curve through the points."""
    ends = 2 * points[[0, -1]] - points[[1, -2]]
    padded = np.vstack([ends[:1], points, ends[1:]])
    t = np.linspace(0.0, 1.0, steps)[:, None]
    pieces = []
    for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        bend = (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * (b - c) + d - a) * t**3
        pieces.append(b + 0.5 * ((c - a) * t + bend))
    return np.vstack(pieces)


def waves(count: int, length: float, rng: np.random.Generator) -> Floats:
    """Return a slow random wave of unit size along a stroke, as a hand trembles."""
    along = np.linspace(0.0, length, count)
    turns, phases = rng.uniform(0.4, 1.6, 3), rng.uniform(0.0, 2 * np.pi, 3)
    wave: Floats = np.sin(2 * np.pi * np.outer(along, turns) + phases).mean(axis=1)
    return wave


def coverage(picture: Picture, rng: np.random.Generator) -> Floats:
    """Return how much of each pixel the pen covers, from 0 to 1."""
    width, height = (side * SUPERSAMPLE for side in picture.size)
    sheet = Image.new("L", (width, height))
    pencil = ImageDraw.Draw(sheet)
    scale = picture.height * SUPERSAMPLE
    origin = np.array(picture.corner) * SUPERSAMPLE
    for stroke in STROKES[int(picture.name[0])]:
        pairs = [pair.split(",") for pair in stroke.split()]
        path = smooth(np.array(pairs, dtype=np.float64) / 100)
        length = np.hypot(*np.diff(path, axis=0).T).sum()
        # No tremble at the ends, so that strokes that meet still meet.
        fade = np.sin(np.linspace(0.0, np.pi, len(path))) * TREMBLE
        path[:, 0] += fade * waves(len(path), length, rng)
        path[:, 1] += fade * waves(len(path), length, rng)
        path[:, 0] += picture.slant * (0.5 - path[:, 1])
        radii = picture.pen / 2 * scale * (1 + 0.08 * waves(len(path), length, rng))
        for (x, y), r in zip(origin + path * scale, radii, strict=True):
            pencil.ellipse((x - r, y - r, x + r, y + r), fill=255)
    covered = np.asarray(sheet.reduce(SUPERSAMPLE), dtype=np.float64) / 255
    if picture.grain:
        rough = rng.random(covered.shape)
        rough = (rough + np.roll(rough, 1, 0) + np.roll(rough, 1, 1)) / 3
        covered = covered * np.clip(1.25 - picture.grain * 1.5 * rough, 0.0, 1.0)
    return covered


def draw(picture: Picture, seed: int) -> Image.Image:
    """Draw one picture."""
    rng = np.random.default_rng(seed)
    covered = coverage(picture, rng)[..., None]
    ink = np.ones_like(covered) * ImageColor.getrgb(picture.ink)
    if picture.paper is None:
        pixels = np.concatenate([ink, covered * 255], axis=2)
    else:
        paper = np.ones_like(covered) * ImageColor.getrgb(picture.paper)
        pixels = ink * covered + paper * (1 - covered)
        if picture.name.endswith((".jpg", ".webp")):  # like a photograph or a scan
            pixels += rng.normal(0.0, 2.5, covered.shape)
    return Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8))


def main() -> None:
    """Write all the pictures."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    for seed, picture in enumerate(PICTURES):
        draw(picture, seed).save(folder / picture.name, quality=88)


if __name__ == "__main__":
    main()
