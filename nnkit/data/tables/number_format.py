"""The format of numbers in a table, and the words for a missing value."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property
from math import inf, isfinite, nan

# Words that pandas.read_csv takes for a missing value, and two more that are common.
MISSING = (
    *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"),
    *("<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
    *("?", "-"),
)
SIGNS = frozenset("+-.iInN")  # what numbers begin with, besides digits: infinity and NaN, too
MINUS = "\N{MINUS SIGN}"  # as typeset, for instance in tables on the web
PLAIN = b"0123456789+-.eE"  # the bytes of most numbers


@dataclass(frozen=True)
class NumberFormat:
    """The notation of numbers and of missing values.

    Attributes:
        missing: cell contents that mean a missing value.
        decimal: the decimal mark.
        thousands: the mark between groups of three digits, if any.
        units: texts before or after a number that are not part of it, such as `%`.
        parentheses: whether a number in parentheses is negative, as in accounts.
        missing_in: further contents that mean a missing value in single columns, by their names.
    """

    missing: tuple[str, ...] = MISSING
    decimal: str = "."
    thousands: str | None = None
    units: tuple[str, ...] = ()
    parentheses: bool = False
    missing_in: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def of_column(self, name: str) -> NumberFormat:
        """The format of a column: its own missing values are added to those of all columns."""
        own = dict(self.missing_in).get(name)
        if own is None:
            return self
        return replace(self, missing=(*self.missing, *own), missing_in=())

    @cached_property
    def missing_words(self) -> frozenset[str]:
        return frozenset(self.missing)

    @cached_property
    def missing_numbers(self) -> frozenset[float]:
        """The numbers that mean a missing value, such as -999, however they are written."""
        numbers = (parse_number(word) for word in self.missing)
        return frozenset(number for number in numbers if number is not None and isfinite(number))

    @cached_property
    def _grouped(self) -> re.Pattern[str] | None:
        if self.thousands is None:
            return None
        mark = "[ \u00a0\u202f]" if self.thousands == " " else re.escape(self.thousands)
        return re.compile(rf"[+-]?[1-9]\d{{0,2}}(?:{mark}\d{{3}})+(?!\d)")

    def parse(self, text: str) -> float | None:
        """Parses a stripped cell: a number, NaN for a missing value, or None for anything else.

        A number that is not finite, such as `inf` or `1e999`, is returned as infinity.
        """
        text = text.replace(MINUS, "-")
        if text in self.missing_words:
            return nan
        if self.parentheses and text.startswith("(") and text.endswith(")"):
            number = self._parse(text[1:-1].strip())
            return None if number is None or text[1:2] in "+-" else -number
        number = self._parse(text)
        return nan if number in self.missing_numbers else number

    def _parse(self, text: str) -> float | None:
        for unit in self.units:
            if text.startswith((unit, f"-{unit}", f"+{unit}")):
                text = text.replace(unit, "", 1).strip()
            elif text.endswith(unit):
                text = text.removesuffix(unit).strip()
        if self._grouped is not None and (group := self._grouped.match(text)):
            text = re.sub(r"[^\d+-]", "", group[0]) + text[group.end() :]
        if self.decimal != ".":
            if "." in text:
                return None
            text = text.replace(self.decimal, ".", 1)
        return parse_number(text)


def parse_number(text: str) -> float | None:
    """Parses a number as Python does, but without underscores; infinity for one not finite."""
    first = text[:1]
    if "_" in text or not (first in SIGNS or first.isdecimal() or first.isspace()):
        return None  # words, of which there may be many, without the cost of an exception
    try:
        number = float(text)
    except ValueError:
        return None
    return number if isfinite(number) else inf
