"""Labels of a table: whether they are classes, and the classes by their spelling in the file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnkit.data.tables.kinds import ColumnProfile
from nnkit.data.tables.number_format import NumberFormat, parse_number
from nnkit.data.tables.parsed_table import ParsedTable
from nnkit.errors import DataError

Array = NDArray[Any]
MOST_CLASSES = 20  # integer labels with more distinct values than this are regression targets
LARGEST_CLASS = 100  # larger whole numbers, such as prices, are hardly names of classes
FEWEST_PER_CLASS = 2  # rows; whole numbers with fewer on average are quantities
LEADING_ZERO = re.compile(r"[+-]?0\d")


def looks_like_classes(profile: ColumnProfile) -> bool:
    """Whether labels are classes: words, or a few different whole numbers."""
    if profile.numbers < profile.present:
        return True
    few = profile.distinct <= MOST_CLASSES
    often = profile.distinct <= 2 or profile.present >= FEWEST_PER_CLASS * profile.distinct
    return profile.whole and few and often


def could_be_classes(profile: ColumnProfile) -> bool:
    """Whether labels that are taken for a number could as well be classes: few small numbers."""
    small = max(abs(profile.low), abs(profile.high)) <= LARGEST_CLASS
    return profile.whole and small and profile.distinct <= MOST_CLASSES


def class_labels(
    table: ParsedTable, label: int, *, least: int = 2
) -> tuple[Array, tuple[str, ...]]:
    """Class numbers (n,) as int64, and class names: numbers by value, then words.

    Numbers that differ only in spelling, such as 1 and 1.0, are one class.

    Args:
        table: the table.
        label: index of the label column.
        least: the smallest number of classes that is allowed.

    Raises:
        DataError: there are too few classes, or too many.
    """
    column = table.columns[label]
    if column.codes is None:
        raise DataError(
            f"{table.path}: more than {len(column.words):,} different labels "
            f"'{table.names[label]}' are too many for classes; choose another column with "
            "data.source.label, or data.source.task: regression"
        )
    names = class_names(column.words, table.form)
    ordered = sorted(set(names.values()), key=_order)
    if len(ordered) < least:
        raise DataError(
            f"{table.path}: all labels are '{ordered[0]}'; choose another column with "
            "data.source.label"
        )
    number = {name: i for i, name in enumerate(ordered)}
    classes = np.array([number[names[word]] for word in column.words], dtype=np.int64)
    return classes[np.asarray(column.codes)], tuple(ordered)


def class_names(words: tuple[str, ...], form: NumberFormat) -> Mapping[str, str]:
    """The name of each label's class: its own spelling, or the shortest of an equal number.

    Where a number has leading zeros, such as 007, all labels are codes, of which none are equal.
    """
    values = {word: _exact(word) for word in words if form.parse(word) is not None}
    if any(LEADING_ZERO.match(word) for word in values):
        return {word: word for word in words}
    shortest: dict[Decimal, str] = {}
    for word, value in values.items():
        if value is not None and (value not in shortest or len(word) < len(shortest[value])):
            shortest[value] = word
    return {
        word: word if (value := values.get(word)) is None else shortest[value] for word in words
    }


def spelled_as(names: Sequence[str], classes: Sequence[str]) -> tuple[str, ...]:
    """Class names of one table in the spelling of another, where they are equal numbers.

    As in a single table, leading zeros make codes of all of them.

    Args:
        names: the names, such as 1.0.
        classes: the names to use, such as 1.
    """
    values = {name: _exact(name) for name in (*names, *classes) if parse_number(name) is not None}
    if any(LEADING_ZERO.match(name) for name in values):
        return tuple(names)
    spelling = {values[name]: name for name in classes if name in values}
    return tuple(
        name if name in classes else spelling.get(values.get(name), name) for name in names
    )


def merged_spellings(table: ParsedTable, label: int) -> list[str]:
    """A message about each class that has several spellings."""
    words = table.columns[label].words
    spellings: dict[str, list[str]] = {}
    for word, name in class_names(words, table.form).items():
        spellings.setdefault(name, []).append(word)
    return [
        f"label '{table.names[label]}': {', '.join(same)} are one class, named {name}"
        for name, same in spellings.items()
        if len(same) > 1
    ]


def _exact(text: str) -> Decimal | None:
    """The value of a number without rounding; None if it is not finite or not plainly written."""
    try:
        value = Decimal(text)
    except ArithmeticError:
        return None
    return value if value.is_finite() else None


def _order(name: str) -> tuple[int, Decimal, str]:
    value = _exact(name)
    return (1, Decimal(0), name) if value is None or "_" in name else (0, value, name)
