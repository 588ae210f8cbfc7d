"""Data for starter configs, and their configs as they are loaded."""

from __future__ import annotations

from pathlib import Path

import nnkit
from nnkit.task.config import Config
from nnkit.task.starters.starter import Starter
from tests.inference.text_models import sentences


def table(kind: str) -> str:
    """A table of numbered sentences, with their class or half of a number before them."""
    rows = (line.split("\t") for line in sentences(kind).splitlines())
    half = ".5" if kind == "number" else ""
    cells = (f'{i},{mark}{half},"{text}, {i}"' for i, (text, mark) in enumerate(rows))
    return "\n".join(["id,mark,text", *cells])


def loaded(starter: Starter, folder: Path) -> Config:
    """The config of a starter, from a file in a folder."""
    (folder / "a.yaml").write_text(starter.text, encoding="utf-8")
    return nnkit.load_config(folder / "a.yaml")
