"""`nnkit eval`: a checkpoint's score."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.program import IRIS, Program


@pytest.mark.parametrize("form", ["name", "hashed name", "folder", "file"])
def test_a_checkpoint_goes_by_name_folder_or_file(
    program: Program, trained: Path, form: str
) -> None:
    what = {
        "name": "iris-mlp",
        "hashed name": trained.name,
        "folder": trained,
        "file": trained / "checkpoints" / "best.safetensors",
    }[form]
    answer = program("eval", what, "--runs", trained.parent)
    assert (answer.code, answer.err) == (0, "")
    assert "samples     30 (test)" in answer.out
    assert "accuracy" in answer.out


def test_as_json(program: Program, trained: Path) -> None:
    found = program("eval", trained, "--json").json
    assert list(found) == ["checkpoint", "split", "samples", "loss", "metrics"]
    assert found["checkpoint"] == str(trained / "checkpoints" / "best.safetensors")
    assert (found["split"], found["samples"]) == ("test", 30)
    assert 0 <= found["metrics"]["accuracy"] <= 1


@pytest.mark.parametrize(("split", "samples"), [("train", 98), ("validation", 22)])
def test_another_set(program: Program, trained: Path, split: str, samples: int) -> None:
    assert program("eval", trained, "--split", split, "--json").json["samples"] == samples


def test_a_set_that_is_not(program: Program, trained: Path) -> None:
    answer = program("eval", trained, "--split", "tset")
    assert (answer.code, answer.out) == (2, "")
    assert answer.errors == ["there is no tset set; there are validation, test, train"]


def test_a_checkpoint_that_is_not(program: Program, trained: Path) -> None:
    answer = program("eval", "nothing", "--runs", trained.parent)
    assert (answer.code, answer.out) == (3, "")
    assert trained.name in answer.errors[0]


def test_a_file_that_is_none(program: Program) -> None:
    answer = program("eval", IRIS)
    assert answer.code == 3
    assert answer.errors == [f"{IRIS}: not an nnkit checkpoint, or damaged"]


def test_a_network_of_one_layer(program: Program, tmp_path: Path) -> None:
    layers = "architecture.layers=[dense: 3]"
    arguments = ("--set", layers, "--set", "activation={}", "--set", "training.epochs=1")
    run = program("train", IRIS, *arguments, "--json").json["run"]
    assert program("eval", run).code == 0


def test_a_network_trained_without_a_validation_set(program: Program, tmp_path: Path) -> None:
    changes = ("data.split.validation=0", "regularization={}", "training={epochs: 1}")
    arguments = [part for change in changes for part in ("--set", change)]
    run = program("train", IRIS, *arguments, "--json").json["run"]
    assert program("eval", run).code == 0
