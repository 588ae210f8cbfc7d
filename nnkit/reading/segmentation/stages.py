"""Intermediate pictures of each stage of reading, for inspection."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from nnkit.data.dataset import Array
from nnkit.files import WriteFile, write_atomic

RED = (213, 30, 40)


class Stages:
    """Base class that ignores all stages; `StageFiles` saves them."""

    def show(self, name: str, values: Array) -> None:
        """Receives grey values (h, w) in 0 … 255, or a mask, which is drawn black on white."""

    def show_marked(self, name: str, ink: Array, marks: list[list[tuple[float, float]]]) -> None:
        """Receives ink (h, w) in 0 … 1, with polylines of points (x, y) to draw over it."""


class StageFiles(Stages):
    """Writes each stage to a folder as a numbered PNG file, such as 01-grey.png."""

    def __init__(self, folder: Path, write: WriteFile = write_atomic) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._write = write
        self._shown = 0

    def show(self, name: str, values: Array) -> None:
        if values.dtype == bool:
            values = np.where(values, 0, 255)
        self._save(name, Image.fromarray(np.clip(values, 0, 255).astype(np.uint8)))

    def show_marked(self, name: str, ink: Array, marks: list[list[tuple[float, float]]]) -> None:
        grey = 255 - np.clip(200 * ink, 0, 200)
        picture = Image.fromarray(grey.astype(np.uint8)).convert("RGB")
        pen = ImageDraw.Draw(picture)
        for mark in marks:
            pen.line(mark, fill=RED, width=max(1, max(picture.size) // 600))
        self._save(name, picture)

    def _save(self, name: str, picture: Image.Image) -> None:
        self._shown += 1
        content = BytesIO()
        picture.save(content, format="png")
        self._write(self._folder / f"{self._shown:02}-{name}.png", content.getvalue())


def outline(box: tuple[float, float, float, float]) -> list[tuple[float, float]]:
    """The corners of a box x0, y0, x1, y1 as a line around it."""
    x0, y0, x1, y1 = box
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)]
