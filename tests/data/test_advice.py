"""Tests that messages about data advise settings that its source has."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

import nnkit
from nnkit.data.dataset import Column
from nnkit.data.preprocessing.imputation import Impute
from nnkit.data.preprocessing.preprocessor import Preprocessor
from nnkit.data.sources import AnySource
from nnkit.data.sources.csv import Csv
from nnkit.data.sources.series import Series
from nnkit.data.sources.source import Source
from nnkit.data.sources.text_files import Pairs
from nnkit.errors import DataError, NnkitError, SettingError

SETTING = re.compile(r"(?<![\w.])data\.source\.(\w+)")
PACKAGE = Path(nnkit.__file__).parent
ROWS = "".join(f"{i}.5,{'xy'[i % 2]}\n" for i in range(30))
# Tables with a fault, by what is wrong.
FAULTS: dict[str, bytes] = {
    "a row with one cell": f"a,b\n{ROWS}exported\n".encode(),
    "a row with three cells": f"a,b\n{ROWS}1,2,3\n".encode(),
    "a title above the header": f"title\na,b\n{ROWS}".encode(),
    "another delimiter": f"a,b\n{ROWS}".replace(",", ";").encode(),
    "another encoding": f"a,b\n{ROWS}1.5,é\n".encode("cp1252"),
    "no header": f"1.5,1.5\n{ROWS}".encode(),
    "a word among numbers": f"a,b\n{ROWS}unknown,x\n".encode(),
    "numbers with a unit": f"a,b\n{ROWS}".replace(".5", " kg").encode(),
    "a decimal comma": f"a;b\n{ROWS}".replace(",", ";").replace(".", ",").encode(),
    "a missing cell": f"a,b\n{ROWS},\n".encode(),
    "no such column": b"c,d\n1,2\n",
}
EACH = {"units": 2, "output": "all"}
FEATURE, TEXT = Column("a"), Column("a", ("x", "y"))


def sources(path: Path) -> list[Source]:
    """A source of each kind that reads a table."""
    return [
        Csv(path=str(path), label="b"),
        Csv(path=str(path), label="a", dates={"b": {"parts": ["month"]}}),  # type: ignore[dict-item]
        Csv(path=str(path), label="a", ignore=("b",)),
        Series(path=str(path), label="a", window=2),
        Pairs(path=str(path), delimiter=",", source="a", target="b"),
        Pairs(path=str(path), delimiter=",", header=False, targets="class"),
        Pairs(path=str(path)),
    ]


def said(source: Source) -> str:
    """The error and the notices of a source."""
    try:
        return "\n".join(source.load().notices)
    except NnkitError as error:
        return str(error)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_source_that_reads_tables_has_what_its_messages_advise(
    fault: str, tmp_path: Path
) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(FAULTS[fault])
    messages = [(source, said(source)) for source in sources(path)]
    assert any(message for _, message in messages)
    for source, message in messages:
        assert set(SETTING.findall(message)) <= set(type(source).model_fields), message


@pytest.mark.parametrize("fault", FAULTS)
def test_a_trained_model_has_no_settings_to_change(fault: str, tmp_path: Path) -> None:
    path, own = tmp_path / "new.csv", tmp_path / "own.csv"
    path.write_bytes(FAULTS[fault])
    for source in sources(own):
        try:
            source.check_columns(path, [FEATURE])
            message = "\n".join(source.read_rows(path, [FEATURE]).errors.values())
        except DataError as error:
            message = str(error)
        assert not SETTING.findall(message)


def test_every_setting_that_the_code_names_exists() -> None:
    known = {name for kind in get_args(get_args(AnySource)[0]) for name in kind.model_fields}
    named = {
        name for path in PACKAGE.rglob("*.py") for name in SETTING.findall(path.read_text("utf-8"))
    }
    assert {name for name in named - known if not hasattr(Source, name)} == set()
    assert "leave_out" in named


@pytest.mark.parametrize("ignorable", [True, False])
@pytest.mark.parametrize(("step", "column"), [(Impute(), FEATURE), (None, TEXT)])
def test_a_column_that_cannot_be_used(step: Impute | None, column: Column, ignorable: bool) -> None:
    X = np.full((3, 1), np.nan)
    with pytest.raises(SettingError, match="leave out the column") as caught:
        Preprocessor.fit([step] if step else [], X, [column], ignorable=ignorable)
    assert ("data.source.ignore" in str(caught.value)) is ignorable


def test_the_validation_set_of_a_text_is_a_part_of_it(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("one two three four five six seven eight\n" * 20)
    config = {
        "data": {
            "source": {"kind": "text", "path": str(tmp_path / "t.txt"), "validation_part": 0},
            "targets": "next",
            "windows": 8,
        },
        "architecture": {
            "layers": ["one_hot", {"rnn": {"units": 2, "output": "all"}}, {"dense": "auto"}]
        },
        "regularization": {"early_stopping": 2},
    }
    with pytest.raises(NnkitError, match=r"set data\.source\.validation_part, or another"):
        nnkit.train(config, runs=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()
