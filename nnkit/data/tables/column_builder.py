"""Builds a column of a table from its parts, as words or as numbers."""

from __future__ import annotations

from itertools import islice
from math import isfinite, isinf, isnan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnkit.data.tables.cells import ColumnCells
from nnkit.data.tables.growing_array import GrowingArray
from nnkit.data.tables.number_format import NumberFormat
from nnkit.data.tables.number_summary import count_distinct, sorted_numbers
from nnkit.data.tables.parsed_table import Odd, ParsedColumn
from nnkit.data.tables.vocabulary import Vocabulary

Array = NDArray[Any]

FEW_WORDS = 256  # a column with at most so many distinct cells is kept as words, too
MOST_WORDS = 50_000  # and more than half of the rows: no column of classes or categories
MOST_ODD = 20  # texts of a column of words that are described as odd
MANY_EXAMPLES = 1_000  # words of a column with too many that are kept


class ColumnBuilder:
    """Builds a column from its parts.

    The distinct cells are counted as long as there are few of them, or if they are wanted; numbers
    are converted until most cells of a part are not numbers.

    Attributes:
        form: how the column's numbers and missing values are written.
    """

    def __init__(self, form: NumberFormat, *, keep_words: bool) -> None:
        self.form = form
        self._keep_words = keep_words
        self._has_words = True
        self._words = Vocabulary()
        self._parsed: list[float | None] = []  # each word as a number
        self._codes = GrowingArray(np.int32)
        self._values = GrowingArray(np.float64)
        self._odd: dict[str, list[int]] = {}
        self._rows = 0
        self._too_many = False

    @property
    def is_undecided(self) -> bool:
        """Whether the first cells have to decide on words or numbers, by `decide`."""
        return not (self._rows or self._keep_words)

    @property
    def wants_numbers(self) -> bool:
        """Whether the next cells are to be added by `add_numbers`, or else by `add_words`."""
        return not self._has_words

    def decide(self, values: Array, doubtful: ColumnCells) -> None:
        """Decides by the first cells whether there are too many numbers to keep their spelling.

        Args:
            values: the cells as numbers (rows,), NaN for others.
            doubtful: those that are neither plain numbers nor empty.
        """
        numbers = count_distinct(sorted_numbers(values))
        if not len(doubtful):
            self._has_words = numbers <= FEW_WORDS
            return
        texts = doubtful.at(doubtful.distinct()[0]).texts()
        distinct = len(texts) + numbers
        numbers += sum(self.form.parse(text) is not None for text in texts)
        self._has_words = distinct <= FEW_WORDS or 2 * numbers < distinct

    def add_words(self, cells: ColumnCells) -> None:
        """Adds the cells of successive rows, of which the words are wanted."""
        self._rows += len(cells)
        if self._too_many:
            return
        self._codes.append(self._words.encode(cells))
        words = self._words.codes
        self._parsed += [self.form.parse(text) for text in islice(words, len(self._parsed), None)]
        if self._keep_words or len(words) <= FEW_WORDS:
            return
        # Missing cells, which are NaN, are neither numbers nor other words.
        numbers = sum(value is not None and isfinite(value) for value in self._parsed)
        others = sum(value is None or isinf(value) for value in self._parsed)
        if numbers >= others:
            self._forget_words()
        elif len(words) > max(MOST_WORDS, self._rows / 2):
            self._too_many = True
            self._codes.clear()

    def _forget_words(self) -> None:
        """Keeps the numbers only."""
        column = self._of_words()
        self._values.append(np.asarray(column.values))
        self._odd = {odd.text: [odd.count, odd.row] for odd in column.odd}
        self._has_words = False

    def add_numbers(self, values: Array, doubtful: Array, cells: ColumnCells) -> None:
        """Adds numbers of successive rows.

        Args:
            values: the numbers (rows,), NaN for other cells.
            doubtful: the rows of cells that are neither plain numbers nor empty.
            cells: all cells of these rows.
        """
        first_row = self._rows
        self._rows += len(values)
        if len(doubtful):
            self._convert(values, doubtful, cells, first_row)
        self._values.append(values)

    def _convert(self, values: Array, doubtful: Array, cells: ColumnCells, first_row: int) -> None:
        """Converts the cells that are not plain numbers, in place, and notes what is no number."""
        others = cells.at(doubtful)
        first, codes = others.distinct()
        texts = others.at(first).texts()
        parsed = [self.form.parse(text) for text in texts]
        counts = np.bincount(codes)
        known = np.array([np.nan if p is None or np.isinf(p) else p for p in parsed])
        values[doubtful] = known[codes]
        for i, (text, number) in enumerate(zip(texts, parsed, strict=True)):
            if number is None or np.isinf(number):
                found = self._odd.setdefault(text, [0, first_row + int(doubtful[first[i]])])
                found[0] += int(counts[i])

    def finish(self) -> ParsedColumn:
        """The column; nothing can be added afterwards."""
        if self._too_many:
            some_words = tuple(self._words.codes)[:MANY_EXAMPLES]
            return ParsedColumn(None, (), None, some_words, np.zeros(0), 0, too_many=True)
        if self._has_words:
            return self._of_words()
        values = self._values.finish()
        odd = tuple(Odd(text, *found) for text, found in self._odd.items())
        numbers = len(values) - int(np.count_nonzero(np.isnan(values)))
        return ParsedColumn(values, odd, None, (), np.zeros(0), numbers)

    def _of_words(self) -> ParsedColumn:
        """The column, from its words and what each of them is as a number."""
        codes = self._codes.finish()
        parsed = self._parsed
        counts = np.bincount(codes, minlength=len(parsed))
        finite = [value is not None and bool(np.isfinite(value)) for value in parsed]
        texts = list(self._words.codes)
        missing = [value is not None and isnan(value) for value in parsed]
        kept = [i for i, text in enumerate(texts) if text and not missing[i]]
        strange = [i for i in kept if not finite[i]]
        values = None
        if 2 * len(strange) > len(kept):
            strange = strange[:MOST_ODD]
        else:
            known = [v if ok else None for v, ok in zip(parsed, finite, strict=True)]
            values = np.array(known, dtype=np.float64)[codes]
        odd = tuple(Odd(texts[i], int(counts[i]), int(np.argmax(codes == i))) for i in strange)
        own = np.full(len(texts), -1, dtype=np.int32)
        own[kept] = np.arange(len(kept))
        return ParsedColumn(
            values,
            odd,
            own[codes],
            tuple(texts[i] for i in kept),
            counts[kept],
            int(counts[[i for i in kept if finite[i]]].sum()),
        )
