"""Tests of a trained model: predictions from raw samples, evaluation, and loading."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnkit
from nnkit.data.splits import split_dataset
from nnkit.errors import CheckpointError, DataError, UsageError
from nnkit.inference.set_metrics import SetMetrics
from nnkit.task.config import Config
from tests.training.configs import diabetes, iris


def raw_test_set(config: Config) -> Any:
    """Returns the raw test set, split off as in training."""
    return split_dataset(config.data.source.load(), config.data.split, config.seed)["test"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> nnkit.Run:
    config = iris(training={"epochs": 20}, optimizer={"kind": "adam", "lr": 0.02})
    return nnkit.train(config, runs=tmp_path_factory.mktemp("runs"))


def test_predicts_from_raw_samples_as_scored(run: nnkit.Run) -> None:
    trained = run.load()
    assert trained.classes == ("setosa", "versicolor", "virginica")
    raw = raw_test_set(trained.config)
    names = np.asarray(trained.classes)[raw.targets]
    accuracy = run.summary["results"]["test"]["accuracy"]
    assert np.mean(trained.predict(raw.inputs) == names) == accuracy > 0.8


def test_one_sample_alone_is_taken_as_a_set_of_one(run: nnkit.Run) -> None:
    trained = run.load()
    raw = raw_test_set(trained.config).inputs
    assert trained.predict(raw[3]).tolist() == trained.predict(raw[3:4]).tolist()
    assert trained.outputs(raw[3]).shape == (1, 3)


def test_confidence_is_that_of_the_answer(run: nnkit.Run) -> None:
    trained = run.load()
    raw = raw_test_set(trained.config).inputs
    np.testing.assert_allclose(trained.outputs(raw).sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(trained.confidence(raw), trained.outputs(raw).max(axis=1))


def test_numbers_are_predicted_in_their_unit(tmp_path: Path) -> None:
    run = nnkit.train(diabetes(), runs=tmp_path)
    trained = run.load()
    raw = raw_test_set(trained.config)
    error = np.abs(trained.predict(raw.inputs) - raw.targets).mean()
    assert error == pytest.approx(run.summary["results"]["test"]["mae"], rel=1e-6)
    assert trained.confidence(raw.inputs) is None
    inputs = np.vstack([raw.inputs[:1], np.full_like(raw.inputs[:1], 1e300)])
    (large,) = trained.overflowing(inputs).items()
    assert large == (1, "the inputs are so large that the network's outputs are not finite")
    assert trained.target_names == ("progression",)


def test_the_inference_activation_changes_outputs_but_not_decisions(tmp_path: Path) -> None:
    config = iris(activation={"inference": "sign"}, loss="hinge")
    run = nnkit.train(config, runs=tmp_path)
    trained = run.load()
    raw = raw_test_set(config)
    assert set(np.unique(trained.outputs(raw.inputs))) <= {-1.0, 1.0}
    names = np.asarray(trained.classes)[raw.targets]
    accuracy = run.summary["results"]["test"]["accuracy"]
    assert np.mean(trained.predict(raw.inputs) == names) == accuracy


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.ones((2, 5)), r"inputs of shape \(2, 5\); this model expects \(n, 4\)"),
        (np.array([["a"] * 4]), "row 1: column 'sepal_length': 'a' is not a number"),
        (np.full((1, 4), np.inf), "NaN or infinity"),
        (np.full((1, 4), np.nan), "missing value"),
    ],
)
def test_what_is_no_sample_is_refused(run: nnkit.Run, X: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        run.load().predict(X)


def test_predict_leaves_its_input_alone(run: nnkit.Run) -> None:
    X = np.ones((3, 4), np.float32)
    run.load().predict(X)
    assert (X == 1).all()


# Loading


def test_is_found_by_folder_file_and_name(run: nnkit.Run) -> None:
    runs = run.directory.parent
    ways: list[Path | str] = [
        run.directory,
        str(run.directory),
        run.directory / "checkpoints" / "best.safetensors",
        run.directory.name,
        "iris",
    ]
    params = run.load().model.params.tobytes()
    for way in ways:
        assert nnkit.load_checkpoint(way, runs=runs).model.params.tobytes() == params


def test_a_loaded_model_scores_as_in_training(run: nnkit.Run) -> None:
    scores = nnkit.load_checkpoint(run.directory).evaluate()
    assert scores == SetMetrics("test", 30, run.results["test"])
    assert (scores.loss, scores["accuracy"]) == tuple(run.results["test"].values())[:2]
    assert repr(scores).startswith(
        f"<SetMetrics test: 30 samples, loss {scores.loss:.4g}, accuracy "
    )


def test_a_report_shows_its_headline(run: nnkit.Run) -> None:
    report = run.load().report("validation")
    loss, accuracy = (report.figures[name] for name in ("loss", "accuracy"))
    shown = f"{len(report)} samples, loss {loss:.4g}, accuracy {accuracy:.4g}"
    assert repr(report) == f"<Report validation: {shown}>"


def test_the_last_checkpoint_can_be_had_too(run: nnkit.Run) -> None:
    last = nnkit.load_checkpoint(run.directory / "checkpoints" / "last.safetensors")
    assert last.info["progress"]["step"] == 140


def test_what_does_not_exist_is_named_with_what_does(run: nnkit.Run) -> None:
    with pytest.raises(CheckpointError, match=rf"mnist: no such .*{run.directory.name}"):
        nnkit.load_checkpoint("mnist", runs=run.directory.parent)


def test_a_set_that_was_not_held_out_is_refused(tmp_path: Path) -> None:
    trained = nnkit.train(iris(data={"split": {"test": 0}}), runs=tmp_path).load()
    with pytest.raises(UsageError, match="no test set; available: train, validation"):
        trained.evaluate()


@pytest.mark.parametrize(
    "sections",
    [
        {"optimizer": "sgd"},
        {"training": {"epochs": None, "steps": 5}},
        {"architecture": {"layers": [{"dense": 8}, {"dropout": 0.5}, {"dense": 3}]}},
        {"architecture": {"layers": [{"dense": 3}]}},
        {"architecture": {"layers": [{"dense": 8}, {"activation": "tanh"}, {"dense": 3}]}},
        {"data": {"split": {"validation": 0}}},
    ],
)
def test_what_was_trained_can_be_loaded_scored_and_trained_again(
    tmp_path: Path, sections: dict[str, Any]
) -> None:
    run = nnkit.train(iris(**sections), runs=tmp_path / "first")
    assert run.load().evaluate().figures == run.summary["results"]["test"]
    again = nnkit.train(nnkit.load_config(run.directory / "config.yaml"), runs=tmp_path / "again")
    assert again.summary["weights_sha256"] == run.summary["weights_sha256"]
    assert again.directory.name == run.directory.name


def test_data_that_changed_are_refused(tmp_path: Path) -> None:
    source = Path(iris().data.source.model_dump()["path"])
    table = tmp_path / "iris.csv"
    table.write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    config = iris(data={"source": {"path": str(table)}}, training={"epochs": 1})
    trained = nnkit.train(config, runs=tmp_path / "runs").load()
    trained.evaluate()
    header, first, *rest = table.read_text(encoding="utf-8").splitlines()
    table.write_text("\n".join([header, *rest, first]) + "\n", encoding="utf-8")
    with pytest.raises(DataError, match="has changed since this model was trained"):
        trained.evaluate()
