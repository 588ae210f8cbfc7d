"""Texts from a column of a CSV table, and pairs of texts from two."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nnkit.data.tables.dialect import Dialect, delimiter_question
from nnkit.data.tables.number_format import NumberFormat
from nnkit.data.tables.parsed_table import ParsedTable, column_index
from nnkit.data.tables.table_reader import column_names, read_table
from nnkit.data.text.text_pairs import ColumnChoice, TextPairs, nonempty_pairs

SETTINGS = frozenset({"delimiter", "header"})  # of the source `pairs`, for messages
NOTHING_IS_MISSING = NumberFormat(missing=("",))  # a text may be NA or null


def read_csv_pairs(
    path: Path,
    source: ColumnChoice = 0,
    target: ColumnChoice = 1,
    *,
    delimiter: str = ",",
    header: bool = True,
) -> TextPairs:
    """Reads pairs of texts from two columns of a table, whose cells may be in quotes.

    Rows with an empty side are left out; a notice says which.

    Args:
        path: the file, in UTF-8.
        source: the column of the sources: its index from 0, or its name.
        target: the column of the targets.
        delimiter: the field separator.
        header: whether the first row names the columns.

    Raises:
        DataError: the file is missing, not text or empty, has no such columns, or a row has the
            wrong number of cells.
    """
    dialect = Dialect(delimiter, header=header, settings=SETTINGS)
    names, question = column_names(path, dialect), delimiter_question(dialect)
    chosen = [column_index(path, names, column, question) for column in (source, target)]
    others = [i for i in range(len(names)) if i not in chosen]
    table = read_table(path, dialect, NOTHING_IS_MISSING, skip=others, as_words=chosen)
    sources, targets = (_texts(table, i) for i in chosen)
    lines = table.lines.of_all(table.rows).tolist()
    names = tuple(names[i] for i in chosen) if header else ()
    return nonempty_pairs(path, list(zip(sources, targets, lines, strict=True)), names)


def read_csv_texts(
    path: Path, column: ColumnChoice, *, delimiter: str = ",", header: bool = True
) -> list[tuple[int, str, str | None]]:
    """Reads the texts in a column of a table: their lines, the texts, and what is wrong with them.

    A row with the wrong number of cells has no text, and a message; an empty cell is an empty text.

    Args:
        path: the file, in UTF-8.
        column: its index from 0, or its name.
        delimiter: the field separator.
        header: whether the first row names the columns.

    Raises:
        DataError: the file is missing, not text or empty, or has no such column.
    """
    dialect = Dialect(delimiter, header=header)
    names = column_names(path, dialect)
    chosen = column_index(path, names, column, delimiter_question(dialect))
    others = [i for i in range(len(names)) if i != chosen]
    wrong: dict[int, str] = {}
    table = read_table(
        path, dialect, NOTHING_IS_MISSING, skip=others, as_words=[chosen], ragged=wrong
    )
    lines = table.lines.of_all(table.rows).tolist()
    texts = zip(lines, _texts(table, chosen), strict=True)
    return [(line, text, wrong.get(line)) for line, text in texts]


def check_csv_column(
    path: Path, column: ColumnChoice, *, delimiter: str = ",", header: bool = True
) -> None:
    """Checks that a table has a column, given as for `read_csv_texts`.

    Raises:
        DataError: the file is missing, not text or empty, or has no such column.
    """
    dialect = Dialect(delimiter, header=header)
    column_index(path, column_names(path, dialect), column, delimiter_question(dialect))


def _texts(table: ParsedTable, index: int) -> list[str]:
    """The cells of a column."""
    column = table.columns[index]
    words = np.array([*column.words, ""], dtype=object)  # a missing cell has the code -1
    found: list[str] = words[np.asarray(column.codes)].tolist()
    return found
