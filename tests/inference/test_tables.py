"""Tests of models of tables: predictions from words, unusable rows, and other labelled data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import nnkit
from nnkit.data.dataset import Column
from nnkit.data.frames import table_of
from nnkit.data.records import encoded
from nnkit.data.sources.csv import Csv
from nnkit.data.sources.source import ExpectedData
from nnkit.data.tables.dates import DateColumn
from nnkit.data.tables.parsed_table import ParsedTable
from nnkit.data.tables.table_reader import read_table
from nnkit.errors import DataError, UsageError
from nnkit.task.config_loading import config_from

ROWS = [("1.5", "red", "yes"), ("1", "blue", "no"), ("2", "red", "yes"), ("0.5", "blue", "no")] * 5


def write_table(path: Path, rows: Any = ROWS, header: str = "size,colour,sold") -> Path:
    lines = [header, *(",".join(row) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def trained_on(folder: Path, unknown: str = "error", **source: Any) -> nnkit.TrainedModel:
    config = config_from(
        {
            "name": "words",
            "data": {
                "source": source,
                "split": {"test": 0.2},
                "preprocess": [{"one_hot": {"unknown": unknown}}],
            },
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
    assert model.evaluate(data=str(path)).samples == 4


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
    assert model.evaluate(data=path)["accuracy"] == np.mean(right)
    with pytest.raises(UsageError, match="not the data that this model was trained on"):
        model.report("train", path)


def test_other_data_is_parsed_once(
    model: nnkit.TrainedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[Path] = []

    def counted(path: Path, *arguments: Any, **options: Any) -> ParsedTable:
        parsed.append(path)
        return read_table(path, *arguments, **options)

    monkeypatch.setattr("nnkit.data.tables.table_cache.read_table", counted)
    for rows, split in ((ROWS[:7], None), (ROWS, "test")):
        parsed.clear()
        path = write_table(tmp_path / "other.csv", rows)
        assert model.report(data=path).split == split
        assert parsed == [path]


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
        ([("1", "red", "")], "size,colour,sold", "no row has a label 'sold'"),
    ],
)  # fmt: skip
def test_other_data_must_fit(
    model: nnkit.TrainedModel, tmp_path: Path, rows: Any, header: str, message: str
) -> None:
    path = write_table(tmp_path / "other.csv", rows, header)
    with pytest.raises(DataError, match=message):
        model.report(data=path)


def test_rows_without_a_label_are_not_evaluated(model: nnkit.TrainedModel, tmp_path: Path) -> None:
    path = write_table(tmp_path / "other.csv", [*ROWS[:7], ("1", "red", "")])
    with pytest.warns(UserWarning, match=r"other\.csv:9: the label 'sold' is missing; 1 of 8 rows"):
        report = model.report(data=path)
    assert report.figures == model.report(data=write_table(tmp_path / "all.csv", ROWS[:7])).figures


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
    samples = Csv(path="t.csv", label=-1).read_labelled(
        path, ExpectedData(columns, "sold", ("no", "yes"))
    )
    assert np.asarray(samples.targets).tolist() == [1, 0]
    np.testing.assert_array_equal(samples.inputs, [[1.5, 1], [1, 0]])


def test_a_table_without_a_header_has_its_label_by_index(tmp_path: Path) -> None:
    columns = (Column("0"), Column("1", ("blue", "red")))
    path = write_table(tmp_path / "other.csv", ROWS[1:2], ",".join(ROWS[0]))
    source = Csv(path="t.csv", header=False, label=2)
    samples = source.read_labelled(path, ExpectedData(columns, "2", ("no", "yes")))
    assert np.asarray(samples.targets).tolist() == [1, 0]


# Words that are not in the training table


@pytest.fixture(scope="module")
def lenient(tmp_path_factory: pytest.TempPathFactory) -> nnkit.TrainedModel:
    """A model that takes any word, trained with one_hot: {unknown: ignore}."""
    folder = tmp_path_factory.mktemp("lenient")
    table = str(write_table(folder / "t.csv"))
    return trained_on(folder, "ignore", kind="csv", path=table, label="sold")


def test_unknown_words_are_taken_alike_from_files_and_from_memory(
    lenient: nnkit.TrainedModel, tmp_path: Path
) -> None:
    path = write_table(tmp_path / "new.csv", [("1", "green", "no"), ("big", "red", "yes")])
    with pytest.warns(UserWarning, match=r"new\.csv:2: column 'colour': 'green' is not among"):
        rows = lenient.read_rows(path)
    np.testing.assert_array_equal(rows.inputs, [[1, -1], [np.nan, 1]])
    assert rows.errors == {1: f"{path}:3: column 'size': 'big' is not a number"}
    expected = lenient.outputs(rows.inputs[:1])
    table: list[Any] = [{"size": [1], "colour": ["green"]}, [[1, "green"]]]
    for X in table:
        with pytest.warns(UserWarning, match="row 1: column 'colour': 'green' is not among"):
            np.testing.assert_array_equal(lenient.outputs(X), expected)
    with pytest.raises(DataError, match="column 'colour': '-2' is not among"):
        lenient.outputs([[1.0, -2.0]])


def test_other_data_may_have_unknown_words(lenient: nnkit.TrainedModel, tmp_path: Path) -> None:
    path = write_table(tmp_path / "new.csv", [("1", "green", "no"), ("2", "red", "yes")])
    with pytest.warns(UserWarning, match="'green' is not among the known values"):
        assert len(lenient.report(data=path)) == 2


# Tables with many rows, and columns of dates


def test_every_row_with_a_wrong_cell_among_many_numbers_is_found(
    model: nnkit.TrainedModel, tmp_path: Path
) -> None:
    cells = [f"{i}.5" for i in range(1000)]
    cells[300] = cells[900] = "big"
    cells[500] = "1e999"
    path = write_table(tmp_path / "t.csv", [(cell, "red", "yes") for cell in cells])
    rows = model.read_rows(path)
    assert {i: message.removeprefix(f"{path}:") for i, message in rows.errors.items()} == {
        300: "302: column 'size': 'big' is not a number",
        900: "902: column 'size': 'big' is not a number",
        500: "502: column 'size': '1e999' is not a finite number; empty the cell if it is missing",
    }
    usable = np.delete(np.arange(1000), list(rows.errors))
    np.testing.assert_array_equal(rows.inputs[usable, 0], usable + 0.5)


def test_rows_without_a_date_are_told_apart(tmp_path: Path) -> None:
    source = Csv(path="t.csv", dates={"day": DateColumn(parts=("year", "month"))})
    columns = (Column("day.year"), Column("day.month"), Column("x"))
    path = tmp_path / "t.csv"
    path.write_text("x,day\n1,2024-05-01\n2,May\n3,2025-06-01,4\n5,\n")
    rows = source.read_rows(path, columns)
    nan = np.nan
    expected = [[2024, 5, 1], [nan, nan, 2], [nan, nan, nan], [nan, nan, 5]]
    np.testing.assert_array_equal(rows.inputs, expected)
    assert [rows.errors[i].removeprefix(f"{path}:")[:30] for i in (1, 2)] == [
        "3: column 'day': 'May' is not ",
        "4: 3 cells, but the rows above",
    ]
    table = table_of({"x": [1], "day": ["2024-05-01"]})
    np.testing.assert_array_equal(encoded(table, columns, source.notation), [[2024, 5, 1]])


@pytest.mark.parametrize(
    ("labels", "classes", "targets"),
    [
        (("1.0", "2.0"), ("1", "2"), [0, 1]),
        (("yes", "1"), ("1.0", "yes"), [1, 0]),
        (("007", "7"), ("007", "7"), [0, 1]),
    ],
)
def test_classes_may_be_spelled_otherwise(
    tmp_path: Path, labels: tuple[str, str], classes: tuple[str, str], targets: list[int]
) -> None:
    path = write_table(tmp_path / "t.csv", [("1", label) for label in labels], "x,y")
    samples = Csv(path="o.csv").read_labelled(path, ExpectedData((Column("x"),), "y", classes))
    assert np.asarray(samples.targets).tolist() == targets


def test_codes_with_leading_zeros_are_not_numbers(tmp_path: Path) -> None:
    path = write_table(tmp_path / "t.csv", [("1", "7")], "x,y")
    with pytest.raises(DataError, match="does not know the class 7; it was trained on 007, 8"):
        Csv(path="o.csv").read_labelled(path, ExpectedData((Column("x"),), "y", ("007", "8")))


def test_a_number_with_another_decimal_mark_is_said_to_be_one(tmp_path: Path) -> None:
    path = write_table(tmp_path / "t.csv", [("1,5",), ("2.5",)], "x")
    rows = Csv(path="o.csv", delimiter=";", decimal=",").read_rows(path, (Column("x"),))
    assert rows.errors == {
        1: f"{path}:3: column 'x': '2.5' is not a number with the decimal mark ','"
    }
