"""Tests of starter configs for tables whose only input is a column of texts."""

from __future__ import annotations

from pathlib import Path

import pytest

from nnkit.errors import UsageError
from nnkit.task.starters import starter_for
from nnkit.task.starters.table_options import TableOptions
from tests.task.starters.configs import loaded, table


@pytest.mark.parametrize("kind", ["label", "number"])
def test_a_table_of_texts_and_a_label(tmp_path: Path, kind: str) -> None:
    (tmp_path / "a.csv").write_text(table(kind))
    starter = starter_for(tmp_path / "a.csv", TableOptions(labels=("mark",)), tmp_path)
    assert starter.remarks[0] == "column 'text' holds texts, 'mark' their labels"
    config = loaded(starter, tmp_path)
    assert config.data.source.model_dump()["target"] == "mark"
    data = config.data.load()
    assert data.classes == (("long", "short") if kind == "label" else None)
    assert len(data.samples) == 200


def test_a_table_of_texts_with_a_test_set_of_its_own(tmp_path: Path) -> None:
    for name in ("a.csv", "test.csv"):
        (tmp_path / name).write_text(table("number"))
    options = TableOptions(labels=("mark",))
    starter = starter_for(tmp_path / "a.csv", options, tmp_path, {"test": tmp_path / "test.csv"})
    sets = loaded(starter, tmp_path).data.load()
    assert (len(sets.samples), len(sets.test or ())) == (200, 200)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,mark\n" + "".join(f"a{i},{i}.5\n" for i in range(60)), "no input column is left"),
        (table("number").replace(",", ";").replace(".5", ",5"), "if the file needed no setting d"),
    ],
)
def test_a_table_that_cannot_be_taken_as_texts(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(UsageError, match=message):
        starter_for(tmp_path / "a.csv", TableOptions(labels=("mark",)), tmp_path)
