"""Tests of the reading of tables: as Python's csv module reads them, and fast."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nnkit.data.tables import column_builder, row_parsing
from nnkit.data.tables.dialect import Dialect
from nnkit.data.tables.number_format import NumberFormat
from nnkit.data.tables.parsed_table import ParsedTable
from nnkit.data.tables.table_reader import read_table
from nnkit.errors import DataError

CELLS = (
    st.sampled_from(["", " ", "1", "-2.5", "1e3", "12345678901234567890", "NA", "nan", "inf", "+7"])
    | st.floats(allow_nan=False, allow_infinity=False).map(repr)
    | st.text("ab,\"'\n ;é1.", max_size=6)
)
ROWS = st.integers(1, 4).flatmap(
    lambda columns: st.lists(
        st.lists(CELLS, min_size=columns, max_size=columns), min_size=1, max_size=12
    )
)
HERE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def read(folder: Path, content: str | bytes, dialect: Dialect | None = None, **how: Any) -> Any:
    path = folder / "t.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    form = how.pop("form", NumberFormat())
    return read_table(path, dialect or Dialect(), form, **how)


def cells_of(table: ParsedTable, index: int) -> list[float | str | None]:
    """The cells of a column: numbers, words, or None if they are missing."""
    column = table.columns[index]
    if column.codes is not None:
        return [
            None if code < 0 else column.words[code] for code in np.asarray(column.codes).tolist()
        ]
    assert column.values is not None
    return [None if value != value else value for value in np.asarray(column.values).tolist()]


def written(rows: list[list[str]], **how: Any) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, **how).writerows(rows)
    return text.getvalue()


@pytest.mark.parametrize("rows", [30, 3 * column_builder.FEW_WORDS])  # as words, and as numbers
def test_codes_for_missing_values_of_single_columns(rows: int, tmp_path: Path) -> None:
    """A code is missing however it is written, and a number or a word in all other columns."""
    a = ["9.0" if i % 3 else str(10 + i) for i in range(rows)]
    b = ["none" if i % 3 else str(i) for i in range(rows)]
    content = "a,b,c\n" + "".join(f"{x},{y},{x}\n" for x, y in zip(a, b, strict=True))
    form = NumberFormat(missing_in=(("a", ("9",)), ("b", ("none",))))
    table = read(tmp_path, content, form=form)
    expected = [i % 3 > 0 for i in range(rows)]
    assert table.missing(0).tolist() == table.missing(1).tolist() == expected
    assert not table.missing(2).any()
    assert table.columns[2].numbers == rows
    assert [column.odd for column in table.columns.values()] == [(), (), ()]


@HERE
@given(ROWS, st.sampled_from([",", ";", "\t"]), st.sampled_from(["\n", "\r\n"]), st.integers(0, 3))
def test_every_table_that_csv_writes_is_read(
    tmp_path: Path, rows: list[list[str]], delimiter: str, end: str, quoting: int
) -> None:
    names = [f"c{i}" for i in range(len(rows[0]))]
    rows = [
        row if any(cell.strip() for cell in row) else ["x" * (i == 0) for i in range(len(row))]
        for row in rows
    ]  # a blank line is no row
    text = written(
        [names, *rows], delimiter=delimiter, lineterminator=end, quoting=(0, 1, 2, 0)[quoting]
    )
    expected = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))[1:]
    table = read(tmp_path, text, Dialect(delimiter), as_words=range(len(names)))
    missing = NumberFormat().missing_words
    assert table.rows == len(expected)
    for i in range(len(names)):
        stripped = [row[i].strip() for row in expected]
        assert cells_of(table, i) == [None if cell in missing else cell for cell in stripped]


@HERE
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=40))
def test_every_float_is_read_to_the_last_bit(tmp_path: Path, numbers: list[float]) -> None:
    table = read(tmp_path, "x,y\n" + "".join(f"{number!r},{number:.3f}\n" for number in numbers))
    assert np.asarray(table.columns[0].values).tolist() == numbers
    assert np.asarray(table.columns[1].values).tolist() == [
        float(f"{number:.3f}") for number in numbers
    ]


def test_chunks_make_no_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        [str(i), f"{i / 7:.4f}", f"w{i % 5}", "" if i % 11 else '"a, b"', f"{i}e-3"]
        for i in range(500)
    ]
    rows[100][1] = "NULL"
    rows[300][1] = "12O"
    rows[400][2] = '"two\nlines"'
    text = "i,f,w,q,e\n" + "".join(",".join(row) + "\n" for row in rows)
    whole = read(tmp_path, text)
    monkeypatch.setattr(row_parsing, "CHUNK", 200)
    monkeypatch.setattr(row_parsing, "CHUNK_OF_COLUMN", 1)
    monkeypatch.setattr(row_parsing, "AT_ONCE", 3)
    chunked = read(tmp_path, text.removesuffix("\n"))
    for i in range(5):
        assert [str(cell) for cell in cells_of(chunked, i)] == [
            str(cell) for cell in cells_of(whole, i)
        ]
    (odd,) = chunked.columns[1].odd
    assert (odd.text, odd.count, chunked.lines.of(odd.row)) == ("12O", 1, 302)
    assert [chunked.lines.of(row) for row in (0, 399, 400, 499)] == [2, 401, 403, 502]


def test_words_after_thousands_of_numbers_keep_the_spelling_of_the_numbers(tmp_path: Path) -> None:
    rows = [f"{i:05d}" for i in range(3_000)] + ["x"] * 2_000
    table = read(tmp_path, "code,y\n" + "".join(f"{row},1\n" for row in rows))
    assert cells_of(table, 0) == rows


def test_too_many_words_are_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(column_builder, "MOST_WORDS", 300)
    text = "id,y\n" + "".join(f"u{i},1\n" for i in range(1_000))
    column = read(tmp_path, text).columns[0]
    assert (column.too_many, column.codes, column.words[0]) == (True, None, "u0")
    kept = read(tmp_path, text, as_words=[0]).columns[0]
    assert (kept.too_many, len(kept.words)) == (False, 1_000)


@pytest.mark.parametrize(
    ("content", "dialect"),
    [
        (b"a,b\r1,x\r2,y\r", Dialect()),
        ("a,b\n1,x\n2,y\n".encode("utf-16"), Dialect()),
        ("a,b\n1,x\n2,y\n".encode("utf-16-be"), Dialect(encoding="utf-16-be")),
        (b"\xef\xbb\xbfa,b\n1,x\n2,y", Dialect()),
        (b"a  b\n 1   x\n2\ty \n", Dialect(delimiter=" ")),
        (b"'a','b'\n'1','x'\n'2','y'\n", Dialect(quote="'")),
        (b"made by hand\n\na,b\n1,x\n2,y\n", Dialect(skip_rows=1)),
        (b"a,b\nm,-\n1,x\n2,y\nsum,\n", Dialect(leave_out=(2, 5))),
        (b"a,b\n1,x\n\n\n2,y\n\n", Dialect()),
    ],
)
def test_the_same_table_in_other_dialects(content: bytes, dialect: Dialect, tmp_path: Path) -> None:
    table = read(tmp_path, content, dialect)
    assert table.names == ("a", "b")
    assert (cells_of(table, 0), cells_of(table, 1)) == (["1", "2"], ["x", "y"])


def test_text_of_windows_is_read_if_it_is_said_to_be(tmp_path: Path) -> None:
    table = read(tmp_path, "größe,b\n1,ü\n".encode("cp1252"), Dialect(encoding="cp1252"))
    assert (table.names[0], cells_of(table, 1)) == ("größe", ["ü"])


def test_equal_names_are_made_distinct(tmp_path: Path) -> None:
    table = read(tmp_path, "a,a,a.1,a\n1,2,3,4\n")
    assert table.names == ("a", "a.2", "a.1", "a.3")
    assert table.header == ("a", "a", "a.1", "a")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", ": empty; expected a row of column names"),
        (b"\n\n", ": empty; expected a row of column names"),
        (b"a,b\n", ": no rows below the header, a, b"),
        (b"a,b\n1,2\n1,2,3\n", ":3: 3 cells, but the rows above have 2; put quotes around"),
        (b"a,b\n1,2\n3\n", ":3: 1 cell, but the rows above have 2; leave an empty cell"),
        (b"# about\na,b\n1,2\n", ":2: 2 cells, but the rows above have 1; is the first line a ti"),
        (b"a,b\n1,2\0\n", ":2: a NUL character; is it a text file?"),
        (b'a,b\n1,"x\n2,y\n', ":3: not CSV: unexpected end of data"),
        (b"a,b\n1,2\n1,\xe9\n", ":3: not UTF-8 text; save it in UTF-8"),
        (b"a\xe9,b\n1,2\n", ":1: not UTF-8 text; save it in UTF-8"),
        (b"1.5,1.5\n2,3\n", ":1: two columns are named '1.5'; is the first row a header?"),
    ],
)
def test_what_is_no_table(content: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, content)
    assert str(caught.value).startswith(f"{tmp_path / 't.csv'}{message}")


def test_a_number_keeps_its_marks_and_units_apart(tmp_path: Path) -> None:
    form = NumberFormat(decimal=",", thousands=".", units=("€", "%"))
    text = "a;b\n1.234,5;€ 3\n-12;12 %\n1.2,5;-€4,5\n1.5;\n"
    table = read(tmp_path, text, Dialect(";"), form=form)
    np.testing.assert_array_equal(table.columns[0].values, [1234.5, -12, np.nan, np.nan])
    np.testing.assert_array_equal(table.columns[1].values, [3, 12, -4.5, np.nan])
    assert [odd.text for odd in table.columns[0].odd] == ["1.2,5", "1.5"]
    assert form.parse("1€5") is None
