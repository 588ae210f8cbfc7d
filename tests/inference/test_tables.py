"""Tests of models of tables: predictions from words, unusable rows, and other labelled data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import nnkit
from nnkit.data.dataset import Column
from nnkit.data.sources.csv import Csv
from nnkit.errors import DataError, UsageError
from nnkit.task.config import config_from

ROWS = [("1.5", "red", "yes"), ("1", "blue", "no"), ("2", "red", "yes"), ("0.5", "blue", "no")] * 5


def write_table(path: Path, rows: Any = ROWS, header: str = "size,colour,sold") -> Path:
    lines = [header, *(",".join(row) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def trained_on(folder: Path, **source: Any) -> nnkit.TrainedModel:
    config = config_from(
        {
            "name": "words",
            "data": {"source": source, "split": {"test": 0.2}, "preprocess": ["one_hot"]},
            "architecture": {"layers": [{"dense": 1}]},
            "activation": {"output": "sigmoid"},
            "loss": "binary_cross_entropy",
            "optimizer": {"kind": "sgd", "lr": 0.5},
            "training": {"epochs": 5},
        }
    )
    return nnkit.train(config, runs=folder / "runs").load()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> nnkit.TrainedModel:
    folder = tmp_path_factory.mktemp("words")
    return trained_on(folder, kind="csv", path=str(write_table(folder / "t.csv")), label="sold")


@pytest.mark.parametrize(
    "X",
    [
        [[1.5, "red"], [1, "blue"]],
        [[1.5, 1], [1, 0]],
        np.array([[1.5, 1], [1, 0]]),
        {"colour": ["red", "blue"], "size": [1.5, 1]},
        [{"size": 1.5, "colour": "red"}, {"size": 1, "colour": "blue"}],
        pa.table({"colour": ["red", "blue"], "size": [1.5, 1], "id": ["a", "b"]}),
    ],
    ids=["rows", "coded rows", "array", "mapping", "records", "frame"],
)
def test_predicts_from(model: nnkit.TrainedModel, X: Any) -> None:
    np.testing.assert_array_equal(model.outputs(X), model.outputs([[1.5, 1.0], [1.0, 0.0]]))
    assert set(model.predict(X)) <= {"no", "yes"}


@pytest.mark.parametrize("code", [99, 1.5, -1])
def test_the_number_of_no_word_is_refused(model: nnkit.TrainedModel, code: float) -> None:
    for ask in (model.predict, model.confidence, model.probabilities, model.outputs):
        with pytest.raises(DataError, match=f"column 'colour': '{code}' is not among the known"):
            ask([[1.0, code]])


def test_paths_may_be_text(model: nnkit.TrainedModel, tmp_path: Path) -> None:
    path = write_table(tmp_path / "t.csv")
    np.testing.assert_array_equal(model.read_table(str(path)), model.read_table(path))
    assert model.evaluate(data=str(path))[0] == 4


def test_shows_what_it_is(model: nnkit.TrainedModel) -> None:
    assert repr(model) == (
        "<TrainedModel 'words': expects (n, 2), dense, activation, 4 parameters, "
        "predicts 2 classes>"
    )


def test_rows_without_a_prediction_are_told_apart(
    model: nnkit.TrainedModel, tmp_path: Path
) -> None:
    path = tmp_path / "t.csv"
    path.write_text(
        'size,colour,note\n1,red,"two\nlines"\n1,green,\n\nbig,red,\n1,,\n3,red,\n1,red\n2,blue,\n'
    )
    rows = model.read_rows(path)
    assert list(rows.lines) == [3, 4, 6, 7, 8, 9, 10]
    assert {i: message.removeprefix(f"{path}:") for i, message in rows.errors.items()} == {
        1: "4: column 'colour': 'green' is not among the known values blue, red",
        2: "6: column 'size': 'big' is not a number",
        3: "7: column 'colour' is missing; fill it in, or train with 'impute' in data.preprocess",
        5: "9: 2 cells, but the rows above have 3; leave an empty cell for a missing value",
    }
    with pytest.raises(DataError, match=r"t\.csv:"):
        model.read_table(path)


# Other labelled data


def test_other_data_is_evaluated_as_a_whole(model: nnkit.TrainedModel, tmp_path: Path) -> None:
    rows = [(sold, "x", colour, size) for size, colour, sold in ROWS[:7]]
    path = write_table(tmp_path / "other.csv", rows, "sold,note,colour,size")
    report = model.report(data=path)
    assert (report.split, len(report)) == (None, 7)
    right = model.predict([[row[3], row[2]] for row in rows]) == [row[0] for row in rows]
    assert report.figures["accuracy"] == np.mean(right)
    assert report.lines is not None
    assert report.lines.tolist() == list(range(2, 9))
    assert model.evaluate(data=path)[1]["accuracy"] == np.mean(right)
    with pytest.raises(UsageError, match="not the data that this model was trained on"):
        model.report("train", path)


def test_one_class_may_be_absent(model: nnkit.TrainedModel, tmp_path: Path) -> None:
    path = write_table(tmp_path / "other.csv", [row for row in ROWS if row[2] == "yes"])
    report = model.report(data=path)
    assert report.targets.tolist() == [1] * 10


@pytest.mark.parametrize(
    ("rows", "header", "message"),
    [
        ([*ROWS, ("1", "red", "maybe"), ("1", "red", "later")], "size,colour,sold",
         "does not know the classes later, maybe; it was trained on no, yes"),
        (ROWS, "size,colour,other", "no column 'sold'; available: size, colour, other"),
        (ROWS, "size,shade,sold", "no column 'colour'"),
        ([("1", "green", "yes")], "size,colour,sold", "'green' is not among the known values"),
        ([("1", "red", "")], "size,colour,sold", "the label 'sold' is missing"),
    ],
)  # fmt: skip
def test_other_data_must_fit(
    model: nnkit.TrainedModel, tmp_path: Path, rows: Any, header: str, message: str
) -> None:
    path = write_table(tmp_path / "other.csv", rows, header)
    with pytest.raises(DataError, match=message):
        model.report(data=path)


def test_the_data_of_the_training_is_split_wherever_it_is(
    model: nnkit.TrainedModel, tmp_path: Path
) -> None:
    report = model.report(data=write_table(tmp_path / "moved.csv"))
    assert (report.split, len(report)) == ("test", 4)
    assert report.figures == model.report().figures


def test_a_label_given_by_index_is_found_by_its_name(tmp_path: Path) -> None:
    columns = (Column("size"), Column("colour", ("blue", "red")))
    rows = [(sold, colour, size) for size, colour, sold in ROWS[:2]]
    path = write_table(tmp_path / "other.csv", rows, "sold,colour,size")
    samples = Csv(path="t.csv", label=-1).read_labelled(path, columns, "sold", ("no", "yes"))
    assert np.asarray(samples.targets).tolist() == [1, 0]
    np.testing.assert_array_equal(samples.inputs, [[1.5, 1], [1, 0]])


def test_a_table_without_a_header_has_its_label_by_index(tmp_path: Path) -> None:
    columns = (Column("0"), Column("1", ("blue", "red")))
    path = write_table(tmp_path / "other.csv", ROWS[1:2], ",".join(ROWS[0]))
    source = Csv(path="t.csv", header=False, label=2)
    samples = source.read_labelled(path, columns, "2", ("no", "yes"))
    assert np.asarray(samples.targets).tolist() == [1, 0]
