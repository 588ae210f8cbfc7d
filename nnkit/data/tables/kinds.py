"""The kind of each column of a table: numbers, words, dates, or nothing that a network can use."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np

from nnkit.data.tables.dates import DateOrder, date_orders
from nnkit.data.tables.number_format import NumberFormat, parse_number
from nnkit.data.tables.number_summary import MOST_COUNTED, NumberSummary
from nnkit.data.tables.parsed_table import Odd, ParsedColumn, ParsedTable

FEW_CATEGORIES = 50  # more different words, in most rows another one, identify rows
FEW_NUMBERS = 10  # a column of so few different cells may as well be words
MOSTLY = 0.9  # share of numbers from which other cells are exceptions
IDENTIFIER = re.compile(
    r"(.*[_ .-])?(id|uuid|guid|key|index|idx|nr|no|num|number|row)\.?|.*(nummer|número|numéro)"
    r"|unnamed: \d+",
    re.IGNORECASE,
)  # pandas calls a column without a name `Unnamed: 0`
# Names of codes that are written as numbers.
CODE = re.compile(
    r"(.*[_ .-])?(id|code|zip|zip ?code|postcode|postal ?code|plz|phone|telephone|isbn|ean|ssn)",
    re.IGNORECASE,
)
UNITS = ("%", "$", "€", "£", "¥")
# A number and a unit, such as 7.3 kg, but not a code, such as 12-A or 0012A.
MEASURED = re.compile(r"[-+]?(?!0\d)\d(?:[\d.,' ]*\d)?\s*([^\d_/:#-]\D{0,9})")
# A number or two with units, such as 1.2M, 12.50-, 1h 20m or 100-120; a code has more parts.
MEASURE = re.compile(r"[-+~<>$€£]?\s?(\d[\d.,' ]*\D{0,9}){1,2}")
DIGITS = re.compile(r"\d(?:[\d.,' ]*\d)?")
PLAIN_NUMBER = re.compile(rf"[-+]?{DIGITS.pattern}")
PARENTHESES = re.compile(r"\(\D{0,3}\d[\d.,' ]*\D{0,3}\)")  # a negative number in accounts
# Decimal and thousands marks that are tried.
MARKS = (
    *((".", None), (".", ","), (",", None), (",", "."), (".", " "), (",", " "), (".", "'")),
    (",", "'"),
)


class Kind(StrEnum):
    """Kinds of columns, by their cells that are not missing."""

    NUMBERS = "numbers"
    WORDS = "words"
    DATES = "dates"
    UNIQUE = "unique"  # words, of which nearly each occurs once
    MIXED = "mixed"  # numbers with exceptions, or in another format
    CONSTANT = "constant"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """The contents of a column.

    Attributes:
        name: the column's name.
        kind: the kind of its cells.
        rows: the number of rows.
        missing: the number of missing cells.
        distinct: the number of different cells that are not missing; a lower bound if `more`.
        more: whether there may be more different cells.
        numbers: the number of cells that are numbers.
        low: the smallest number.
        high: the largest number.
        whole: whether all numbers are whole.
        marker: a number that may mean a missing value, such as -999; None if there is none.
        marked: how often it occurs.
        examples: some of the words, in the order of the file.
        odd: texts between numbers.
        counts_rows: whether the numbers count the rows, in any order.
        orders: the orders by which all words are dates.
        number_format: a format in which nearly all cells are numbers, if it is not that of the
            table.
    """

    name: str
    kind: Kind
    rows: int
    missing: int
    distinct: int
    more: bool = False
    numbers: int = 0
    low: float = np.nan
    high: float = np.nan
    whole: bool = False
    marker: float | None = None
    marked: int = 0
    examples: tuple[str, ...] = ()
    odd: tuple[Odd, ...] = ()
    counts_rows: bool = False
    orders: tuple[DateOrder, ...] = ()
    number_format: NumberFormat | None = field(default=None, compare=False)

    @property
    def present(self) -> int:
        """The number of cells that are not missing."""
        return self.rows - self.missing

    @property
    def odd_cells(self) -> int:
        """The number of cells that are neither numbers nor missing."""
        return self.present - self.numbers

    @property
    def identifies_rows(self) -> bool:
        """Whether the column tells rows apart rather than describing them."""
        if self.kind is Kind.NUMBERS and self.whole and not self.missing:
            named = not self.name.strip() or IDENTIFIER.fullmatch(self.name) is not None
            return named and self.distinct == self.rows > FEW_NUMBERS
        return self.kind is Kind.UNIQUE

    @property
    def may_be_code(self) -> bool:
        """Whether its name suggests that its numbers are codes, of which none is a quantity."""
        named = CODE.fullmatch(self.name) is not None
        return self.kind is Kind.NUMBERS and self.whole and named and not self.identifies_rows


def may_contain(profiles: Iterable[ColumnProfile], marker: float) -> str | None:
    """The name of a column in which a number that marks missing values elsewhere may be a value."""
    for profile in profiles:
        possible = marker.is_integer() or not profile.whole
        if possible and profile.marker != marker and profile.low <= marker <= profile.high:
            return profile.name
    return None


def profile_column(table: ParsedTable, index: int) -> ColumnProfile:
    """Describes a column."""
    column, name, rows = table.columns[index], table.names[index], table.rows
    if column.too_many:
        orders = date_orders(column.words)
        return ColumnProfile(
            name,
            Kind.DATES if orders else Kind.UNIQUE,
            rows,
            missing=0,
            distinct=len(column.words),
            more=True,
            examples=column.words[:3],
            orders=orders,
        )
    if column.codes is not None:
        present = int(column.counts.sum())
    else:
        present = column.numbers + sum(odd.count for odd in column.odd)
    plain = ColumnProfile(
        name,
        Kind.EMPTY,
        rows,
        rows - present,
        distinct=len(column.words),
        numbers=column.numbers,
        examples=column.words[:3],
        odd=column.odd,
    )
    if not present:
        return plain
    if column.numbers:
        plain = _with_numbers(plain, column)
    if column.numbers == present:
        constant = plain.low == plain.high and not _differ_exactly(column.words)
        return replace(plain, kind=Kind.CONSTANT if constant else Kind.NUMBERS, examples=())
    return _with_words(plain, column, table.form_of(index))


def _differ_exactly(words: Iterable[str]) -> bool:
    """Whether whole numbers differ that float64 cannot tell apart, such as long codes."""
    return len({int(word) for word in words if word.isdecimal()}) > 1


def _with_numbers(profile: ColumnProfile, column: ParsedColumn) -> ColumnProfile:
    if column.values is None:
        return profile
    summary = column.summary or NumberSummary.of(np.asarray(column.values))
    if column.codes is None:
        distinct = summary.distinct + len(column.odd)
        more = profile.rows > MOST_COUNTED
        profile = replace(profile, distinct=distinct, more=more)
    return replace(
        profile,
        low=summary.low,
        high=summary.high,
        whole=summary.whole,
        marker=summary.marker,
        marked=summary.marked,
        counts_rows=summary.consecutive and profile.rows > FEW_NUMBERS,
    )


def _with_words(profile: ColumnProfile, column: ParsedColumn, form: NumberFormat) -> ColumnProfile:
    """Decides between words, dates, identifiers and numbers with exceptions."""
    texts = column.words or tuple(odd.text for odd in column.odd)
    if profile.distinct == 1:
        return replace(profile, kind=Kind.CONSTANT)
    if not profile.numbers and (orders := date_orders(texts)):
        return replace(profile, kind=Kind.DATES, orders=orders)
    other = other_format(texts, form)
    if other is None and profile.distinct > FEW_NUMBERS:
        unit = _shared_unit(texts, profile.name)
        other = None if unit is None else other_format(texts, form, (*UNITS, unit))
    if other is not None or _has_exceptions(profile):
        return replace(profile, kind=Kind.MIXED, number_format=other)
    few = profile.distinct <= max(FEW_CATEGORIES, profile.present / 2)
    kind = Kind.WORDS if few else Kind.UNIQUE
    return replace(profile, kind=kind, examples=_different_ways(texts)[:3])


def _different_ways(texts: Sequence[str]) -> tuple[str, ...]:
    """Some texts; if they are numbers with something beside them, one for each way of writing."""
    if not all(map(MEASURE.fullmatch, texts[:3])):
        return tuple(texts[:3])
    ways: dict[str, list[str]] = {}
    for text in filter(MEASURE.fullmatch, texts):
        ways.setdefault(DIGITS.sub("0", text), []).append(text)
    return tuple(found[0] for found in sorted(ways.values(), key=len, reverse=True))


def has_infinity(profile: ColumnProfile) -> bool:
    """Whether the only exceptions among numbers are numbers that are not finite."""
    odd = profile.odd
    return bool(odd) and all(parse_number(other.text) is not None for other in odd)


def _has_exceptions(profile: ColumnProfile) -> bool:
    """Whether a column is one of numbers, rather than of words of which some are numbers."""
    if not profile.numbers:
        return False
    return (
        has_infinity(profile)
        or (not profile.whole and profile.numbers >= profile.present / 2)
        or (profile.numbers >= MOSTLY * profile.present and profile.distinct > FEW_NUMBERS)
        or (len(profile.odd) <= 5 and profile.distinct > FEW_CATEGORIES)
    )


def _shared_unit(texts: Sequence[str], name: str) -> str | None:
    """The unit of nearly all of some texts, such as `kg`.

    It follows the number in nearly all of them, or in some, if the column is named after it.
    """
    measured = map(MEASURED.fullmatch, texts)
    units = Counter(found[1].strip() for found in measured if found)
    unit, count = max(units.items(), key=lambda item: item[1], default=("", 0))
    if count and re.search(rf"(?<!\w){re.escape(unit)}(?!\w)", name):
        count += sum(PLAIN_NUMBER.fullmatch(text) is not None for text in texts)
    return unit if count >= MOSTLY * len(texts) else None


def unit_of_all(texts: Sequence[str]) -> str | None:
    """The unit that follows the number in every one of some texts, such as `kg`."""
    measured = [MEASURED.fullmatch(text) for text in texts]
    units = {found[1].strip() if found else None for found in measured}
    return units.pop() if len(units) == 1 else None


def other_format(
    texts: Iterable[str], form: NumberFormat, possible_units: Sequence[str] = UNITS
) -> NumberFormat | None:
    """A format in which nearly all of some texts are numbers, though they are not in `form`."""
    texts = list(texts)
    before = sum(form.parse(text) is not None for text in texts)
    possible = dict.fromkeys((*form.units, *possible_units))
    units = tuple(unit for unit in possible if any(unit in text for text in texts))
    best, most = None, before
    now = (form.decimal, form.thousands)
    parentheses = form.parentheses or any(PARENTHESES.fullmatch(text) for text in texts)
    # If a cell such as 1.234 leaves the marks open, the decimal mark stays.
    marks = sorted(MARKS, key=lambda marks: marks[0] != form.decimal)
    for decimal, thousands in dict.fromkeys((now, *marks)):
        other = replace(
            form, decimal=decimal, thousands=thousands, units=units, parentheses=parentheses
        )
        count = sum(other.parse(text) is not None for text in texts)
        if count > most:
            best, most = other, count
    share = MOSTLY if len(texts) > FEW_NUMBERS else 1
    enough = most >= share * len(texts) and most > before
    return best if enough else None
