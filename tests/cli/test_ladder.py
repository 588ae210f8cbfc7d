"""`nnkit ladder`: the table, the conclusion, and what cannot be climbed."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest
from scipy import stats

from nnkit.training.listeners import Listener
from tests.cli.program import IRIS, TABLES, Program


def test_classes(program: Program) -> None:
    answer = program("ladder", TABLES / "wine.csv", "--label", "cultivar")
    assert answer.code == 0
    assert answer.err.splitlines() == [
        *(f"training {name} …" for name in ("logistic", "linear-svm", "softmax", "mlp")),
        "runs: runs/wine-ladder-*",
    ]
    lines = answer.out.splitlines()
    assert lines[:2] == [
        "predicts cultivar, 3 classes",
        "samples: 124 train, 18 validation, 36 test; seed 0",
    ]
    assert lines[3].split() == ["model", "parameters", "time", "accuracy", "95", "%", "interval"]
    assert lines[4].split()[:6] == ["majority", "class", "0", "38.9", "%", "24.8"]
    names = [line.split()[0] for line in lines[5:9]]
    assert names == ["logistic", "linear-svm", "softmax", "mlp"]
    assert lines[10].startswith("logistic is better than the majority class (p < 0.001)")
    assert "no evidence that mlp is better than logistic (p = " in answer.out
    assert max(map(len, lines)) <= 80


def test_numbers(program: Program) -> None:
    answer = program("ladder", TABLES / "diabetes.csv", "--seed", 3)
    assert answer.code == 0
    assert "progression, a number" in answer.out
    assert "seed 3" in answer.out
    heading = next(line for line in answer.out.splitlines() if line.startswith("model"))
    assert re.split(" {2,}", heading) == [
        "model",
        "parameters",
        "time",
        "R²",
        "95 % interval",
        "RMSE",
        "95 % interval",
    ]
    assert "linear is better than the mean (p < 0.001)" in answer.out


def test_as_json(program: Program) -> None:
    found = program("ladder", TABLES / "iris.csv", "--json").json
    assert found["label"] == "species"
    assert found["classes"] == ["setosa", "versicolor", "virginica"]
    assert found["samples"] == {"train": 105, "validation": 15, "test": 30}
    assert found["models"][0]["model"] == "majority class"
    for model in found["models"]:
        correct = round(30 * model["accuracy"]["value"])
        expected = stats.binomtest(correct, 30).proportion_ci(method="wilson")
        assert model["accuracy"]["interval"] == pytest.approx([expected.low, expected.high])
        assert (model["run"] is None) == (model["parameters"] == 0)
    assert {one["outcome"] for one in found["comparisons"]} <= {"better", "worse", "no evidence"}
    assert found["sentences"][-1].startswith(found["enough"])
    listed = program("runs", "list", "--json").json["runs"]
    assert {f"runs/{run['run']}" for run in listed} == {
        model["run"] for model in found["models"] if model["run"]
    }


@pytest.mark.slow
def test_the_data_of_a_config(program: Program) -> None:
    found = program("ladder", IRIS, "--json").json
    assert found["samples"] == {"train": 98, "validation": 22, "test": 30}
    assert found["models"][1]["run"].startswith("runs/iris-mlp-ladder-logistic-")
    assert program("ladder", IRIS, "--seed", 1, "--json").json["seed"] == 1


@pytest.mark.slow
def test_an_interruption_is_continued(
    program: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from nnkit.training import run as training

    class Interrupted(Listener):
        def stepped(self, step: object) -> None:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(training, "LogFile", Interrupted)
        answer = program("ladder", TABLES / "diabetes.csv", "--json")
    assert (answer.code, answer.json) == (130, {"interrupted": True})
    assert "saved; repeat the command to continue" in answer.err
    assert program("ladder", TABLES / "diabetes.csv").code == 0


def test_bad_input(program: Program, tmp_path: Path) -> None:
    (tmp_path / "no-test.yaml").write_text(
        f"data:\n  source: {{kind: csv, path: {TABLES / 'iris.csv'}}}\n  split: {{test: 0}}\n"
        "architecture: {layers: [dense: 3]}\n"
    )
    for arguments, code, message in (
        (["nothing.csv"], 3, "nothing.csv: no such file"),
        ([TABLES / "xor.csv"], 3, "xor.csv: 4 rows are too few to hold out a test set"),
        ([TABLES / "iris.csv", "--label", "colour"], 2, "--label colour: "),
        ([IRIS, "--label", "species"], 2, "--label is for CSV files; a config names the label"),
        (["nothing.yaml"], 2, "nothing.yaml: "),
        (["no-test.yaml"], 2, "no-test.yaml:3:17: data.split.test: the ladder needs a test set"),
    ):
        answer = program("ladder", *arguments)
        assert (answer.code, answer.out) == (code, "")
        assert message in answer.errors[0]
    assert not (tmp_path / "runs").exists()
    assert program("ladder").code == 2
    assert program("ladder", TABLES / "iris.csv", "--seed", -1).code == 2
    assert program("ladder", "nothing.csv", "--json").json["exit_code"] == 3


def test_help_says_which_intervals_and_tests(program: Program) -> None:
    text = " ".join(program("ladder", "--help").out.split())
    for word in ("Wilson's", "bootstrap percentiles", "McNemar's exact test", "permutation test"):
        assert word in text


@pytest.mark.slow
def test_several_labels(program: Program, tmp_path: Path) -> None:
    rows = [f"{i % 7},{i % 5},{int(i % 7 > 3)},{int(i % 5 > 2)}" for i in range(60)]
    (tmp_path / "t.csv").write_text("\n".join(["a,b,rain,wind", *rows]))
    (tmp_path / "t.yaml").write_text(
        "data: {source: {kind: csv, path: t.csv, label: [rain, wind]}, preprocess: [standardize]}\n"
        "architecture: {layers: [dense: 2]}\nloss: binary_cross_entropy\n"
        "activation: {output: sigmoid}\n"
    )
    answer = program("ladder", "t.yaml")
    lines = answer.out.splitlines()
    assert lines[0] == "predicts rain, wind, 2 yes/no labels"
    assert lines[3].endswith("  all labels right  95 % interval")
    assert lines[4].startswith("majority of each label")
    assert max(map(len, lines)) <= 80
