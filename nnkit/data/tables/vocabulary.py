"""The distinct words of a column, each with a code."""

from __future__ import annotations

from functools import cached_property
from itertools import zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnkit.data.tables.cells import MULTIPLIERS, WIDEST, ColumnCells, text_keys

Array = NDArray[Any]
SLOT_BITS = 18
MOST_KNOWN = 1 << 16  # cells that are found by their slot; others are compared with each other
IMPOSSIBLE = np.uint64(1 << 56)  # eight bytes of a text that no cell contains: a zero is in it


class Vocabulary:
    """The distinct words of a column, in the order in which they first occur.

    The slot of a cell that was seen before, by a hash of its bytes, leads to its code without a
    Python object for the cell.

    Attributes:
        codes: the code of each word.
    """

    def __init__(self) -> None:
        self.codes: dict[str, int] = {}
        # The first known cell is none: it is in all free slots.
        self._known = [np.array([IMPOSSIBLE])]  # the 64-bit words of known cells, each (known,)
        self._known_codes = np.zeros(1, dtype=np.int32)

    @cached_property
    def _slots(self) -> Array:
        """The index of the known cell in each slot."""
        return np.zeros(1 << SLOT_BITS, dtype=np.int32)

    def encode(self, cells: ColumnCells) -> Array:
        """The codes of cells, (rows,) as int32; unknown words are added.

        Raises:
            UnicodeDecodeError: a cell is not UTF-8.
        """
        if (cells.ends - cells.starts > WIDEST).any():
            first, distinct = cells.distinct()
            return self._add(cells.at(first).texts())[distinct]
        words = cells.words()
        slots = _slots(words)
        found = self._slots[slots]
        same = np.ones(len(cells), dtype=bool)
        for known, word in zip_longest(self._known, words, fillvalue=None):
            same &= (0 if known is None else known[found]) == (0 if word is None else word)
        codes: Array = self._known_codes[found]
        rest = np.flatnonzero(~same)
        if len(rest):
            first, distinct = cells.at(rest).distinct()
            first = rest[first]
            own = self._add(cells.at(first).texts())
            codes[rest] = own[distinct]
            self._remember([word[first] for word in words], slots[first], own)
        return codes

    def _add(self, texts: list[str]) -> Array:
        codes = self.codes
        return np.array([codes.setdefault(text, len(codes)) for text in texts], dtype=np.int32)

    def _remember(self, words: list[Array], slots: Array, codes: Array) -> None:
        """Puts distinct cells into their slots."""
        count = len(self._known_codes)
        if count + len(codes) > MOST_KNOWN:
            return
        nothing = np.zeros(count, dtype=np.uint64), np.zeros(len(codes), dtype=np.uint64)
        width = max(len(words), len(self._known))
        old = [*self._known, *[nothing[0]] * (width - len(self._known))]
        new = [*words, *[nothing[1]] * (width - len(words))]
        self._known = [np.concatenate(pair) for pair in zip(old, new, strict=True)]
        self._known_codes = np.concatenate([self._known_codes, codes])
        self._slots[slots] = np.arange(count, count + len(codes))


def _slots(words: list[Array]) -> Array:
    """The slots of texts given by their words, each (n,)."""
    slots = text_keys(words) * MULTIPLIERS[0]
    slots >>= np.uint64(64 - SLOT_BITS)
    return slots.view(np.int64)
