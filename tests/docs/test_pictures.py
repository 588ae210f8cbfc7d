"""Tests of the pages' pictures: a command of the page draws each one, with the same result."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from docs.refresh import (
    BLOCK,
    PICTURE,
    ROOT,
    TABLE,
    checked_output,
    copy_of_repository,
    pages,
    pictures,
    prepare,
)
from nnkit.nn.params import Array

PAGES = {str(page.relative_to(ROOT)): page for page in pages() if pictures(page)}
BLOCK_SIDE = 12  # pixels; averages out differences between font versions
OF_LONG_TRAININGS = {"attention.png"}  # drawn by the last command of its section under another name
TOLERANCE = 12  # grey levels between the means of two blocks


def drawing(text: str) -> list[str]:
    """Returns the commands of a page that draw pictures into docs/."""
    shown = (
        command for block in BLOCK.finditer(text) for command in block["argument"].split(" ;; ")
    )
    tables = [found["command"] for found in TABLE.finditer(text)]
    return [
        *(command for command in shown if " -o docs/" in command),
        *(command for command in tables if command.startswith("python -m docs.")),
        *PICTURE.findall(text),
    ]


def blocks(path: Path) -> Array:
    """Computes the mean grey level of each block of pixels."""
    with Image.open(path) as picture:
        grey = picture.convert("L")
    size = (-(-grey.width // BLOCK_SIDE), -(-grey.height // BLOCK_SIDE))
    return np.asarray(grey.resize(size, Image.Resampling.BOX), dtype=float)


def words(path: Path) -> set[str]:
    """Returns the words in an SVG, from text or from comments beside matplotlib's glyphs."""
    text = path.read_text(encoding="utf-8").replace("&#160;", " ")
    shown = re.findall(r"<!-- (.+?) -->|>([^<]+)</text>", text)
    without_hashes = re.sub(r"-[0-9a-f]{8}\b", "", " ".join(map("".join, shown)))
    return set(re.findall(r"[a-z][a-z./-]+", without_hashes))


def alike(shown: Path, anew: Path) -> bool:
    """Whether two pictures agree, up to differences in fonts and rounding."""
    if shown.suffix == ".svg":
        return words(shown) == words(anew)
    before, now = blocks(shown), blocks(anew)
    return before.shape == now.shape and float(np.abs(before - now).max()) < TOLERANCE


def test_all_pictures_of_docs_are_on_a_page() -> None:
    shown = {path.resolve() for page in PAGES.values() for path in pictures(page)}
    there = {p for kind in ("png", "svg") for p in (ROOT / "docs").rglob(f"*.{kind}")}
    assert shown == there


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_pictures_look_as_drawn_anew(name: str, tmp_path: Path) -> None:
    page = PAGES[name]
    text = page.read_text(encoding="utf-8")
    copy = copy_of_repository(tmp_path)
    prepare(text, copy)
    anew = {
        shown: copy / shown.relative_to(ROOT)
        for shown in pictures(page)
        if shown.name not in OF_LONG_TRAININGS
    }
    for picture in anew.values():
        picture.unlink()
    for command in drawing(text):
        checked_output(command, copy)
    for shown, picture in anew.items():
        assert alike(shown, picture), f"`python docs/refresh.py {name}` draws {shown.name} anew"


def test_a_difference_is_seen(tmp_path: Path) -> None:
    shown, changed = ROOT / "docs" / "reading" / "line.png", tmp_path / "line.png"
    with Image.open(shown) as picture:
        page = picture.copy()
    page.save(changed)
    assert alike(shown, changed)
    ImageDraw.Draw(page).text((150, 10), "88", fill="black")
    page.save(changed)
    assert not alike(shown, changed)
    page.crop((0, 0, 200, 100)).save(changed)
    assert not alike(shown, changed)
