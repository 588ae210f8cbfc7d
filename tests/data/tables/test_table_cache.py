"""Tests of the cache of parsed tables: found again by content, safe against damage."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from nnkit.data.tables import table_cache
from nnkit.data.tables.dialect import Dialect
from nnkit.data.tables.number_format import NumberFormat
from nnkit.data.tables.parsed_table import ParsedTable
from nnkit.data.tables.table_cache import cached_table
from nnkit.data.tables.table_reader import read_table
from nnkit.errors import DataError

TEXT = "i,f,w,id,bad\n" + "".join(
    f"{i % 300},{i / 3:.4f},{'ab'[i % 2]},é{i},{'NULL' if i == 7 else 'x' if i == 9 else i}\n"
    for i in range(600)
)


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(table_cache, "SMALLEST", 0)
    path = tmp_path / "t.csv"
    path.write_text(TEXT, encoding="utf-8")
    os.utime(path, (1, 1))
    return path


def cached(path: Path, **how: object) -> ParsedTable:
    return cached_table(path, Dialect(), NumberFormat(), **how)  # type: ignore[arg-type]


def entries(path: Path) -> list[Path]:
    return sorted((path.parent / "cache" / "nnkit" / "tables").glob("*.npz"))


def check_same(found: ParsedTable, expected: ParsedTable) -> None:
    assert (found.names, found.rows, found.header) == (
        expected.names,
        expected.rows,
        expected.header,
    )
    assert found.columns.keys() == expected.columns.keys()
    for i, column in expected.columns.items():
        other = found.columns[i]
        assert (other.words, other.odd, other.numbers) == (
            column.words,
            column.odd,
            column.numbers,
        )
        for one, two in ((column.values, other.values), (column.codes, other.codes)):
            np.testing.assert_array_equal(one, two)
    assert found.lines.of(599) == 601


def test_a_table_from_the_cache_is_the_same(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = read_table(table, Dialect(), NumberFormat())
    check_same(cached(table), expected)
    monkeypatch.delattr(table_cache, "read_table")
    check_same(cached(table), expected)
    assert set(cached(table, skip=[0, 3]).columns) == {1, 2, 4}
    copy = table.with_name("other.csv")
    copy.write_text(TEXT, encoding="utf-8")
    check_same(cached(copy), expected)


def test_a_changed_file_is_read_again_even_with_the_same_size_and_time(table: Path) -> None:
    cached(table)
    table.write_text(TEXT.replace("NULL", "NULK"), encoding="utf-8")
    os.utime(table, (1, 1))
    assert [odd.text for odd in cached(table).columns[4].odd] == ["NULK", "x"]
    assert len(entries(table)) == 2


def test_more_columns_or_words_than_in_the_cache_are_read(table: Path) -> None:
    cached(table, skip=[3])
    assert cached(table).columns.keys() == {0, 1, 2, 3, 4}
    assert cached(table).columns[1].codes is None
    assert len(cached(table, as_words=[1]).columns[1].words) == 600
    assert len(entries(table)) == 1


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "other"])
def test_a_damaged_entry_is_replaced(table: Path, damage: str) -> None:
    expected = cached(table)
    (entry,) = entries(table)
    content = entry.read_bytes()
    middle = len(content) // 2
    entry.write_bytes(
        {
            "cut": content[:middle],
            "flipped": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
            "empty": b"",
            "other": b"PK not an archive",
        }[damage]
    )
    check_same(cached(table), expected)
    assert entries(table)[0].read_bytes() == content


def test_several_writers_do_no_harm(table: Path) -> None:
    expected = read_table(table, Dialect(), NumberFormat())
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: cached(table), range(8)):
            check_same(found, expected)
    assert len(entries(table)) == 1
    assert not list(entries(table)[0].parent.glob("*.part"))


def test_the_cache_is_bounded(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cached(table)
    (first,) = entries(table)
    os.utime(first, (1, 1))
    monkeypatch.setattr(table_cache, "MOST", first.stat().st_size * 3 // 2)
    table.write_text(TEXT.replace("NULL", "NULK"), encoding="utf-8")
    cached(table)
    (left,) = entries(table)
    assert left != first


def test_a_folder_that_cannot_be_written_is_no_error(
    table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (table.parent / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(table.parent / "file"))
    assert cached(table).rows == 600


def test_a_table_with_unusable_rows_is_not_kept(table: Path) -> None:
    table.write_text(TEXT + "1,2\n", encoding="utf-8")
    ragged: dict[int, str] = {}
    assert cached(table, ragged=ragged).rows == 601
    assert list(ragged) == [602]
    assert not entries(table)
    with pytest.raises(DataError, match=r"t\.csv:602: 2 cells, but the rows above have 5"):
        cached(table)
