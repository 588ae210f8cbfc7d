"""`data.targets: inputs`: networks trained to reconstruct their inputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnkit
from nnkit.data import lazy
from nnkit.errors import ConfigError
from nnkit.inspection.gradient_check import check_gradients
from nnkit.nn.params import Array
from nnkit.random import generator
from nnkit.task.config import Config
from nnkit.task.config_loading import config_from
from nnkit.task.data_check import check_data
from nnkit.task.task_loading import load_task
from tests.training.configs import iris, trainer_for

TO_INPUTS: dict[str, Any] = {
    "data": {"targets": "inputs"},
    "architecture": {"layers": [{"dense": 2}, {"dense": 4}]},
    "loss": "squared_error",
}


@pytest.fixture
def pictures(tmp_path: Path) -> tuple[Array, Config]:
    """Creates forty pictures of 3 × 5 pixels, and the config of an autoencoder for them."""
    X = generator(0, "pictures").integers(0, 256, size=(40, 3, 5), dtype=np.uint8)
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "t.npy", np.arange(40) % 2)
    source = {"kind": "npy", "inputs": str(tmp_path / "x.npy"), "targets": str(tmp_path / "t.npy")}
    settings = {
        "data": {"source": source, "preprocess": ["scale"], "targets": "inputs"},
        "architecture": {"layers": ["flatten", {"dense": 4}, {"dense": 15}]},
        "activation": {"output": "sigmoid"},
        "loss": "binary_cross_entropy",
        "training": {"epochs": 2},
    }
    return X, config_from(settings)


def test_targets_are_the_preprocessed_inputs() -> None:
    task = load_task(iris(**TO_INPUTS))
    for name in task.sets:
        ready = task.prepare(task.sets[name], task.build_model())
        np.testing.assert_array_equal(ready.targets.coded(slice(None)), ready.inputs)
        np.testing.assert_array_equal(ready.targets[:], ready.inputs)


def test_pictures_are_given_in_a_row(pictures: tuple[Array, Config], tmp_path: Path) -> None:
    X, config = pictures
    model = nnkit.train(config, runs=tmp_path).load()
    assert model.classes is None
    outputs = model.predict(X)
    assert outputs.shape == (40, 15)
    assert model.confidence(X) is None
    scores = model.evaluate("train")
    task = load_task(config)
    wanted = task.sets["train"].inputs[:].reshape(scores.samples, -1) / 255
    restored = model.predict(task.sets["train"].inputs)
    assert scores["rmse"] == pytest.approx(np.sqrt(np.mean((restored - wanted) ** 2)), rel=1e-5)


def test_pictures_left_on_disk_give_the_same_weights(
    pictures: tuple[Array, Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, config = pictures
    in_memory = nnkit.train(config, runs=tmp_path / "memory")
    monkeypatch.setattr(lazy, "IN_MEMORY", 0)
    on_disk = nnkit.train(config, runs=tmp_path / "disk")
    assert on_disk.summary["weights_sha256"] == in_memory.summary["weights_sha256"]


def test_classes_affect_only_the_split(tmp_path: Path) -> None:
    """Checks that classes affect only the split, not the metrics or the checkpoint."""
    run = nnkit.train(iris(**TO_INPUTS), runs=tmp_path)
    assert set(run.summary["results"]["test"]) == {"loss", "mae", "rmse", "r2"}
    assert run.load().classes is None
    described = check_data(iris(**TO_INPUTS))
    assert described["target"] == "the inputs, 4 real number(s)"
    assert described["sets"]["test"]["per_class"] == [10, 10, 10]


def test_every_gradient_agrees() -> None:
    assert all(block.passed for block in check_gradients(iris(**TO_INPUTS)))


def test_an_interrupted_training_goes_on(tmp_path: Path) -> None:
    config, calls = iris(**TO_INPUTS), iter([False, False, True])
    stopped = nnkit.train(config, runs=tmp_path / "a", should_stop=lambda: next(calls))
    assert stopped.interrupted
    resumed = nnkit.train(config, runs=tmp_path / "a", resume=True)
    whole = nnkit.train(config, runs=tmp_path / "b")
    assert resumed.summary["weights_sha256"] == whole.summary["weights_sha256"]


CONFIG = """\
data:
  source: {{kind: csv, path: {table}, label: species}}
  targets: inputs
architecture: {{layers: [dense: 2, dense: {units}]}}
loss: {loss}
"""


@pytest.mark.parametrize(
    ("units", "loss", "position", "words"),
    [
        (3, "squared_error", "4:42", "3 output units, but each sample has 4 targets"),
        (4, "hinge", "5:7", "'hinge' is a loss for classes, but the targets are real numbers"),
        (
            4,
            "{kind: squared_hinge, class_weights: balanced}",
            "5:44",
            "has no effect: the targets are real numbers",
        ),
    ],
)
def test_what_does_not_fit_is_refused_with_its_position(
    tmp_path: Path, units: int, loss: str, position: str, words: str
) -> None:
    table = Path(__file__).parents[2] / "data" / "tables" / "iris.csv"
    path = tmp_path / "c.yaml"
    path.write_text(CONFIG.format(table=table, units=units, loss=loss))
    with pytest.raises(ConfigError, match=words) as caught:
        nnkit.train(nnkit.load_config(path), runs=tmp_path)
    assert str(caught.value).startswith(f"{path}:{position}: ")


def test_it_is_judged_by_metrics_of_numbers() -> None:
    judged = iris(**TO_INPUTS, training={"metrics": ["explained_variance"]})
    assert "explained_variance" in load_task(judged).figures
    with pytest.raises(
        ConfigError,
        match="'f1' is a metric for classes or yes/no labels, but the targets are real numbers",
    ):
        check_data(iris(**TO_INPUTS, training={"metrics": ["f1"]}))


def test_augmented_pictures_are_to_be_given_as_they_were(pictures: tuple[Array, Config]) -> None:
    _, config = pictures
    settings = config.resolved()
    settings["data"]["augment"] = [{"flip": 1.0}]
    batches = trainer_for(config_from(settings)).loop.batches
    batch = next(batches.epoch(0))
    pictures_seen = np.moveaxis(batch.X, -1, 0)
    np.testing.assert_array_equal(
        pictures_seen[..., ::-1].reshape(len(pictures_seen), -1), batch.T.T
    )
