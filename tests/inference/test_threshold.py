"""Tests of decision thresholds: chosen as by trying each with scikit-learn, and used everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sk

import nnkit
from nnkit.errors import ConfigError
from nnkit.inference.threshold import values_at
from nnkit.metrics import METRICS_OF
from nnkit.runs.directory import RunDirectory
from nnkit.task.config import Config
from nnkit.task.config_loading import config_from
from nnkit.task.task_loading import load_task
from nnkit.training.run import Run, train
from tests.training.configs import diabetes, iris, laid_over

SCORES = {
    "f1": lambda t, y: sk.f1_score(t, y, zero_division=0.0),
    "balanced_accuracy": sk.balanced_accuracy_score,
    "mcc": sk.matthews_corrcoef,
    "recall": sk.recall_score,
}


def rare(folder: Path, **sections: Any) -> Config:
    """Returns a config for two overlapping classes, a tenth of the samples in the second."""
    rng = np.random.default_rng(4)
    targets = (rng.random(900) < 0.1).astype(int)
    inputs = rng.normal(size=(900, 2)) + 1.5 * targets[:, None]
    np.savez(folder / "rare.npz", inputs=inputs, targets=targets)
    base: dict[str, Any] = {
        "name": "rare",
        "data": {
            "source": {"kind": "npz", "path": str(folder / "rare.npz")},
            "split": {"validation": 0.3},
        },
        "architecture": {"layers": [{"dense": 1}]},
        "activation": {"threshold": {"maximize": "f1"}},
        "loss": "binary_cross_entropy",
        "optimizer": {"kind": "adam", "lr": 0.05},
        "training": {"epochs": 8, "metrics": ["f1", "recall"]},
    }
    return config_from(laid_over(base, sections))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("rare")
    return train(rare(folder), runs=folder / "runs")


@pytest.mark.parametrize("name", SCORES)
def test_metrics_at_thresholds_are_those_of_scikit_learn(name: str) -> None:
    rng = np.random.default_rng(0)
    targets, scores = rng.integers(2, size=60), rng.integers(9, size=60) / 8
    thresholds = np.array([-1, 0, 0.3, 0.5, 0.9, 1])
    found = values_at(thresholds, METRICS_OF["classes"][name], targets, scores, np.ones(60))
    expected = [SCORES[name](targets, scores > threshold) for threshold in thresholds]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_no_other_threshold_is_better_on_the_validation_set(run: Run) -> None:
    model = run.load()
    validation = load_task(model.config).sets["validation"]
    targets, scores = np.asarray(validation.targets), model.outputs(validation.inputs)[:, 0]
    known = run.summary["threshold"]
    best = max(sk.f1_score(targets, scores > t) for t in np.unique(scores) - 1e-9)
    assert known["reached"] == pytest.approx(best)
    assert known["default"] == pytest.approx(sk.f1_score(targets, scores > 0.5))
    assert known["reached"] > known["default"]
    assert run.summary["results"]["validation"]["f1"] == pytest.approx(best)


def test_it_is_kept_and_used_for_predictions_and_metrics(run: Run) -> None:
    model = nnkit.load_checkpoint(run.directory)
    threshold = run.summary["threshold"]["value"]
    assert model.threshold == threshold
    test = load_task(model.config).sets["test"]
    P = model.outputs(test.inputs)[:, 0]
    predicted = model.predict(test.inputs)
    np.testing.assert_array_equal(predicted == "1", threshold < P)
    assert (P[predicted == "1"] < 0.5).any()
    report = model.report("test")
    assert report.threshold == report.record()["threshold"] == threshold
    assert report.figures["f1"] == pytest.approx(sk.f1_score(test.targets, threshold < P))
    assert report.figures["f1"] == pytest.approx(run.summary["results"]["test"]["f1"])
    confidence = model.confidence(test.inputs)
    assert confidence is not None
    np.testing.assert_allclose(confidence, np.where(threshold < P, P, 1 - P), rtol=1e-6)


@pytest.mark.parametrize(
    ("loss", "units", "output"),
    [
        ("cross_entropy", 2, "softmax"),
        ("negative_log_likelihood", 2, "log_softmax"),
        ("hinge", 1, "identity"),
        ("hinge", 2, "identity"),
        ("squared_error", 1, "identity"),
    ],
)
def test_every_form_of_two_classes_has_a_threshold(
    loss: str, units: int, output: str, tmp_path: Path
) -> None:
    config = rare(
        tmp_path,
        loss=loss,
        architecture={"layers": [{"dense": units}]},
        activation={"output": output},
    )
    found = train(config, runs=tmp_path / "runs").summary
    known = found["threshold"]
    assert found["results"]["validation"]["f1"] == pytest.approx(known["reached"])
    usual = config.model_copy(
        update={"activation": config.activation.model_copy(update={"threshold": None})}
    )
    without = train(usual, runs=tmp_path / "runs").summary["results"]["validation"]["f1"]
    assert known["default"] == pytest.approx(without)


def test_a_given_number_is_used_from_the_first_evaluation(tmp_path: Path) -> None:
    config = rare(tmp_path)
    activation = {"threshold": 0.2, "output": "sigmoid"}
    given = config_from({**config.resolved(), "activation": activation})
    run = train(given, runs=tmp_path / "runs")
    assert "threshold" not in run.summary
    model = run.load()
    assert model.threshold == 0.2
    evaluations = RunDirectory(run.directory).read_metrics()
    best = next(r for r in evaluations if r["step"] == run.summary["best"]["step"])
    assert best["validation.f1"] == run.summary["results"]["validation"]["f1"]


def test_recall_can_be_had_at_will(tmp_path: Path) -> None:
    config = rare(tmp_path, activation={"threshold": {"maximize": "recall"}})
    assert train(config, runs=tmp_path / "runs").summary["threshold"]["reached"] == 1.0


@pytest.mark.parametrize(
    ("threshold", "message"),
    [
        (1.5, "a probability between 0 and 1 is expected, got 1.5"),
        ({"maximize": "roc_auc"}, "'roc_auc' is no metric of decisions; available: accuracy"),
        ({"maximize": "f1", "value": 0.5}, "set either a value or the metric to maximize"),
    ],
)
def test_a_threshold_that_cannot_be_is_refused(
    threshold: Any, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        rare(tmp_path, activation={"threshold": threshold})


def test_two_classes_and_a_validation_set_are_needed(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="for two classes, but the data has 3 classes"):
        train(iris(activation={"threshold": {"maximize": "f1"}}), runs=tmp_path)
    with pytest.raises(ConfigError, match="for two classes, but the data has no classes"):
        train(diabetes(activation={"threshold": 3.0}), runs=tmp_path)
    with pytest.raises(ConfigError, match="needs a validation set"):
        train(rare(tmp_path, data={"split": {"validation": 0}}), runs=tmp_path)
