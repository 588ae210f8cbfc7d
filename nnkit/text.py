"""Text for messages, and for files and terminals that cannot represent every character."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from unicodedata import combining, decomposition, name, normalize

STAND_IN = "nnkit.stand-in"  # name of the error handler in Python's codec registry

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
    "␣": "_",
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
    "€": "EUR",
    "£": "GBP",
    "¥": "JPY",
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
    "█": "#",
    "λ": "lambda",  # LAMDA in Unicode
    "\u0302": "^",  # the hat of m̂
}
BOX_LINES = {"HORIZONTAL": "-", "VERTICAL": "|"}
UPPER_DOTS, LOWER_DOTS = 0x1B, 0xE4  # bit masks of the eight dots of a braille character


def legible(text: str) -> str:
    """Replaces lone surrogates, which UTF-8 cannot encode, by escapes.

    Python represents each byte of a file name that is not UTF-8 by a lone surrogate; it becomes a
    backslash, x and the two hexadecimal digits of the byte.
    """
    return re.sub("[\ud800-\udfff]", lambda found: _escaped(found[0]), text)


def some_names(names: Sequence[str], most: int = 12) -> str:
    """Joins names by commas; of more than `most`, the first, and how many there are."""
    more = f", … ({len(names):,} in all)" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def as_json(value: Any, indent: int | None = None) -> str:
    """Converts a value to strictly valid JSON in ASCII, without NaN or lone surrogates.

    Raises:
        ValueError: the value contains NaN or infinity.
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
    """Escapes a character with a backslash; a surrogate of a file-name byte becomes that byte."""
    number = ord(character)
    if 0xDC80 <= number <= 0xDCFF:
        return f"\\x{number - 0xDC00:02x}"
    return character.encode("ascii", "backslashreplace").decode()


def _stand_ins(error: UnicodeError) -> tuple[str, int]:
    """The codec error handler: replaces characters missing in an encoding by ASCII."""
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
