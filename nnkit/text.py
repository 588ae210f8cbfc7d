"""Text for files and terminals that cannot hold every character."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Mapping
from typing import Any
from unicodedata import combining, decomposition, name, normalize

STAND_IN = "nnkit.stand-in"  # the error handler's name in Python's registry

# A single character where possible, so that tables and charts keep their layout.
STAND_INS = {
    "−": "-",
    "·": ".",
    "×": "x",
    "±": "+-",
    "∓": "-+",
    "≤": "<=",
    "≥": ">=",
    "≠": "!=",
    "≈": "~",
    "←": "<-",
    "→": "->",
    "∂": "d",
    "′": "'",
    "″": "''",
    "√": "sqrt ",
    "∞": "inf",
    "Σ": "sum ",
    "Π": "prod ",
    "∫": "integral ",
    "‖": "||",
    "⌊": "floor(",
    "⌋": ")",
    "⊙": "*",
    "∗": "*",
    "⋆": "*",
    "★": "*",
    "⁄": "/",
    "°": " degrees",
    "§": "section ",
    "‘": "'",
    "’": "'",
    "“": '"',
    "”": '"',
    "–": "-",
    "—": "-",
    "ß": "ss",
    "λ": "lambda",  # spelled differently in Unicode
    "\u0302": "^",  # the hat of m̂
}
BOX_LINES = {"HORIZONTAL": "-", "VERTICAL": "|"}
UPPER_DOTS, LOWER_DOTS = 0x1B, 0xE4  # of a braille character's eight


def legible(text: str) -> str:
    """The text without the lone surrogates that UTF-8 cannot hold.

    Python has one for each byte of a file's name that is not UTF-8; it becomes a backslash, x and
    the byte's two hexadecimal digits.
    """
    return re.sub("[\ud800-\udfff]", lambda found: _escaped(found[0]), text)


def as_json(value: Any, indent: int | None = None) -> str:
    """JSON in ASCII that every reader takes: no NaN, and no lone surrogates.

    Raises:
        ValueError: there is a NaN or an infinity in it.
    """
    return json.dumps(_legible_parts(value), indent=indent, allow_nan=False)


def _legible_parts(value: Any) -> Any:
    if isinstance(value, str):
        return legible(value)
    if isinstance(value, Mapping):
        return {_legible_parts(key): _legible_parts(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_legible_parts(part) for part in value]
    return value


def _escaped(character: str) -> str:
    """A character as a backslash and its number, a byte of a file's name as that byte."""
    number = ord(character)
    if 0xDC80 <= number <= 0xDCFF:
        return f"\\x{number - 0xDC00:02x}"
    return character.encode("ascii", "backslashreplace").decode()


def _stand_ins(error: UnicodeError) -> tuple[str, int]:
    """Python's error handler: ASCII for the characters that an encoding does not have."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    parts = []
    before = error.object[error.start - 1 : error.start]
    for character in error.object[error.start : error.end]:
        begins_power = _is_raised(character) and not _is_raised(before)
        parts.append("^" * begins_power + _stand_in(character))
        before = character
    return "".join(parts), error.end


def _stand_in(character: str) -> str:
    if character in STAND_INS:
        return STAND_INS[character]
    plain = normalize("NFKD", character)
    plain = "".join(STAND_INS.get(part, part) for part in plain if not combining(part))
    if plain.isascii():
        return plain
    words = name(plain[:1], "").split()
    match words:
        case ["BRAILLE", *_]:
            dots = ord(character)
            return " '.:"[bool(dots & UPPER_DOTS) + 2 * bool(dots & LOWER_DOTS)]
        case ["BOX", "DRAWINGS", *_]:
            return "+" if "AND" in words else BOX_LINES.get(words[-1], "+")
        case ["GREEK", size, "LETTER", letter, *_]:
            return letter.lower() if size == "SMALL" else letter.capitalize()
    return _escaped(character)


def _is_raised(character: str) -> bool:
    return decomposition(character).startswith("<super>") if character else False


codecs.register_error(STAND_IN, _stand_ins)
