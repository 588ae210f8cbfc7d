"""Fingerprints of data, recorded beside the files, so that unchanged data need not be read again.

A record holds the size and the times of every file. It is in doubt, and not used, if a file changed
within two seconds before it was written: a later change might have the same time.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from time import time_ns
from typing import Any

from nnkit.config.spec import PATH_SETTINGS
from nnkit.data.sources.source import Source
from nnkit.files import write_atomic
from nnkit.paths import cache_folder
from nnkit.version import __version__

RECORDS = ".nnkit-fingerprints.json"
DOUBTFUL = 2 * 10**9  # nanoseconds; the coarsest times of common file systems
MOST_RECORDS = 100  # in one file; the oldest are dropped


def recorded_fingerprint(source: Source) -> str | None:
    """The fingerprint of a source's data, if it is recorded and no file has changed; else None."""
    files = source.files()
    if (state := state_of(files)) is None:
        return None
    key = _key(source)
    for place in _places(files):
        record = _read(place).get(key)
        if isinstance(record, dict) and record.get("state") == state:
            return str(record.get("fingerprint")) if _is_certain(record, files) else None
    return None


def record_fingerprint(source: Source, fingerprint: str) -> None:
    """Records the fingerprint of data just read, beside its files or in the user's cache folder.

    Does nothing where neither can be written.
    """
    files = source.files()
    state = state_of(files)
    if state is None or recorded_fingerprint(source) == fingerprint:
        return
    record = {"fingerprint": fingerprint, "state": state, "recorded": time_ns()}
    for place in _places(files):
        records = _read(place)
        records.pop(_key(source), None)
        records[_key(source)] = record
        kept = dict(list(records.items())[-MOST_RECORDS:])
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(place, json.dumps(kept, indent=1) + "\n")
        except OSError:
            continue
        return


def _places(files: Sequence[Path]) -> list[Path]:
    """The files in which a record may be: beside the data, and in the user's cache folder."""
    folder = Path(os.path.commonpath([file.parent.resolve() for file in files]))
    digest = sha256(os.fsencode(folder)).hexdigest()[:16]
    return [folder / RECORDS, cache_folder() / "fingerprints" / f"{digest}.json"]


def _key(source: Source) -> str:
    """Identifies the settings and the version that turn files into data."""
    settings = source.model_dump(mode="json")
    places = {name: Path(p).name for name, p in settings.items() if name in PATH_SETTINGS and p}
    text = json.dumps([{**settings, **places}, __version__], sort_keys=True)
    return sha256(text.encode()).hexdigest()[:16]


def state_of(files: Sequence[Path]) -> str | None:
    """A digest of names, sizes and times of files; None if there are none or one is missing."""
    if not files:
        return None
    digest = sha256()
    try:
        for file in files:
            found = file.stat()
            line = [str(file.resolve()), found.st_size, found.st_mtime_ns, found.st_ctime_ns]
            digest.update(json.dumps(line).encode())
    except OSError:
        return None
    return digest.hexdigest()


def _is_certain(record: dict[str, Any], files: Sequence[Path]) -> bool:
    newest = max(max(s.st_mtime_ns, s.st_ctime_ns) for s in (file.stat() for file in files))
    return newest + DOUBTFUL <= int(record.get("recorded", 0))


def _read(place: Path) -> dict[str, Any]:
    try:
        records = json.loads(place.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return records if isinstance(records, dict) else {}
