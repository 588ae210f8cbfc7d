"""Unicode normalization of texts, applied before they are divided into symbols."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from unicodedata import normalize

UnicodeForm = Literal["nfc", "nfkc", "as_is"]
Spaces = Literal["plain", "as_is"]

# The space separators of Unicode (category Zs) besides U+0020. French has the no-break spaces
# U+00A0 and U+202F before ! ? : ; and Japanese the wide space U+3000.
OTHER_SPACES = "\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
_OTHER_SPACES = re.compile(f"[{OTHER_SPACES}]")
_LONE_SURROGATES = re.compile("[\ud800-\udfff]")
_NO_LETTERS = re.compile("[^A-Za-z]+")


@dataclass(frozen=True, slots=True)
class TextNormalization:
    """A normalization of characters that can be written in several ways.

    Lone surrogates, which no encoding of Unicode can store, always become U+FFFD.

    Attributes:
        form: the Unicode normalization form (Unicode Standard Annex 15): NFC composes characters,
            NFKC also replaces compatibility characters such as ligatures; `as_is` for neither.
        spaces: whether the other space separators become U+0020.
        lower: whether letters become lower-case.
        letters_only: whether a run of characters other than A to Z and a to z becomes a space.
    """

    form: UnicodeForm = "nfc"
    spaces: Spaces = "plain"
    lower: bool = False
    letters_only: bool = False

    def apply(self, text: str) -> str:
        """The normalized text; normalizing it again does not change it."""
        if not text.isascii():
            text = self._in_form(_LONE_SURROGATES.sub("\ufffd", text))
            if self.spaces == "plain":
                text = _OTHER_SPACES.sub(" ", text)
        if self.lower:
            text = text.lower()
            if not text.isascii():  # some letters become two characters
                text = self._in_form(text)
        if self.letters_only:
            text = _NO_LETTERS.sub(" ", text)
        return text

    def _in_form(self, text: str) -> str:
        match self.form:
            case "nfc":
                return normalize("NFC", text)
            case "nfkc":
                return normalize("NFKC", text)
            case _:
                return text
