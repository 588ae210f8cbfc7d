"""Draws the pictures of docs/reading.md, docs/reading/*.png: `python -m docs.stages`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from docs.refresh import ROOT
from nnkit.data.sources.mnist import Mnist
from nnkit.reading.segmentation.path import SIGN
from nnkit.reading.verifier.compose import CONDITIONS, compose_these
from nnkit.reading.verifier.signs import drawn_sign

SHOWN = ROOT / "docs" / "reading"
PLAIN = ROOT / "data" / "pictures" / "50419.png"
RULED = ROOT / "data" / "pictures" / "271828-ruled.png"
MIXED = "A4x8&R2"  # letters and signs among digits

# The figures of the page by name: captions, and the pictures below them.
FIGURES = {
    "annotated": [("", "read/50419"), ("", "read/271828-ruled")],
    "slip": [("", "stages/slip/01-slip")],
    "ink": [
        ("grey values", "stages/50419/01-grey"),
        ("light of the paper", "stages/50419/02-paper"),
        ("ink", "stages/50419/03-ink"),
    ],
    "rules": [
        ("ink", "stages/271828-ruled/03-ink"),
        ("without the ruled lines", "stages/271828-ruled/04-without-rules"),
    ],
    "line": [("", "stages/50419/06-lines")],
    "cuts": [("", "stages/271828-ruled/07-cuts-1")],
    "signs": [("", "read/signs")],
}
WIDTHS = {"ink": 280, "rules": 360, "line": 280}  # width of each picture of a figure, in pixels
GAP, CAPTION = 20, 22  # space between pictures and height of a caption, in pixels


def main() -> None:
    """Runs nnkit on four pictures and composes figures from its drawings."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        on_a_desk(Image.open(PLAIN).convert("L")).save(work / "slip.png")
        among_signs(MIXED).save(work / "signs.png")
        pictures = [PLAIN, RULED, work / "slip.png", work / "signs.png"]
        command = [sys.executable, "-m", "nnkit", "predict", *map(str, pictures)]
        drawn = ["--annotate", f"{work}/read", "--debug-dir", f"{work}/stages"]
        subprocess.run([*command, *drawn], check=True, stdout=subprocess.DEVNULL)
        for name, parts in FIGURES.items():
            opened = [(caption, Image.open(work / f"{part}.png")) for caption, part in parts]
            if name in WIDTHS:
                for _, picture in opened:
                    picture.thumbnail((WIDTHS[name], WIDTHS[name]))
            figure(opened).save(SHOWN / f"{name}.png")


def on_a_desk(slip: Image.Image) -> Image.Image:
    """Places a slip, slightly rotated, on a darker desk under uneven light."""
    light = np.linspace(80, 120, 480) + np.random.default_rng(0).normal(scale=2, size=(320, 480))
    desk = Image.fromarray(light.astype(np.uint8))
    slip = slip.resize((slip.width * 3 // 4, slip.height * 3 // 4))
    turn, smooth = 4, Image.Resampling.BICUBIC
    inside = Image.new("L", slip.size, 255).rotate(turn, smooth, expand=True)
    desk.paste(slip.rotate(turn, smooth, expand=True), (80, 90), inside)
    return desk


def among_signs(text: str) -> Image.Image:
    """Composes a row of MNIST digits with drawn letters and signs."""
    rng = np.random.default_rng(3)
    samples = Mnist().load().test
    assert samples is not None
    images, labels = np.asarray(samples.inputs)[:, 0], np.asarray(samples.targets)
    row = [
        rng.choice(images[labels == int(sign)]) if sign.isdigit() else drawn_sign(rng, sign)
        for sign in text
    ]
    numbers = [int(sign) if sign.isdigit() else SIGN for sign in text]
    return compose_these(np.stack(row), np.array(numbers), CONDITIONS["paper"], rng).picture


def figure(pictures: Sequence[tuple[str, Image.Image]]) -> Image.Image:
    """Places pictures side by side on white, each below its caption."""
    above = CAPTION if any(caption for caption, _ in pictures) else 0
    width = sum(picture.width + GAP for _, picture in pictures) - GAP
    height = above + max(picture.height for _, picture in pictures)
    row = Image.new("RGB", (width, height), "white")
    left, pen = 0, ImageDraw.Draw(row)
    for caption, picture in pictures:
        pen.text((left, 0), caption, fill="black", font=ImageFont.load_default(15))
        row.paste(picture, (left, above))
        left += picture.width + GAP
    return row


if __name__ == "__main__":
    main()
