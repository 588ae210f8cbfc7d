"""Recorded fingerprints: used only as long as the files are certainly the same."""

from __future__ import annotations

import json
import os
from pathlib import Path
from time import time_ns
from typing import Any

import pytest

from nnkit.data import fingerprints
from nnkit.data.fingerprints import RECORDS, record_fingerprint, recorded_fingerprint
from nnkit.data.sources.csv import Csv
from nnkit.data.sources.image_folder import ImageFolder
from nnkit.data.sources.mnist import Mnist

YEAR = 365 * 24 * 3600 * 10**9


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Records are written long after the files."""
    now = time_ns()
    monkeypatch.setattr(fingerprints, "time_ns", lambda: now + YEAR)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "table.csv"
    path.write_text("x,y\n1,a\n2,b\n")
    return path


def source(table: Path, **settings: Any) -> Csv:
    return Csv(path=str(table), **settings)


def test_unchanged_data_is_known(table: Path, later: None) -> None:
    assert recorded_fingerprint(source(table)) is None
    record_fingerprint(source(table), "abc")
    assert recorded_fingerprint(source(table)) == "abc"
    assert (table.parent / RECORDS).is_file()


def test_other_settings_are_other_data(table: Path, later: None) -> None:
    record_fingerprint(source(table), "abc")
    assert recorded_fingerprint(source(table, label="x")) is None
    record_fingerprint(source(table, label="x"), "def")
    assert recorded_fingerprint(source(table)) == "abc"
    assert recorded_fingerprint(source(table, label="x")) == "def"


@pytest.mark.parametrize("changed", ["content", "size", "time", "gone"])
def test_data_that_may_have_changed_is_not(table: Path, later: None, changed: str) -> None:
    record_fingerprint(source(table), "abc")
    before = table.stat()
    if changed == "gone":
        table.unlink()
    elif changed == "time":
        os.utime(table, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    else:
        table.write_text("x,y\n1,a\n2,c\n" if changed == "content" else "x,y\n1,a\n")
        # As a careless copy does: only the time of the change of the entry tells.
        os.utime(table, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert recorded_fingerprint(source(table)) is None


def test_data_changed_just_before_is_in_doubt(table: Path) -> None:
    record_fingerprint(source(table), "abc")
    assert recorded_fingerprint(source(table)) is None


def test_a_new_file_in_a_folder_is_a_change(tmp_path: Path, later: None) -> None:
    for name in ("cats", "dogs"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.png").write_bytes(b"")
    pictures = ImageFolder(path=str(tmp_path))
    record_fingerprint(pictures, "abc")
    assert recorded_fingerprint(pictures) == "abc"
    assert (tmp_path / RECORDS).is_file()
    (tmp_path / "dogs" / "2.png").write_bytes(b"")
    assert recorded_fingerprint(pictures) is None


def test_where_the_folder_cannot_be_written_the_cache_is_used(
    table: Path, later: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (table.parent / RECORDS).mkdir()  # as good as a folder without permission, also for root
    record_fingerprint(source(table), "abc")
    assert recorded_fingerprint(source(table)) == "abc"
    assert list((tmp_path / "cache").rglob("*.json"))


@pytest.mark.parametrize("content", ["", "[]", "{", '{"k": 3}'])
def test_damaged_records_are_none(table: Path, later: None, content: str) -> None:
    record_fingerprint(source(table), "abc")
    records = table.parent / RECORDS
    (key,) = json.loads(records.read_text())
    records.write_text(content.replace("k", key))
    assert recorded_fingerprint(source(table)) is None
    record_fingerprint(source(table), "abc")
    assert recorded_fingerprint(source(table)) == "abc"


def test_mnist_is_its_four_files() -> None:
    assert [file.suffix for file in Mnist().files()] == [".gz"] * 4
