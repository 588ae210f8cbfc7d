"""Tests of text for files and terminals that do not support every character."""

from __future__ import annotations

import json
import os
from math import inf, nan
from pathlib import Path

import pytest

import nnkit
from nnkit.text import STAND_IN, as_json, legible

NAME = os.fsdecode(b"caf\xe9 \xf0\x9f\x98\x80.png")  # é is not valid UTF-8, 😀 is


def test_bytes_of_a_name_that_are_not_utf_8_are_escaped() -> None:
    assert legible(NAME) == r"caf\xe9 😀.png"
    assert legible("a \ud800 b") == r"a \ud800 b"
    assert legible("größe 日本") == "größe 日本"


def test_json_is_ascii_without_lone_surrogates() -> None:
    text = as_json({NAME: [NAME, (1, 2.5, None, True)]})
    assert text.isascii()
    assert json.loads(text) == {r"caf\xe9 😀.png": [r"caf\xe9 😀.png", [1, 2.5, None, True]]}


@pytest.mark.parametrize("number", [nan, inf])
def test_json_has_only_finite_numbers(number: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        as_json([number])


def shown(text: str, encoding: str = "ascii") -> str:
    return text.encode(encoding, STAND_IN).decode(encoding)


@pytest.mark.parametrize(
    ("text", "stand_in"),
    [
        ("9 × 9 → 10 …", "9 x 9 -> 10 ..."),
        ("10⁻⁵ x² Wᵀ ½ W₁", "10^-5 x^2 W^T 1/2 W1"),
        ("∂L/∂w, δ = f′(z), ηλμσΦ", "dL/dw, delta = f'(z), etalambdamusigmaPhi"),
        ("m̂ ŷ größe", "m^ y grosse"),
        ("┌──┬─┐ │ ━ ╍ ┆", "+--+-+ | - - |"),
        ("⠉⣀⣿⠀", "'.: "),
        ("日 😀", r"\u65e5 \U0001f600"),
        (NAME, r"caf\xe9 \U0001f600.png"),
    ],
)
def test_stand_ins_in_ascii(text: str, stand_in: str) -> None:
    assert shown(text) == stand_in


def test_what_an_encoding_has_is_kept() -> None:
    assert shown("größe × ² · … → ★", "cp1252") == "größe × ² · … -> *"
    assert shown(f"größe → ★ {NAME}", "utf-8") == r"größe → ★ caf\xe9 😀.png"


def test_every_character_that_nnkit_writes_has_a_stand_in() -> None:
    modules = Path(nnkit.__file__).parent.rglob("*.py")
    characters = sorted(set("".join(path.read_text(encoding="utf-8") for path in modules)))
    assert "★" in characters
    assert [c for c in characters if c != "\\" and "\\" in shown(c)] == []
