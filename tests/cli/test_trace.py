"""`nnkit trace`: a step in the terminal, as Markdown, as a page, as JSON."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.program import IRIS, ROOT, Program

XOR = ROOT / "configs" / "xor.yaml"


def test_in_the_terminal(program: Program) -> None:
    answer = program("trace", XOR, "--sample", 3)
    assert (answer.code, answer.err) == (0, "")
    parts = [line for line in answer.out.splitlines() if line.isupper() and line.isalpha()]
    assert parts == ["FORWARD", "LOSS", "BACKWARD", "UPDATE"]
    assert "δ⁽¹⁾ = ∂E/∂z⁽¹⁾ = (W⁽²⁾ᵀ δ⁽²⁾) ⊙ f′(z⁽¹⁾)" in answer.out
    assert max(map(len, answer.out.splitlines())) <= 100
    assert answer.out.replace("\n", "").isprintable()


def test_digits(program: Program) -> None:
    assert "0.8807971" in program("trace", XOR, "--sample", 3, "--digits", 7).out
    assert "0.8807971" not in program("trace", XOR, "--sample", 3).out


def test_no_number_is_cut_short(program: Program) -> None:
    assert "…" not in program("trace", IRIS, "--digits", 17).out


def test_as_markdown(program: Program) -> None:
    answer = program("trace", XOR, "--format", "markdown")
    assert answer.out.startswith("# xor: one training step on sample 0 of the train set (target 0)")
    assert "| unit | w₁ | w₂ | b | z |" in answer.out


@pytest.mark.parametrize(("name", "begins"), [("t.html", "<!DOCTYPE html>"), ("t.md", "# xor")])
def test_as_a_file(program: Program, tmp_path: Path, name: str, begins: str) -> None:
    answer = program("trace", XOR, "-o", name)
    assert (answer.code, answer.out, answer.err) == (0, "", f"wrote {name}\n")
    assert (tmp_path / name).read_text().startswith(begins)


def test_as_json(program: Program) -> None:
    found = program("trace", XOR, "--sample", 1, "--json").json
    assert (found["sample"], found["label"], found["input"]) == (1, "1", [0.0, 1.0])
    assert [layer["kind"] for layer in found["layers"]] == ["dense", "sigmoid", "dense", "sigmoid"]
    assert found["loss_after"] < found["loss"]


def test_of_a_run(program: Program, trained: Path) -> None:
    by_folder = program("trace", trained, "--sample", 0, "--split", "test", "--json")
    by_file = program(
        "trace", trained / "checkpoints" / "best.safetensors", "--split", "test", "--json"
    )
    by_name = program("trace", trained.name, "--runs", trained.parent, "--split", "test", "--json")
    assert by_folder.json["layers"] == by_file.json["layers"] == by_name.json["layers"]
    assert "weights of" in by_folder.json["origin"]


def test_overrides(program: Program, trained: Path) -> None:
    assert program("trace", XOR, "--set", "optimizer.lr=0.5", "--json").json["lr"] == 0.5
    answer = program("trace", trained, "--set", "optimizer.lr=0.5")
    assert (answer.code, answer.errors) == (
        2,
        ["--set changes a config; the config of a checkpoint is fixed"],
    )


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([XOR, "--sample", 4], 2, "samples of the train set are numbered 0 to 3"),
        ([XOR, "--split", "test"], 2, "there is no test set"),
        ([XOR, "-o", "t.pdf"], 2, "the name of a trace must end in .html or .md"),
        (["nowhere.yaml"], 2, "no such file"),
        (["nowhere"], 3, "no such checkpoint or run"),
        ([IRIS, "--set", "architecture.layers.0.dense=200"], 2, "1,603 parameters"),
        (
            [XOR, "--set", "architecture.layers.1.dense.initializer.values=[1, 2, 3]"],
            2,
            "architecture.layers.1.dense.initializer: 3 values for a block of 1 × 2, which needs 2",
        ),
    ],
)
def test_errors(program: Program, arguments: list[object], code: int, message: str) -> None:
    answer = program("trace", *arguments)
    assert (answer.code, answer.out) == (code, "")
    assert message in answer.errors[0]


def test_a_large_network_on_demand(program: Program) -> None:
    wide = ("--set", "architecture.layers.0.dense=200", "--force", "--json")
    assert program("trace", IRIS, *wide).code == 0
