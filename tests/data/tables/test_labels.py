"""Tests of labels: classes have the names that the file has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nnkit.data.dataset import Dataset
from nnkit.data.sources.csv import Csv


def load(folder: Path, labels: list[str], **settings: Any) -> Dataset:
    path = folder / "t.csv"
    rows = [f"{i}.5,{label}" for i, label in enumerate(labels * 5)]
    path.write_text("\n".join(["x,y", *rows]))
    return Csv(path=str(path), **settings).load()


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (["007", "7", "08"], ["007", "7", "08"]),
        (["9007199254740993", "9007199254740992"], ["9007199254740992", "9007199254740993"]),
        (["123456789012345678901", "123456789012345678902"], None),
        (["1", "1.0", "2"], ["1", "2"]),
        (["1.0", "2.0"], ["1.0", "2.0"]),
        (["-1", "+1"], ["-1", "+1"]),
        (["10", "9", "b", "a"], ["9", "10", "a", "b"]),
        (["00", "0"], ["0", "00"]),
        (["a", " a"], None),
    ],
)
def test_classes_are_named_as_in_the_file(
    labels: list[str], classes: list[str] | None, tmp_path: Path
) -> None:
    if labels == ["a", " a"]:
        with pytest.raises(Exception, match="all labels are 'a'"):
            load(tmp_path, labels)
        return
    assert list(load(tmp_path, labels).classes or ()) == (classes or labels)


def test_versions_are_numbers_unless_they_are_said_to_be_classes(tmp_path: Path) -> None:
    assert load(tmp_path, ["1.1", "1.10", "1.2"]).classes is None
    classes = load(tmp_path, ["1.1", "1.10", "1.2"], task="classification")
    assert classes.classes == ("1.1", "1.2")
    assert classes.notices == ("label 'y': 1.1, 1.10 are one class, named 1.1",)


def test_many_numbers_can_be_classes(tmp_path: Path) -> None:
    labels = [str(i) for i in range(400)]
    assert load(tmp_path, labels).classes is None
    assert len(load(tmp_path, labels, task="classification").classes or ()) == 400
