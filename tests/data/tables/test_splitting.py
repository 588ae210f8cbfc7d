"""Tests of the division of text into cells: as a parser divides it, or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nnkit.data.tables import row_parsing, table_reader
from nnkit.data.tables.cells import PADDING
from nnkit.data.tables.detection import detect_dialect
from nnkit.data.tables.dialect import Dialect
from nnkit.data.tables.number_format import NumberFormat
from nnkit.data.tables.splitting import split_cells
from nnkit.errors import DataError
from tests.messy_tables import messy_table

HERE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def split(text: bytes, columns: int = 2) -> list[list[bytes]] | None:
    """The cells of a text that ends with a line end."""
    found = split_cells(PADDING + text + PADDING, len(PADDING) + len(text), columns, ",", '"', 0)
    if found is None:
        return None
    cells, end = found
    assert end <= len(PADDING) + len(text)
    return [
        [cells.text[start:stop] for start, stop in zip(starts, stops, strict=True)]
        for starts, stops in zip(cells.starts.tolist(), cells.ends.tolist(), strict=True)
    ]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        (b"1,x\n2,y\n", [[b"1", b"x"], [b"2", b"y"]]),
        (b"1,x\r\n2,\r\n", [[b"1", b"x"], [b"2", b""]]),
        (b" 1 ,\tx \n ,y\n", [[b"1", b"x"], [b"", b"y"]]),
        (b'"1","x, y"\n"",y\n', [[b"1", b"x, y"], [b"", b"y"]]),
        (b'1,"two\nlines"\n2,y\n', [[b"1", b"two\nlines"], [b"2", b"y"]]),
        (b'1,"a ""b"""\n2,y\n', [[b"1", b'a "b"'], [b"2", b"y"]]),
        (b'1,""""\n', [[b"1", b'"']]),
        (b'1,x\n2,"cut\n', [[b"1", b"x"]]),
    ],
)
def test_whole_rows_are_divided(text: bytes, rows: list[list[bytes]]) -> None:
    assert split(text) == rows


@pytest.mark.parametrize(
    "text",
    [
        *(b"1,2,3\n", b"1\n", b"1,2\n\n", b"1,a\rb\n"),
        *(b'1,"2\n', b'1,x"y"\n', b'1,5" pipe\n2,6" pipe\n', b'1,"a"b"c"\n'),
    ],
)
def test_what_needs_a_parser_is_left_to_it(text: bytes) -> None:
    assert split(text) is None


def test_rows_have_the_number_of_their_last_line() -> None:
    text = b'1,"two\nlines"\n2,y\n3,"three\n\nlines"\n'
    found = split_cells(PADDING + text + PADDING, len(PADDING) + len(text), 2, ",", '"', 10)
    assert found is not None
    assert found[0].lines.tolist() == [12, 13, 16]


def contents(path: Path, dialect: Dialect, words: bool) -> Any:
    """All that is read from a table, or the error."""
    try:
        names = table_reader.column_names(path, dialect)
        as_words = range(len(names)) if words else ()
        table = table_reader.read_table(path, dialect, NumberFormat(), as_words=as_words)
    except DataError as error:
        return str(error)
    columns = [
        (
            None if column.values is None else list(map(repr, np.asarray(column.values).tolist())),
            column.odd,
            None if column.codes is None else np.asarray(column.codes).tolist(),
            column.words,
            column.counts.tolist(),
            column.numbers,
        )
        for column in table.columns.values()
    ]
    return names, table.rows, table.lines.of_all(table.rows).tolist(), columns


def check_as_parsed(path: Path, dialect: Dialect, patch: pytest.MonkeyPatch) -> None:
    """Checks that a table is read at once, and in small parts, as a parser reads it."""
    for words in (False, True):
        with patch.context() as patched:
            patched.setattr(row_parsing, "split_cells", lambda *_: None)
            expected = contents(path, dialect, words)
        assert contents(path, dialect, words) == expected
        with patch.context() as patched:
            patched.setattr(row_parsing, "CHUNK", 200)
            patched.setattr(row_parsing, "CHUNK_OF_COLUMN", 1)
            assert contents(path, dialect, words) == expected


def check_messy_tables(seeds: range, folder: Path, patch: pytest.MonkeyPatch) -> None:
    path = folder / "t.csv"
    for seed in seeds:
        path.write_bytes(messy_table(seed).content)
        check_as_parsed(path, detect_dialect(path).dialect, patch)


def test_messy_tables_are_read_as_a_parser_reads_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_messy_tables(range(15), tmp_path, monkeypatch)


@pytest.mark.slow
def test_hundreds_of_messy_tables_are_read_as_a_parser_reads_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_messy_tables(range(15, 400), tmp_path, monkeypatch)


CELLS = st.text("a1.\", \n-é'", max_size=5) | st.sampled_from(["12", "-1.5", "NA", "x y", '"q"'])


@HERE
@given(
    st.lists(st.lists(CELLS, min_size=1, max_size=3).map(",".join), min_size=1, max_size=8),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)
def test_any_text_is_read_as_a_parser_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: list[str], end: str, ends: bool
) -> None:
    path = tmp_path / "t.csv"
    # Blanks behind a closing quote are an error for the parser only.
    text = end.join(["a,b", *(line.replace('" ', '"') for line in lines)]) + end * ends
    path.write_bytes(text.encode())
    check_as_parsed(path, Dialect(), monkeypatch)
