"""A cache of parsed tables in the user's cache folder, so that a large file is parsed only once.

An entry belongs to the content of a file, its dialect and its format of numbers. The content is
identified by SHA-256, which is not computed again while size and times of the file are unchanged.
Entries are archives of arrays, without pickle; one that fails its checksums is ignored, and the
file is parsed again. The entries used least recently are removed when there are too many bytes.
"""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
import zlib
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from hashlib import file_digest, sha256
from pathlib import Path
from time import time_ns
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnkit.data.tables.dialect import Dialect
from nnkit.data.tables.number_format import NumberFormat
from nnkit.data.tables.number_summary import NumberSummary
from nnkit.data.tables.parsed_table import LineNumbers, Odd, ParsedColumn, ParsedTable
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
    """Reads a table as `read_table` does, from the cache if it is there."""
    try:
        state = path.stat()
    except OSError:
        return read_table(path, dialect, form, skip=skip, as_words=as_words, ragged=ragged)
    if state.st_size < SMALLEST:
        return read_table(path, dialect, form, skip=skip, as_words=as_words, ragged=ragged)
    folder = cache_folder() / "tables"
    entry = folder / f"{_content(path, state, folder)[:32]}-{_settings(dialect, form)}.npz"
    found = _load(entry, path, form, skip, as_words)
    if found is not None:
        return found
    table = read_table(path, dialect, form, skip=skip, as_words=as_words, ragged=ragged)
    if ragged:  # an entry has no messages
        return table
    columns = {i: _summarized(column) for i, column in table.columns.items()}
    table = replace(table, columns=columns)
    _store(entry, table, as_words)
    return table


def _summarized(column: ParsedColumn) -> ParsedColumn:
    if column.values is None:
        return column
    return replace(column, summary=NumberSummary.of(column.values))


def _settings(dialect: Dialect, form: NumberFormat) -> str:
    """Identifies what determines a parsed table besides its content."""
    settings = [asdict(dialect), asdict(form), __version__]
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


def _load(
    entry: Path,
    path: Path,
    form: NumberFormat,
    skip: Collection[int],
    as_words: Collection[int],
) -> ParsedTable | None:
    """The table in an entry; None if there is none, or not with all columns."""
    try:
        with entry.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            about = json.loads(archive["about"].tobytes())
            wanted = [i for i in range(len(about["names"])) if i not in skip]
            if not set(wanted) <= set(map(int, about["columns"])):
                return None
            if not set(as_words) <= set(about["as_words"]):
                return None
            columns = {i: _column(archive, i, about["columns"][str(i)]) for i in wanted}
            lines = LineNumbers(archive["rows"], archive["lines"])
    except UNREADABLE:
        return None
    with suppress(OSError):
        os.utime(entry)
    names, header = tuple(about["names"]), tuple(about["header"])
    return ParsedTable(
        path, names, about["rows"], columns, lines, header, form, about["has_header"]
    )


def _column(archive: Any, index: int, about: Mapping[str, Any]) -> ParsedColumn:
    arrays = {
        name: archive[f"{index}/{name}"].astype(dtype, copy=False)
        for name, dtype in (("values", np.float64), ("codes", np.int32), ("counts", np.int64))
        if name in about["arrays"]
    }
    words = json.loads(archive[f"{index}/words"].tobytes())
    return ParsedColumn(
        arrays.get("values"),
        tuple(Odd(**odd) for odd in about["odd"]),
        arrays.get("codes"),
        tuple(words),
        arrays["counts"],
        about["numbers"],
        about["too_many"],
        None if about["summary"] is None else NumberSummary(**about["summary"]),
    )


def _store(entry: Path, table: ParsedTable, as_words: Collection[int]) -> None:
    """Writes an entry as a whole; does nothing if that is not possible."""
    arrays: dict[str, Array] = {"rows": table.lines.rows, "lines": table.lines.lines}
    columns = {}
    for i, column in table.columns.items():
        own = {"values": column.values, "codes": column.codes, "counts": column.counts}
        present = {name: _narrow(array) for name, array in own.items() if array is not None}
        arrays |= {f"{i}/{name}": array for name, array in present.items()}
        arrays[f"{i}/words"] = _bytes(list(column.words))
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
    arrays["about"] = _bytes(about)
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=entry.parent, suffix=".part")
    except OSError:
        return
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
        Path(temporary).replace(entry)
        _remove_oldest(entry.parent)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


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
