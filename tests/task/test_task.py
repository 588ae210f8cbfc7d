"""Tests of a task, config and data combined: the sets, the model, and its evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnkit
from nnkit.errors import ConfigError, SettingError
from nnkit.inference.evaluation import EVALUATION_BATCH, evaluate
from nnkit.metrics import METRICS_OF
from nnkit.nn.form import Form
from nnkit.nn.loss import Loss
from nnkit.nn.losses import AnyLoss
from nnkit.random import generator
from nnkit.task.config_loading import config_from
from nnkit.task.prepared_set import PreparedSet
from nnkit.task.targets import ClassTargets, NumberTargets
from nnkit.task.task_loading import build_model, load_task
from tests.nn.examples import batch_of, examples, model_of, name
from tests.training.configs import diabetes, iris


def test_evaluation_equals_the_formula() -> None:
    """Computes cross-entropy and accuracy over more samples than one chunk."""
    model = model_of([{"dense": 4}, {"dense": 3}], (5,))
    rng = generator(0, "set")
    inputs = rng.normal(size=(2 * EVALUATION_BATCH + 345, 5))
    targets = rng.integers(3, size=len(inputs))
    classes = ClassTargets(targets, 3, False, "binary", model.dtype)
    figures = evaluate(model, PreparedSet(inputs, classes, None))
    P = model.layout.views(model.params)
    H = np.tanh(inputs @ P["layers.0.W"].T + P["layers.0.b"])
    Z = H @ P["layers.1.W"].T + P["layers.1.b"]
    logarithms = Z - np.log(np.exp(Z).sum(axis=1, keepdims=True))
    assert figures == pytest.approx(
        {
            "loss": -logarithms[np.arange(len(inputs)), targets].mean(),
            "accuracy": (Z.argmax(axis=1) == targets).mean(),
        },
        rel=1e-12,
    )


@pytest.mark.parametrize("loss", examples(AnyLoss), ids=name)
def test_evaluation_in_parts_is_that_of_the_whole(loss: Loss) -> None:
    model = model_of([{"dense": 4}, {"dense": 3}], (5,), loss=loss)
    samples = EVALUATION_BATCH + 1
    X, T = batch_of(model, samples)
    whole, _ = model.bind(samples, training=False).evaluate(X, T)
    figures = evaluate(model, PreparedSet(X.T, NumberTargets(T.T, T.dtype), None))
    assert figures["loss"] == pytest.approx(whole, rel=1e-12)


def test_preparation_gives_disjoint_sets_that_hold_everything() -> None:
    task = load_task(iris())
    sizes = {name: len(samples) for name, samples in task.sets.items()}
    assert sizes == {"train": 105, "validation": 15, "test": 30}
    rows = np.concatenate([samples.inputs for samples in task.sets.values()])
    everything = task.dataset.samples.inputs
    np.testing.assert_array_equal(np.sort(rows, axis=0), np.sort(everything, axis=0))


def test_preprocessing_is_fitted_on_the_training_set_alone() -> None:
    task = load_task(iris())
    model = task.build_model()
    inputs = np.asarray(task.prepare(task.sets["train"], model).inputs)
    np.testing.assert_allclose(inputs.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(inputs.std(axis=0), 1, rtol=1e-6)
    held_out = np.asarray(task.prepare(task.sets["test"], model).inputs)
    assert abs(held_out.mean(axis=0)).max() > 1e-3


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_prepared_sets_are_of_the_networks_precision(precision: str) -> None:
    task = load_task(iris(training={"precision": precision}))
    ready = task.prepare(task.sets["train"], task.build_model())
    assert ready.inputs.dtype == ready.targets.dtype == precision
    assert np.asarray(ready.inputs).flags.c_contiguous


def test_regression_keeps_the_targets_in_their_unit() -> None:
    task = load_task(diabetes())
    ready = task.prepare(task.sets["test"], task.build_model())
    np.testing.assert_array_equal(ready.targets[:], task.sets["test"].targets)


def test_a_set_to_evaluate_on_must_be_held_out() -> None:
    config = iris(data={"split": {"test": 0}}, training={"evaluate_on": ["test"]})
    with pytest.raises(SettingError, match=r"there is no test set; data\.split\.test is 0"):
        load_task(config)


def test_a_model_is_built_with_and_without_the_data() -> None:
    with_data, without = build_model(iris()), build_model(iris(), input_shape=(4,))
    np.testing.assert_array_equal(with_data.params, without.params)


def test_a_model_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"architecture\.layers\.0.*put '- flatten' before it"):
        build_model(iris(), input_shape=(1, 2, 2))


# Weights and several targets from the source


def write_table(path: Path, rows: Sequence[tuple[float, ...]], header: str) -> str:
    lines = [",".join(map(str, row)) for row in rows]
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return str(path)


def test_a_weight_of_two_is_a_row_twice(tmp_path: Path) -> None:
    """Compares metrics and weights after full-batch training."""
    rng = generator(0, "rows")
    rows = [(*rng.normal(size=2), int(rng.integers(2)), 1 + i % 3) for i in range(30)]
    twice = [row for row in rows for _ in range(row[-1])]
    summaries = []
    for kind, table, settings in (
        ("weighted", rows, {"weights": "w"}),
        ("repeated", twice, {"ignore": ["w"]}),
    ):
        path = write_table(tmp_path / f"{kind}.csv", table, "a,b,kind,w")
        config = config_from(
            {
                "data": {
                    "source": {"kind": "csv", "path": path, "label": "kind", **settings},
                    "split": {"validation": 0, "test": 0},
                },
                "architecture": {"layers": [{"dense": 3}, {"dense": 2}]},
                "training": {
                    "steps": 20,
                    "batch_size": 1000,
                    "precision": "float64",
                    "metrics": [*METRICS_OF["classes"]],
                },
            }
        )
        summaries.append(nnkit.train(config, runs=tmp_path / "runs").summary["results"]["train"])
    assert summaries[0] == pytest.approx(summaries[1], rel=1e-9)


def test_several_columns_are_learned_at_once(tmp_path: Path) -> None:
    rng = generator(0, "rows")
    X = rng.normal(size=(60, 2))
    rows = [(*x, x[0] + x[1], x[0] - x[1]) for x in X]
    path = write_table(tmp_path / "t.csv", rows, "a,b,sum,difference")
    config = config_from(
        {
            "data": {"source": {"kind": "csv", "path": path, "label": ["sum", "difference"]}},
            "architecture": {"layers": [{"dense": 2}]},
            "loss": "squared_error",
            "optimizer": {"lr": 0.1},
            "training": {"epochs": 100, "batch_size": 100},
        }
    )
    trained = nnkit.train(config, runs=tmp_path / "runs").load()
    assert trained.evaluate()["r2"] > 0.99
    np.testing.assert_allclose(trained.predict([[1.0, 2.0]]), [[3, -1]], atol=0.1)


def test_probabilities_as_targets(tmp_path: Path) -> None:
    rng = generator(0, "rows")
    rows = [(x, p, 1 - p) for x in rng.normal(size=60) for p in [1 / (1 + np.exp(-x))]]
    path = write_table(tmp_path / "t.csv", rows, "x,yes,no")
    config = config_from(
        {
            "data": {"source": {"kind": "csv", "path": path, "label": ["yes", "no"]}},
            "architecture": {"layers": [{"dense": 2}]},
            "optimizer": {"lr": 0.1},
            "training": {"epochs": 100, "batch_size": 100},
        }
    )
    trained = nnkit.train(config, runs=tmp_path / "runs").load()
    assert trained.evaluate()["mae"] < 0.02
    np.testing.assert_allclose(trained.predict([[0.0]]), [[0.5, 0.5]], atol=0.02)


def test_binary_targets_are_evaluated_in_the_coding_of_the_outputs(tmp_path: Path) -> None:
    rows = [(x, -1.0 if x < 0 else 1.0) for x in generator(0, "rows").normal(size=60)]
    path = write_table(tmp_path / "t.csv", rows, "x,y")
    source = {"kind": "csv", "path": path, "label": "y", "task": "regression"}
    config = config_from(
        {
            "data": {"source": source},
            "architecture": {"layers": [{"dense": 1}]},
            "loss": "binary_cross_entropy",
        }
    )
    task = load_task(config)
    assert set(np.unique(task.prepare(task.sets["train"], task.build_model()).targets[:])) == {
        0.0,
        1.0,
    }


@pytest.mark.parametrize(
    ("layers", "kinds"),
    [
        ([{"dense": 4}, {"dense": 2}], "dense relu dropout dense softmax"),
        ([{"dense": 4}, {"activation": "tanh"}, {"dense": 2}], "dense tanh dropout dense softmax"),
        (
            [{"dense": {"units": 4, "activation": "tanh"}}, {"activation": "relu"}, {"dense": 2}],
            "dense tanh relu dropout dense softmax",
        ),
    ],
)
def test_dropout_follows_every_hidden_activation_however_written(
    layers: list[Any], kinds: str
) -> None:
    config = config_from(
        {
            "data": {"source": "mnist"},
            "architecture": {"layers": layers},
            "regularization": {"dropout": 0.5},
        }
    )
    stages = build_model(config, (3,)).stages
    shown = [getattr(stage.spec, "function", stage.spec).tag() for stage in stages]
    assert shown == kinds.split()


@pytest.mark.parametrize("written", ["default", "own", "layer"])
def test_weights_before_a_rectifier_are_drawn_by_he(written: str) -> None:
    forms: dict[str, list[Any]] = {
        "default": [{"dense": 4}, {"dense": 2}],
        "own": [{"dense": {"units": 4, "activation": "relu"}}, {"dense": 2}],
        "layer": [{"dense": 4}, {"activation": "relu"}, {"dense": 2}],
    }
    config = config_from({"data": {"source": "mnist"}, "architecture": {"layers": forms[written]}})
    first = build_model(config, (3,)).stages[0].spec
    (W, _) = first.parameters(Form.of((3,)))
    assert W.initializer.tag() == "he"
