"""Tests of the comparison with a constant prediction: as scikit-learn's dummy estimators."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.metrics import r2_score

from nnkit.inference.verdict import constant_layer, constant_prediction_warning
from nnkit.task.config import Config
from nnkit.task.config_loading import config_from
from nnkit.task.task import Task
from nnkit.task.task_loading import load_task
from nnkit.training.run import train
from tests.training.configs import diabetes, iris

IDLE: dict[str, Any] = {
    "architecture": {"initializer": "zeros"},
    "training": {"epochs": 1},
    "optimizer": {"lr": 1e-9},
}


def verdict(task: Task, split: str = "test", **figures: float) -> str | None:
    model = task.build_model()
    data = task.prepare(task.sets[split], model)
    samples = task.sets["train"]
    return constant_prediction_warning(
        task, model, data, split, figures, lambda: task.targets(samples, model)
    )


def imbalanced(folder: Path, **sections: Any) -> Config:
    """Returns a config for two classes, the second of which is rare and cannot be recognized."""
    rng = np.random.default_rng(0)
    np.savez(folder / "rare.npz", inputs=rng.normal(size=(200, 3)), targets=np.arange(200) % 10 > 8)
    source = {"kind": "npz", "path": str(folder / "rare.npz")}
    base = {"data": {"source": source}, "architecture": {"layers": [{"dense": 2}]}}
    return config_from({**base, **sections})


def test_regression_is_compared_with_the_training_mean() -> None:
    task = load_task(diabetes())
    sets = {name: (np.asarray(s.inputs), np.asarray(s.targets)) for name, s in task.sets.items()}
    reference = DummyRegressor().fit(*sets["train"]).score(*sets["test"])
    assert reference < 0
    assert verdict(task, r2=reference + 1e-9) is None
    assert verdict(task, r2=reference - 1e-9) == (
        f"the network is worse than always predicting the training mean: test.r2 is "
        f"{reference:.4g} instead of {reference:.4g}; try data.target: standardize"
    )
    scaled = verdict(load_task(diabetes(data={"target": "log"})), r2=-2.0)
    assert scaled is not None
    assert "data.target" not in scaled


def test_a_forecast_is_compared_with_the_last_value(tmp_path: Path) -> None:
    values = np.cumsum(np.random.default_rng(0).normal(0.5, 1, 80))
    rows = "\n".join(f"{value},{-value}" for value in values)
    (tmp_path / "walk.csv").write_text(f"a,b\n{rows}\n", encoding="utf-8")
    series = {"kind": "series", "path": str(tmp_path / "walk.csv"), "window": 4, "horizon": 2}
    layers = {"layers": ["flatten", {"dense": "auto"}]}

    def task(**settings: Any) -> Task:
        source = {**series, **settings}
        return load_task(
            config_from(
                {"data": {"source": source}, "architecture": layers, "loss": "squared_error"}
            )
        )

    both = task(label=["b", "a"], columns=["a", "b"])
    found = both.sets["test"]
    last = np.asarray(found.inputs)[:, [1, 1, 0, 0], -1]
    reference = r2_score(found.targets[:], last)
    assert reference > 0
    assert verdict(both, r2=reference + 1e-9) is None
    assert verdict(both, r2=reference - 1e-9) == (
        f"the network is worse than repeating the last value: test.r2 is {reference:.4g} instead "
        f"of {reference:.4g}"
    )
    assert verdict(task(label="b"), r2=reference - 0.1) is not None
    assert verdict(task(label="b", columns=["a"]), r2=reference - 0.1) is None


def test_a_classifier_is_compared_with_the_most_frequent_class(tmp_path: Path) -> None:
    task = load_task(imbalanced(tmp_path))
    sets = {name: (np.asarray(s.inputs), np.asarray(s.targets)) for name, s in task.sets.items()}
    reference = DummyClassifier().fit(*sets["train"]).score(*sets["validation"])
    assert verdict(task, "validation", accuracy=reference + 0.01) is None
    assert verdict(task, "validation", accuracy=reference) == (
        "the network is no better than always predicting '0', the most frequent class: "
        "validation.accuracy is 90.00 % in both cases"
    )
    below = verdict(task, "validation", accuracy=reference - 0.01)
    assert below is not None
    assert below.startswith("the network is worse than")


def test_a_network_of_dead_units_is_told_apart(tmp_path: Path) -> None:
    config = imbalanced(
        tmp_path,
        architecture={"layers": [{"dense": 4}, {"dense": 2}], "bias_initializer": "zeros"},
    )
    task = load_task(config)
    model = task.build_model()
    data = task.prepare(task.sets["train"], model)
    assert constant_layer(model, data) is None
    biases = next(v for k, v in model.layout.views(model.params).items() if v.shape == (4,))
    biases[:] = -1e3  # no sample reaches a positive sum
    assert constant_layer(model, data) == "layers.0.activation"
    text = constant_prediction_warning(
        task, model, data, "train", {"accuracy": 0.5}, lambda: data.targets
    )
    assert text is not None
    assert "the output of layers.0.activation is the same for every sample" in text


def test_class_weights_ask_for_more_than_accuracy(tmp_path: Path) -> None:
    loss = {"kind": "cross_entropy", "class_weights": "balanced"}
    assert verdict(load_task(imbalanced(tmp_path, loss=loss)), accuracy=0.2) is None


def test_nothing_is_said_of_a_set_without_a_mistake(tmp_path: Path) -> None:
    assert verdict(load_task(imbalanced(tmp_path)), accuracy=1.0) is None


def test_nothing_is_said_of_an_autoencoder() -> None:
    config = diabetes(
        data={"targets": "inputs"}, architecture={"layers": [{"dense": 2}, {"dense": 10}]}
    )
    assert verdict(load_task(config), r2=-5.0) is None


@pytest.mark.parametrize("split", [{}, {"test": 0}, {"test": 0, "validation": 0}])
def test_a_run_and_its_evaluation_say_so(split: dict[str, float], tmp_path: Path) -> None:
    run = train(diabetes(data={"split": split}, **IDLE), runs=tmp_path)
    (warning,) = run.summary["warnings"]
    evaluated = "train" if len(split) == 2 else "validation" if split else "test"
    assert f"{evaluated}.r2 is -" in warning
    report = run.load().report(evaluated)
    assert report.warnings == (warning,)
    assert report.record()["warnings"] == [warning]


def test_a_run_that_learns_has_no_warning(tmp_path: Path) -> None:
    assert train(iris(training={"epochs": 20}), runs=tmp_path).summary["warnings"] == []
