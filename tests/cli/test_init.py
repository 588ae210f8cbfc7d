"""`nnkit init`: a config to start from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.program import TABLES, Program


def test_what_it_writes_is_a_valid_config(program: Program, tmp_path: Path) -> None:
    answer = program("init")
    assert (answer.code, answer.out) == (0, "")
    assert answer.err == "wrote config.yaml; `nnkit train config.yaml` trains it\n"
    assert program("config", "validate", "config.yaml").code == 0


def test_it_overwrites_nothing(program: Program, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("mine")
    answer = program("init")
    assert (answer.code, answer.out) == (2, "")
    assert answer.errors == ["config.yaml already exists; choose another name"]
    assert (tmp_path / "config.yaml").read_text() == "mine"


def test_a_folder_that_is_not_is_named(program: Program) -> None:
    answer = program("init", "nowhere/c.yaml")
    assert answer.code == 2
    assert answer.errors == ["nowhere/c.yaml: no such folder: nowhere"]


def test_a_label_needs_a_table(program: Program) -> None:
    answer = program("init", "--label", "species")
    assert answer.code == 2
    assert answer.errors == ["--label needs --csv"]


# Nothing can be held out of four rows, as in xor.csv.
@pytest.mark.parametrize(
    "table", sorted(set(TABLES.glob("*.csv")) - {TABLES / "xor.csv"}), ids=lambda path: path.stem
)
def test_fitted_to_a_table_it_fits(program: Program, table: Path) -> None:
    assert program("init", "c.yaml", "--csv", table).code == 0
    assert program("config", "validate", "c.yaml", "--data").code == 0


def test_fitted_to_words_and_missing_values_it_trains(program: Program, tmp_path: Path) -> None:
    rows = [
        f'"{"Oslo, N" if i % 3 else "Rome"}",{"" if i % 5 == 0 else i},{i % 2},{i or "NA"}'
        for i in range(60)
    ]
    folder = tmp_path / "my tables"
    folder.mkdir()
    (folder / "t: 1.csv").write_text("\n".join(['city,"age: #",is it?,"a,b"', *rows]))
    (tmp_path / "configs").mkdir()
    program("init", "configs/c.yaml", "--csv", "my tables/t: 1.csv", "--label", "is it?")
    text = (tmp_path / "configs" / "c.yaml").read_text()
    assert "preprocess: [impute, one_hot, standardize]" in text
    assert "# 60 rows, 3 inputs, to predict 2 classes." in text
    answer = program("train", "configs/c.yaml", "--set", "training.epochs=2", "--quiet")
    assert answer.code == 0, answer.err
    assert "accuracy" in answer.out


@pytest.mark.parametrize(
    ("table", "label", "code", "why"),
    [
        ("missing.csv", "b", 3, "missing.csv: no such file"),
        ("t.csv", "a", 3, "t.csv:3: the label 'a' is missing"),
        ("t.csv", "c", 2, "no column 'c'; available: a, b"),
    ],
)
def test_a_table_that_will_not_do_leaves_no_config(
    program: Program, tmp_path: Path, table: str, label: str, code: int, why: str
) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,x\n,y\n")
    answer = program("init", "c.yaml", "--csv", table, "--label", label)
    assert answer.code == code
    assert why in answer.errors[0]
    assert not (tmp_path / "c.yaml").exists()


def test_one_input_is_not_inputs(program: Program, tmp_path: Path) -> None:
    rows = "\n".join(f"{i},{i % 2}" for i in range(1_200))
    (tmp_path / "t.csv").write_text(f"a,b\n{rows}\n", encoding="utf-8")
    assert program("init", "--csv", "t.csv").code == 0
    first = (tmp_path / "config.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert first == "# 1,200 rows, 1 input, to predict 2 classes."
