"""`nnkit predict`: answers to table rows and pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import nnkit
from nnkit.training.config import config_from
from tests.cli.program import ROOT, TABLES, Program


@pytest.fixture(scope="module")
def shades(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that tells dark pictures from light ones."""
    folder = tmp_path_factory.mktemp("shades")
    for name, grey in (("dark", 30), ("light", 220)):
        (folder / name).mkdir()
        for i in range(10):
            Image.new("L", (8, 8), grey + i).save(folder / name / f"{i}.png")
    source = {"kind": "image_folder", "path": str(folder), "size": [8, 8]}
    config = config_from(
        {
            "name": "shades",
            "data": {"source": source, "preprocess": ["standardize"]},
            "architecture": {"layers": ["flatten", {"dense": 2}]},
            "activation": {},
            "optimizer": {"kind": "sgd", "lr": 0.1},
        }
    )
    return nnkit.train(config, runs=folder / "runs").directory


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """The first three rows of the iris table, without the label."""
    lines = (TABLES / "iris.csv").read_text(encoding="utf-8").splitlines()[:4]
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(line.rpartition(",")[0] for line in lines))
    return path


def test_rows_of_a_table(program: Program, trained: Path, rows: Path) -> None:
    answer = program("predict", rows, "--checkpoint", trained)
    assert (answer.code, answer.err) == (0, "")
    first, *others = answer.out.splitlines()
    assert first.startswith(f"{rows} row 1: setosa  ")
    assert first.endswith(" %")
    assert len(others) == 2


def test_as_json(program: Program, trained: Path, rows: Path) -> None:
    found = program("predict", rows, "-c", trained, "--json").json["inputs"]
    assert [answer["row"] for answer in found] == [1, 2, 3]
    assert {answer["path"] for answer in found} == {str(rows)}
    assert found[0]["text"] == "setosa"
    assert 1 / 3 < found[0]["confidence"] <= 1


def test_rows_of_an_array(program: Program, trained: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", [[5.1, 3.5, 1.4, 0.2]])
    found = program("predict", "rows.npy", "-c", trained, "--json").json["inputs"]
    assert [answer["text"] for answer in found] == ["setosa"]


def test_pictures(program: Program, shades: Path, tmp_path: Path) -> None:
    Image.new("L", (20, 30), 10).save(tmp_path / "a.png")
    Image.new("RGB", (9, 9), (250, 240, 245)).save(tmp_path / "b.png")
    found = program("predict", "a.png", "b.png", "-c", shades, "--json").json["inputs"]
    assert [answer["text"] for answer in found] == ["dark", "light"]
    assert found[0]["digits"] == [{"label": "dark", "confidence": found[0]["confidence"]}]


def test_without_a_checkpoint_the_latest_run_that_can_read_such_a_file(
    program: Program, shades: Path, tmp_path: Path
) -> None:
    Image.new("L", (8, 8), 200).save(tmp_path / "a.png")
    answer = program("predict", "a.png", "--runs", shades.parent)
    assert answer.out.startswith("a.png: light")
    assert answer.err == f"using {shades / 'checkpoints' / 'best.safetensors'}\n"


def test_without_any_such_run(program: Program, trained: Path) -> None:
    picture = ROOT / "data" / "pictures" / "7.png"
    answer = program("predict", picture, "--runs", trained.parent)
    assert (answer.code, answer.out) == (2, "")
    assert "train one first, such as `nnkit train configs/mnist-mlp.yaml`" in answer.errors[0]


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("missing.csv", None, "no such file"),
        ("missing.png", None, ""),
        ("empty.csv", b"", "empty"),
        ("words.csv", b"a,b\n1,2\n", "no column 'sepal"),
        ("broken.npy", b"none", "not a readable .npy file"),
        ("picture.png", b"none", "this model reads csv data, not pictures"),
    ],
)
def test_a_bad_file_is_exit_3_and_leaves_no_half_answer(
    program: Program,
    trained: Path,
    rows: Path,
    tmp_path: Path,
    name: str,
    content: bytes | None,
    why: str,
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    answer = program("predict", rows, name, "-c", trained)
    assert (answer.code, answer.out) == (3, "")
    (line,) = answer.errors
    assert line.startswith(name)
    assert why in line


def test_numbers_where_the_target_is_one(program: Program, tmp_path: Path) -> None:
    program("init", "c.yaml", "--csv", TABLES / "diabetes.csv")
    run = program("train", "c.yaml", "--set", "training.epochs=1", "--json").json["run"]
    found = program("predict", TABLES / "diabetes.csv", "-c", run, "--json").json["inputs"]
    assert len(found) == 442
    assert found[0]["text"] == f"{found[0]['values'][0]:.6g}"
