"""Tests of symbol tables: order, limits, and reserved symbols apart from any text."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnkit.data.text.symbol_table import Reserved, SymbolTable, count_symbols

COUNTS = st.dictionaries(st.text(max_size=3), st.integers(1, 5))


@given(COUNTS, st.integers(1, 3), st.none() | st.integers(1, 4))
def test_the_most_frequent_symbols_are_kept_in_a_stated_order(
    counts: dict[str, int], min_count: int, size: int | None
) -> None:
    table = SymbolTable.of(counts, min_count=min_count, size=size)
    kept = dict(zip(table.pieces, table.counts, strict=True))
    assert list(kept.items()) == sorted(kept.items(), key=lambda item: (-item[1], item[0]))
    dropped = {piece: n for piece, n in counts.items() if piece not in kept}
    assert len(kept) == min(size or 99, sum(n >= min_count for n in counts.values()))
    assert all(n <= min(kept.values(), default=5) for n in dropped.values())
    assert table == SymbolTable.of(dict(reversed(counts.items())), min_count=min_count, size=size)


def test_numbers_and_symbols_are_inverse() -> None:
    table = SymbolTable.of({"b": 1, "a": 1, "c": 2})
    assert table.pieces == ("c", "a", "b")
    assert [table.number(symbol) for symbol in table.symbols] == list(range(len(table)))
    assert table.names[: len(Reserved)] == tuple(symbol.value for symbol in Reserved)


def test_a_reserved_symbol_is_no_text() -> None:
    typed = [symbol.value for symbol in Reserved]
    table = SymbolTable.of(Counter(typed))
    assert len(table) == 2 * len(Reserved)
    for symbol in Reserved:
        assert table.number(symbol) != table.number(symbol.value)


def test_only_the_reserved_symbols_asked_for_are_there() -> None:
    table = SymbolTable.of({"a": 1}, reserved=[Reserved.UNKNOWN])
    assert table.symbols == (Reserved.UNKNOWN, "a")
    assert Reserved.PADDING not in table
    with pytest.raises(KeyError):
        table.number(Reserved.PADDING)


def test_symbols_that_are_always_kept_precede_more_frequent_ones() -> None:
    table = SymbolTable.of({"aa": 5, "bb": 4, "b": 1}, min_count=2, size=3, always={"a", "b"})
    assert dict(zip(table.pieces, table.counts, strict=True)) == {"aa": 5, "b": 1, "a": 0}


def test_occurrences_are_counted_over_all_texts() -> None:
    assert count_symbols([["a", "b"], [], "aa"]) == {"a": 3, "b": 1}
