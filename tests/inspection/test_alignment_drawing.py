"""Tests of drawings of attention: pictures with named axes, and upright symbols if they fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nnkit.inference.text_alignment import TextAlignment
from nnkit.inspection.alignment_drawing import draw_alignment


@pytest.mark.slow
@pytest.mark.parametrize(("source", "turned"), [(("a", "␣", "b"), False), (("ab", "cde"), True)])
def test_a_picture_names_its_axes_and_turns_long_symbols(
    tmp_path: Path, source: tuple[str, ...], turned: bool
) -> None:
    weights = np.full((2, len(source)), 1 / len(source))
    path = tmp_path / "attention.svg"
    draw_alignment(TextAlignment(source, ("x", "<end>"), weights), path)
    drawn = path.read_text(encoding="utf-8")
    for words in ("source", "written text", "attention", "x", *source):
        assert f"<!-- {words} -->" in drawn
    symbol = drawn.split(f"<!-- {source[0]} -->")[1].split("</g>")[0]
    assert ("rotate(-90)" in symbol) is turned
