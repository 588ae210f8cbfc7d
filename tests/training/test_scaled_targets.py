"""Tests of runs with scaled targets: the loss is of scaled targets, all else in their own units."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sk
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

import nnkit
from nnkit.data.target_scaling import StandardizedTargets
from nnkit.errors import ConfigError
from nnkit.task.config import Config
from nnkit.task.config_loading import config_from
from nnkit.task.task_loading import load_task
from nnkit.training.run import Run, train
from tests.training.configs import DIABETES, diabetes, iris, laid_over

L2 = 0.01
SHIFT, SCALE = 1e6, 1e4  # of the second target, which is far from the first in size


def two_targets(folder: Path, **sections: Any) -> Config:
    """Returns a linear regression of two targets of very different size, solved by L-BFGS."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(120, 4))
    T = X @ rng.normal(size=(4, 2)) + rng.normal(size=(120, 2))
    np.savez(folder / "two.npz", inputs=X, targets=T * [1, SCALE] + [0, SHIFT])
    base: dict[str, Any] = {
        "data": {
            "source": {"kind": "npz", "path": str(folder / "two.npz")},
            "split": {"validation": 0},
            "target": "standardize",
        },
        "architecture": {"layers": [{"dense": 2}]},
        "loss": "squared_error",
        "optimizer": "lbfgs",
        "regularization": {"l2": L2},
        "training": {"steps": 60, "precision": "float64"},
    }
    return config_from(laid_over(base, sections))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("scaled")
    return train(two_targets(folder), runs=folder)


def test_the_optimum_is_that_of_scikit_learn(run: Run) -> None:
    model = run.load()
    sets = load_task(model.config).sets
    X, T = np.asarray(sets["train"].inputs), np.asarray(sets["train"].targets)
    reference = TransformedTargetRegressor(Ridge(L2 * len(X)), transformer=StandardScaler())
    expected = reference.fit(X, T).predict(np.asarray(sets["test"].inputs))
    np.testing.assert_allclose(model.predict(sets["test"].inputs), expected, rtol=1e-6)


def test_metrics_are_in_the_units_of_the_targets(run: Run) -> None:
    model = run.load()
    test = load_task(model.config).sets["test"]
    T, Y = np.asarray(test.targets), model.predict(test.inputs)
    found = run.summary["results"]["test"]
    assert found["mae"] == pytest.approx(sk.mean_absolute_error(T, Y))
    assert found["rmse"] == pytest.approx(np.sqrt(sk.mean_squared_error(T, Y)))
    assert found["r2"] == pytest.approx(sk.r2_score(T, Y))
    assert found["mae"] > 0.1 * SCALE


def test_the_loss_is_that_of_the_scaled_targets(run: Run) -> None:
    model = run.load()
    sets = load_task(model.config).sets
    scaler = StandardScaler().fit(np.asarray(sets["train"].targets))
    T, Y = (
        scaler.transform(sets["test"].targets),
        scaler.transform(model.predict(sets["test"].inputs)),
    )
    expected = 0.5 * ((Y - T) ** 2).sum(axis=1).mean()
    assert run.summary["results"]["test"]["loss"] == pytest.approx(expected)


def test_a_report_has_predictions_in_the_units_of_the_targets(run: Run) -> None:
    model = run.load()
    report = model.report("test")
    assert report.figures["mae"] == pytest.approx(run.summary["results"]["test"]["mae"])
    inputs = load_task(model.config).sets["test"].inputs
    np.testing.assert_allclose(report.predicted, model.predict(inputs), rtol=1e-12)
    assert report.predicted[:, 1] == pytest.approx(np.full(len(report), SHIFT), rel=0.1)


def test_large_targets_are_predicted_with_more_than_the_digits_of_float32(tmp_path: Path) -> None:
    config = two_targets(tmp_path, training={"precision": "float32", "steps": 1})
    predicted = train(config, runs=tmp_path).load().predict(np.zeros((1, 4)))
    assert predicted.dtype == np.float64


def test_checkpoints_without_target_scaling_load(tmp_path: Path) -> None:
    run = train(diabetes(training={"epochs": 1}), runs=tmp_path)
    model = run.load()
    assert model.scaler is None
    assert model.outputs(np.zeros((1, 10))).dtype == np.float32


def test_a_damaged_checkpoint_is_refused(run: Run, tmp_path: Path) -> None:
    from nnkit.runs.checkpoint import read_checkpoint, write_checkpoint

    saved = read_checkpoint(run.directory / "checkpoints" / "best.safetensors")
    kept = {name: array for name, array in saved.tensors.items() if name != "target/scale"}
    header = {k: v for k, v in saved.header.items() if k not in ("format", "sha256")}
    write_checkpoint(tmp_path / "c.safetensors", kept, header)
    with pytest.raises(nnkit.CheckpointError, match="inconsistent"):
        nnkit.load_checkpoint(tmp_path / "c.safetensors")


def test_classes_cannot_be_scaled() -> None:
    with pytest.raises(ConfigError, match=r"data\.target: 'minmax' .*a loss for classes"):
        iris(data={"target": "minmax"})
    config = iris(data={"target": "minmax"}, loss="squared_error")
    with pytest.raises(ConfigError, match=r"data\.target: 'minmax' .*the targets are 3 classes"):
        train(config, runs=Path("unused"))


def test_an_autoencoder_has_no_targets_to_scale() -> None:
    with pytest.raises(ConfigError, match=r"data\.target: has no effect"):
        diabetes(data={"target": "log", "targets": "inputs"})


def test_the_output_must_reach_the_scaled_targets() -> None:
    with pytest.raises(
        ConfigError, match=r"data\.target: .*'relu' is never negative; use 'minmax'"
    ):
        diabetes(data={"target": "standardize"}, activation={"output": "relu"})
    diabetes(data={"target": "minmax"}, activation={"output": "relu"})


def test_the_default_is_no_scaling() -> None:
    assert not config_from(DIABETES).data.target.scales
    assert StandardizedTargets().scales
