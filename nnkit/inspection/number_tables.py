"""Arrays as tables of rounded numbers, all as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nnkit.nn.params import Array

WIDEST = 12  # most columns of numbers in a table of positions or steps
FEW = 2  # most arrays of steps that are shown with a column for each index
LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


@dataclass(frozen=True, slots=True)
class TraceTable:
    """A table of numbers with headings, all as text."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def entries(values: Array) -> Iterator[tuple[tuple[int, ...], float]]:
    """Yields each number with its index, counted from 1 as in textbooks."""
    for index, value in np.ndenumerate(values):
        yield tuple(i + 1 for i in index), float(value)


def is_sequence(values: Array) -> bool:
    """Whether an array has positions: ids (T,), or numbers (features, T)."""
    return values.ndim == 2 or (values.ndim == 1 and values.dtype.kind == "i")


@dataclass(frozen=True, slots=True)
class NumberTables:
    """Makes tables of numbers.

    Attributes:
        digits: the number of significant digits.
    """

    digits: int

    def number(self, value: float) -> str:
        """Formats a number with the requested significant digits, and whole ids in full."""
        if isinstance(value, int) or value == 0:
            return str(int(value))
        return f"{value:#.{self.digits}g}".rstrip(".").replace("-", "−")

    def side_by_side(
        self, columns: Mapping[str, Array], symbols: Sequence[str] = ()
    ) -> tuple[TraceTable, ...]:
        """One table with all columns, or several if their shapes differ.

        Args:
            columns: arrays by symbol.
            symbols: the symbols of ids among them, which get a column.
        """
        arrays = columns.values()
        if all(map(is_sequence, arrays)):
            wide = sum(map(_width, arrays)) > WIDEST
            if len({array.shape[-1] for array in arrays}) == 1 and not wide:
                return self.positions(columns, symbols)
        elif len({array.shape for array in arrays}) == 1:
            return (self.columns(columns),)
        tables: list[TraceTable] = []
        for symbol, array in columns.items():
            if is_sequence(array):
                of_ids = symbols if array.ndim == 1 else ()
                tables += self.positions({symbol: array}, of_ids)
            else:
                tables.append(self.columns({symbol: array}))
        return tuple(tables)

    def columns(self, columns: Mapping[str, Array], heading: str = "unit") -> TraceTable:
        """A table with a row for each element of arrays of equal shape, numbered from 1.

        Args:
            columns: arrays by symbol.
            heading: heading of the numbers, if the arrays have one axis.
        """
        first = next(iter(columns.values()))
        rows = []
        for index, _ in entries(first):
            at = zero_based(index)
            label = ",".join(map(str, index)) or "1"
            rows.append((label, *(self.number(values[at].item()) for values in columns.values())))
        return TraceTable((heading if first.ndim == 1 else "index", *columns), tuple(rows))

    def positions(
        self, columns: Mapping[str, Array], symbols: Sequence[str] = ()
    ) -> tuple[TraceTable, ...]:
        """Tables with a row for each position t, and a column for each feature.

        Args:
            columns: ids or numbers (T,), or features (features, T), by symbol.
            symbols: the symbol at each position, which gets a column; empty if there are none.
        """
        lists: dict[str, list[str]] = {}
        for symbol, array in columns.items():
            if array.ndim == 1:
                lists[symbol] = self._all(array)
            else:
                for row, values in enumerate(array, 1):
                    lists[f"{symbol}{str(row).translate(LOWERED)}"] = self._all(values)
        count = len(next(iter(lists.values())))
        first = {"t": [str(t + 1) for t in range(count)]}
        if symbols:
            first["symbol"] = [repr(symbol) for symbol in symbols]
        return tuple(_table(first | part) for part in _parts(lists))

    def steps(self, values: Mapping[str, Array], *, backward: bool = False) -> list[TraceTable]:
        """Tables of steps, one for each size of arrays.

        Up to two arrays have a row for each step t and a column for each index; more have a row for
        each index of each step.

        Args:
            values: arrays (T, rows) by symbol.
            backward: whether the last step comes first.
        """
        by_rows: dict[int, dict[str, Array]] = {}
        for symbol, array in values.items():
            by_rows.setdefault(array.shape[1], {})[symbol] = array
        tables: list[TraceTable] = []
        for rows, columns in by_rows.items():
            if len(columns) <= FEW:
                transposed = {symbol: array.T for symbol, array in columns.items()}
                tables += self.side_by_side(transposed)
                continue
            steps = range(len(next(iter(columns.values()))))
            order = [(t, i) for t in (reversed(steps) if backward else steps) for i in range(rows)]
            first = {"t": [str(t + 1) for t, _ in order], "row": [str(i + 1) for _, i in order]}
            lists = {
                symbol: [self.number(array[at].item()) for at in order]
                for symbol, array in columns.items()
            }
            tables.append(_table(first | lists))
        return tables

    def contributions(
        self, of_steps: Mapping[str, Array], sums: Mapping[str, Array]
    ) -> list[TraceTable]:
        """Tables with a row for each parameter, a column for each step, and at last their sum.

        Parameters to which no step contributes are left out.

        Args:
            of_steps: the contributions to the gradient of each parameter, (T, *shape), by name.
            sums: the gradients.
        """
        lists: dict[str, list[str]] = {"parameter": []}
        for name, gradient in sums.items():
            for index, value in entries(gradient):
                at = zero_based(index)
                own = np.array([contribution[at] for contribution in of_steps[name]])
                if own.any():
                    lists["parameter"].append(parameter_name(name, index))
                    for t, contribution in enumerate(own, 1):
                        lists.setdefault(f"t = {t}", []).append(self.number(float(contribution)))
                    lists.setdefault("sum", []).append(self.number(value))
        first = {"parameter": lists.pop("parameter")}
        return [_table(first | part) for part in _parts(lists)]

    def _all(self, values: Array) -> list[str]:
        return [self.number(value.item()) for value in values]


def _width(array: Array) -> int:
    return len(array) if array.ndim == 2 else 1


def _parts(lists: Mapping[str, Sequence[str]]) -> Iterator[dict[str, Sequence[str]]]:
    """Yields columns in parts that are not too wide."""
    items = list(lists.items())
    for first in range(0, len(items), WIDEST):
        yield dict(items[first : first + WIDEST])


def _table(columns: Mapping[str, Sequence[str]]) -> TraceTable:
    return TraceTable(tuple(columns), tuple(zip(*columns.values(), strict=True)))


def parameter_name(name: str, index: Sequence[int | str]) -> str:
    """The name of an entry of a parameter array, such as `W[1,2]`."""
    return f"{name}[{','.join(map(str, index))}]"


def zero_based(index: Sequence[int]) -> tuple[int, ...]:
    """Converts an index counted from 1 to one counted from 0."""
    return tuple(i - 1 for i in index)
