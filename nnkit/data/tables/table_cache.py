"""A cache of parsed tables in the user's cache folder, so that a large file is parsed only once.

An entry belongs to the content of a file, its dialect and its format of numbers. The content is
identified by SHA-256, which is not computed again while size and times of the file are unchanged.
Entries are archives of arrays, without pickle, which are read when they are wanted. If one fails
its checksum, the file is parsed again. The entries used least recently are removed when there are
too many bytes.
"""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from functools import cached_property, partial
from hashlib import file_digest, sha256
from pathlib import Path
from time import time_ns
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nnkit.data.tables.dialect import Dialect
from nnkit.data.tables.number_format import NumberFormat
from nnkit.data.tables.number_summary import NumberSummary
from nnkit.data.tables.parsed_table import (
    LineNumbers,
    Odd,
    ParsedColumn,
    ParsedTable,
    StoredArray,
)
from nnkit.data.tables.table_reader import read_table
from nnkit.files import write_atomic
from nnkit.paths import cache_folder
from nnkit.version import __version__

Array = NDArray[Any]
SMALLEST = 4 << 20  # bytes of a file that is worth it; smaller ones are parsed in a moment
MOST = 2 << 30  # bytes of all entries
SAMPLE = 1_000  # values
DOUBTFUL = 2 * 10**9  # nanoseconds; a later change might have the same time
UNREADABLE = (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error)


def cached_table(
    path: Path,
    dialect: Dialect,
    form: NumberFormat,
    *,
    skip: Collection[int] = (),
    as_words: Collection[int] = (),
    ragged: dict[int, str] | None = None,
) -> ParsedTable:
    """Reads a table as `read_table` does, from the cache if it is there.

    The arrays of a table in the cache are read from there on access.
    """

    def parse() -> ParsedTable:
        return read_table(path, dialect, form, skip=skip, as_words=as_words, ragged=ragged)

    try:
        state = path.stat()
    except OSError:
        return parse()
    if state.st_size < SMALLEST:
        return parse()
    folder = cache_folder() / "tables"
    place = folder / f"{_content(path, state, folder)[:32]}-{_settings(dialect, form)}.npz"

    def parse_and_store() -> ParsedTable:
        table = parse()
        if ragged:  # an entry has no messages
            return table
        columns = {i: _summarized(column) for i, column in table.columns.items()}
        table = replace(table, columns=columns)
        _store(place, table, as_words)
        return table

    found = _load(place, path, form, skip, as_words, parse_and_store)
    if found is not None:
        return found
    table = parse_and_store()
    stored = None if ragged else _load(place, path, form, skip, as_words, parse_and_store)
    return table if stored is None else stored


def _summarized(column: ParsedColumn) -> ParsedColumn:
    if column.values is None:
        return column
    return replace(column, summary=NumberSummary.of(np.asarray(column.values)))


def _settings(dialect: Dialect, form: NumberFormat) -> str:
    """Identifies what determines a parsed table besides its content."""
    divided = {name: value for name, value in asdict(dialect).items() if name != "settings"}
    settings = [divided, asdict(form), __version__]
    return sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


def _content(path: Path, state: os.stat_result, folder: Path) -> str:
    """The SHA-256 of a file, which is remembered with its size and time."""
    digest = sha256(os.fsencode(path.resolve())).hexdigest()[:32]
    record = folder / f"{digest}.json"
    now = [state.st_size, state.st_mtime_ns, state.st_ctime_ns]
    with suppress(*UNREADABLE):
        known = json.loads(record.read_text(encoding="utf-8"))
        if known["state"] == now and max(now[1:]) + DOUBTFUL <= int(known["recorded"]):
            return str(known["content"])
    with path.open("rb") as file:
        content = file_digest(file, "sha256").hexdigest()
    with suppress(OSError):  # the file is read again next time
        folder.mkdir(parents=True, exist_ok=True)
        known = {"state": now, "recorded": time_ns(), "content": content}
        write_atomic(record, json.dumps(known))
    return content


class _Entry:
    """An entry that is open for reading."""

    def __init__(self, place: Path, parse: Callable[[], ParsedTable]) -> None:
        """Opens an entry.

        Args:
            place: the file.
            parse: parses the table again, and replaces the entry.
        """
        self._archive = zipfile.ZipFile(place)
        self._parse = parse

    @cached_property
    def _parsed(self) -> ParsedTable:
        return self._parse()

    def read(self, name: str) -> Array:
        """An array by its name."""
        archive = self._archive
        with archive.open(f"{name}.npy") as member:
            found: Array = np.lib.format.read_array(member, allow_pickle=False)
        return found

    def stored(self, index: int, name: Literal["values", "codes"]) -> StoredArray:
        """An array of a column, which is read from the entry on access."""
        return StoredArray(partial(self._read, index, name))

    def _read(self, index: int, name: Literal["values", "codes"]) -> Array:
        dtype = np.float64 if name == "values" else np.int32
        try:
            found: Array = self.read(f"{index}/{name}").astype(dtype, copy=False)
        except UNREADABLE:
            column = self._parsed.columns[index]
            found = np.asarray(column.values if name == "values" else column.codes)
        return found


def _load(
    place: Path,
    path: Path,
    form: NumberFormat,
    skip: Collection[int],
    as_words: Collection[int],
    parse: Callable[[], ParsedTable],
) -> ParsedTable | None:
    """The table in an entry; None if there is none, or not with all columns."""
    try:
        entry = _Entry(place, parse)
        about = json.loads(entry.read("about").tobytes())
        wanted = [i for i in range(len(about["names"])) if i not in skip]
        if not set(wanted) <= set(map(int, about["columns"])):
            return None
        if not set(as_words) <= set(about["as_words"]):
            return None
        columns = {i: _column(entry, i, about["columns"][str(i)]) for i in wanted}
        lines = LineNumbers(entry.read("rows"), entry.read("lines"))
    except UNREADABLE:
        return None
    with suppress(OSError):
        os.utime(place)
    names, header = tuple(about["names"]), tuple(about["header"])
    return ParsedTable(
        path, names, about["rows"], columns, lines, header, form, about["has_header"]
    )


def _column(entry: _Entry, index: int, about: Mapping[str, Any]) -> ParsedColumn:
    words = json.loads(entry.read(f"{index}/words").tobytes())
    return ParsedColumn(
        entry.stored(index, "values") if "values" in about["arrays"] else None,
        tuple(Odd(**odd) for odd in about["odd"]),
        entry.stored(index, "codes") if "codes" in about["arrays"] else None,
        tuple(words),
        entry.read(f"{index}/counts").astype(np.int64),
        about["numbers"],
        about["too_many"],
        None if about["summary"] is None else NumberSummary(**about["summary"]),
    )


def _store(place: Path, table: ParsedTable, as_words: Collection[int]) -> None:
    """Writes an entry as a whole; does nothing if that is not possible."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=place.parent, suffix=".part")
    except OSError:
        return
    try:
        with os.fdopen(handle, "wb") as file, zipfile.ZipFile(file, "w") as archive:
            for name, array in _arrays(table, as_words):  # one at a time, in the format of np.savez
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, array, allow_pickle=False)
        Path(temporary).replace(place)
        _remove_oldest(place.parent)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _arrays(table: ParsedTable, as_words: Collection[int]) -> Iterator[tuple[str, Array]]:
    """Yields the arrays of an entry by name; `about` describes the others."""
    yield "rows", table.lines.rows
    yield "lines", table.lines.lines
    columns = {}
    for i, column in table.columns.items():
        own = {"values": column.values, "codes": column.codes, "counts": column.counts}
        present = {name: array for name, array in own.items() if array is not None}
        yield from ((f"{i}/{name}", _narrow(np.asarray(array))) for name, array in present.items())
        yield f"{i}/words", _bytes(list(column.words))
        columns[i] = {
            "arrays": list(present),
            "odd": [asdict(odd) for odd in column.odd],
            "numbers": column.numbers,
            "too_many": column.too_many,
            "summary": None if column.summary is None else asdict(column.summary),
        }
    about = {
        "names": table.names,
        "rows": table.rows,
        "header": table.header,
        "has_header": table.has_header,
        "columns": columns,
        "as_words": sorted(as_words),
    }
    yield "about", _bytes(about)


def _bytes(value: Any) -> Array:
    return np.frombuffer(json.dumps(value).encode(), np.uint8)


def _narrow(array: Array) -> Array:
    """The array in the smallest type that represents all of its values."""
    for dtype in (np.int8, np.int16, np.int32, np.float32):
        if np.dtype(dtype).itemsize >= array.itemsize:
            break
        # The first values tell most types apart without a copy of all.
        if _as_type(array[:SAMPLE], dtype) is None:
            continue
        narrow = _as_type(array, dtype)
        if narrow is not None:
            return narrow
    return array


def _as_type(array: Array, dtype: type[np.generic]) -> Array | None:
    """The array in another type; None if that does not represent all of its values."""
    with np.errstate(invalid="ignore", over="ignore"):
        narrow = array.astype(dtype)
    same = np.array_equal(narrow, array, equal_nan=dtype is np.float32)
    return narrow if same else None


def _remove_oldest(folder: Path) -> None:
    """Removes the entries used least recently, until `MOST` bytes are left."""
    entries = sorted(
        ((file.stat().st_mtime, file) for file in folder.iterdir() if file.is_file()), reverse=True
    )
    total = 0
    for _, file in entries:
        total += file.stat().st_size
        if total > MOST:
            file.unlink(missing_ok=True)
