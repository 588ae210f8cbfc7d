"""Tests of runs with several yes/no labels, from the data to predictions by name."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sk

import nnkit
from nnkit.errors import ConfigError
from nnkit.task.config import Config
from nnkit.task.config_loading import config_from
from nnkit.task.data_check import check_data
from nnkit.task.task_loading import load_task
from nnkit.training.run import Run, train
from tests.cli.program import Program
from tests.training.configs import laid_over

NAMES = ("rain", "wind")


def weather(folder: Path, no: int = 0, **sections: Any) -> Config:
    """Returns a config for a table with two labels, 1 for yes and `no` for no."""
    rng = np.random.default_rng(2)
    X = rng.normal(size=(300, 2))
    yes = X + 0.5 * rng.normal(size=X.shape) > [0, 0.7]
    rows = [f"{a},{b},{r},{w}" for (a, b), (r, w) in zip(X, np.where(yes, 1, no), strict=True)]
    (folder / "w.csv").write_text("\n".join(["a,b,rain,wind", *rows]))
    base: dict[str, Any] = {
        "name": "weather",
        "data": {
            "source": {"kind": "csv", "path": str(folder / "w.csv"), "label": list(NAMES)},
            "preprocess": ["standardize"],
        },
        "architecture": {"layers": [{"dense": 2}]},
        "loss": "binary_cross_entropy",
        "optimizer": {"kind": "adam", "lr": 0.05},
        "training": {"epochs": 8, "metrics": ["f1", "hamming_loss"]},
    }
    return config_from(laid_over(base, sections))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("labels")
    return train(weather(folder), runs=folder / "runs")


@pytest.mark.parametrize(
    ("loss", "no"), [("binary_cross_entropy", -1), ("hinge", 0), ("hinge", -1)]
)
def test_labels_in_either_coding_are_decisions(loss: str, no: int, tmp_path: Path) -> None:
    config = weather(tmp_path, no, loss=loss)
    found = train(config, runs=tmp_path / "runs").summary["results"]["test"]
    assert list(found) == ["loss", "accuracy", "exact_match", "f1", "hamming_loss"]
    assert found["accuracy"] > 0.8
    assert check_data(config)["target"] == "'rain, wind', 2 yes/no label(s)"


def test_a_run_is_judged_as_by_scikit_learn(run: Run) -> None:
    model = run.load()
    test = load_task(model.config).sets["test"]
    targets, predicted = np.asarray(test.targets), model.predict(test.inputs)
    found = run.summary["results"]["test"]
    assert found["exact_match"] == pytest.approx(sk.accuracy_score(targets, predicted))
    assert found["f1"] == pytest.approx(sk.f1_score(targets, predicted, average="macro"))
    assert found["hamming_loss"] == pytest.approx(sk.hamming_loss(targets, predicted))
    assert found["accuracy"] == pytest.approx(1 - found["hamming_loss"])


def test_a_report_scores_each_label(run: Run) -> None:
    report = run.load().report("test")
    rows = report.record()["labels"]
    scores = sk.precision_recall_fscore_support(report.targets, report.predicted)
    for k, row in enumerate(rows):
        assert row["label"] == NAMES[k]
        assert row["accuracy"] == pytest.approx(
            sk.accuracy_score(report.targets[:, k], report.predicted[:, k])
        )
        found = [row[name] for name in ("precision", "recall", "f1", "support")]
        assert found == pytest.approx([score[k] for score in scores])


def test_written_predictions_have_columns_by_name(run: Run) -> None:
    report = run.load().report("test")
    rows = list(csv.DictReader(report.predictions().splitlines()))
    parts = ("target", "predicted", "probability")
    assert [*rows[0]] == [
        "index",
        "row",
        "line",
        *(f"{part}_{name}" for part in parts for name in NAMES),
    ]
    for k, name in enumerate(NAMES):
        assert [int(row[f"predicted_{name}"]) for row in rows] == report.predicted[:, k].tolist()


def test_predict_names_the_labels(run: Run, program: Program) -> None:
    config = run.load().config
    path, out = config.data.source.files()[0], Path("out.csv")
    checkpoint = run.directory / "checkpoints" / "best.safetensors"
    answer = program("predict", path, "-c", checkpoint, "-o", out)
    shown = [line.partition(": ")[2] for line in answer.out.splitlines()]
    assert set(shown) == {"rain, wind", "rain", "wind", "none"}
    rows = list(csv.DictReader(out.read_text().splitlines()))
    for row, text in zip(rows, shown, strict=True):
        said = [name for name in NAMES if row[f"predicted_{name}"] == "1"]
        assert (", ".join(said) or "none") == text == row["text"]
        assert [name for name in NAMES if float(row[f"probability_{name}"]) > 0.5] == said
    record = json.loads(program("predict", path, "-c", checkpoint, "--json").out)["inputs"][0]
    assert record["predicted"].keys() == record["probability"].keys() == {*NAMES}


def test_predict_shows_the_probability_of_each_label(run: Run, program: Program) -> None:
    path = run.load().config.data.source.files()[0]
    asked = ("predict", path, "-c", run.directory, "--probabilities")
    P = run.load().outputs(np.loadtxt(path, delimiter=",", skiprows=1)[:, :2])
    shown = program(*asked).out.splitlines()
    assert shown[0].endswith(f"  rain {100 * P[0, 0]:.1f} %  wind {100 * P[0, 1]:.1f} %")
    found = program(*asked, "--json").json["inputs"][0]["probabilities"]
    assert [*found.values()] == pytest.approx(P[0].tolist())


def test_eval_shows_a_table_by_label(run: Run, program: Program) -> None:
    out = program("eval", run.directory).out
    assert "\nlabel  accuracy  precision" in out
    assert "\nrain " in out
    assert "exact_match" in out


def test_probabilities_as_targets_are_numbers(tmp_path: Path) -> None:
    np.savez(tmp_path / "soft.npz", inputs=np.eye(9), targets=np.linspace(0, 1, 18).reshape(9, 2))
    source = {"kind": "npz", "path": str(tmp_path / "soft.npz")}
    config = config_from(
        {
            "data": {"source": source, "split": {"validation": 0, "test": 0}},
            "architecture": {"layers": [{"dense": 2}]},
            "loss": "binary_cross_entropy",
        }
    )
    assert load_task(config).target_kind == "numbers"


def test_a_metric_of_another_kind_is_refused_with_those_there_are(tmp_path: Path) -> None:
    config = weather(tmp_path, training={"metrics": ["mcc"]})
    with pytest.raises(ConfigError, match=r"metric for classes, but .* yes/no labels; available:"):
        train(config, runs=tmp_path)


def test_a_network_that_learns_nothing_is_compared_with_the_more_frequent_values(
    tmp_path: Path,
) -> None:
    idle = weather(tmp_path, optimizer={"lr": 1e-30}, architecture={"initializer": "zeros"})
    (warning,) = train(idle, runs=tmp_path / "runs").summary["warnings"]
    assert "always predicting the more frequent value of each label: test.accuracy" in warning


def test_several_real_targets_are_predicted_by_name(tmp_path: Path, program: Program) -> None:
    config = weather(tmp_path, loss="squared_error", training={"metrics": []})
    run = nnkit.train(config, runs=tmp_path / "runs")
    program("predict", tmp_path / "w.csv", "-c", run.directory, "-o", "out.csv")
    (first, *_) = csv.DictReader(Path("out.csv").read_text().splitlines())
    assert [name for name in first if name.startswith("predicted_")] == [
        "predicted_rain",
        "predicted_wind",
    ]
    assert "target_rain" in run.load().report("test").predictions().splitlines()[0]
