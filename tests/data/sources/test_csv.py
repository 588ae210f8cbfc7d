"""Tests of CSV tables: the treatment of columns in training and in prediction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnkit
from nnkit.data.dataset import Column, Dataset
from nnkit.data.sources.csv import Csv
from nnkit.data.sources.source import ExpectedData
from nnkit.errors import DataError, SettingError
from tests.data.small import DATA, small_config

MIXED = """\
length,colour,width,kind
1.5,red,2,cat
2.5,,3,dog
,blue,4,cat
4.5,red,NA,dog
"""
NAN = np.nan


def load(folder: Path, text: str, **settings: Any) -> Dataset:
    path = folder / "table.csv"
    path.write_text(text, encoding="utf-8")
    return Csv(path=str(path), **settings).load()


def test_mixed_columns_and_missing_values(tmp_path: Path) -> None:
    dataset = load(tmp_path, MIXED)
    assert dataset.columns == (Column("length"), Column("colour", ("blue", "red")), Column("width"))
    np.testing.assert_array_equal(
        dataset.samples.inputs, [[1.5, 1, 2], [2.5, NAN, 3], [NAN, 0, 4], [4.5, 1, NAN]]
    )
    assert dataset.classes == ("cat", "dog")
    assert np.asarray(dataset.samples.targets).tolist() == [0, 1, 0, 1]
    assert dataset.label == "kind"


@pytest.mark.parametrize("label", ["width", 2, -2])
def test_the_label_goes_by_name_or_index(label: str | int, tmp_path: Path) -> None:
    dataset = load(tmp_path, MIXED.replace("NA", "5"), label=label, task="classification")
    assert dataset.label == "width"
    assert [column.name for column in dataset.columns] == ["length", "colour", "kind"]
    assert dataset.classes == ("2", "3", "4", "5")


@pytest.mark.parametrize("label", [["width", "length"], [2, 0], ["width", -4]])
def test_several_columns_of_labels_are_real_targets(label: list[str | int], tmp_path: Path) -> None:
    text = MIXED.replace("NA", "5").replace("\n,", "\n3.5,")
    dataset = load(tmp_path, text, label=tuple(label))
    assert dataset.classes is None
    assert dataset.label == "width, length"
    assert [column.name for column in dataset.columns] == ["colour", "kind"]
    np.testing.assert_array_equal(dataset.samples.targets, [[2, 1.5], [3, 2.5], [4, 3.5], [5, 4.5]])


def test_a_list_of_one_label_is_that_label(tmp_path: Path) -> None:
    assert load(tmp_path, MIXED, label=("kind",)).classes == ("cat", "dog")


@pytest.mark.parametrize("weights", ["width", 2])
def test_a_column_of_weights_is_no_input(weights: str | int, tmp_path: Path) -> None:
    dataset = load(tmp_path, MIXED.replace("NA", "0"), weights=weights)
    assert [column.name for column in dataset.columns] == ["length", "colour"]
    assert dataset.samples.weights is not None
    np.testing.assert_array_equal(dataset.samples.weights, [2, 3, 4, 0])
    assert dataset.fingerprint() != load(tmp_path, MIXED, ignore=("width",)).fingerprint()


def test_what_is_a_class_and_what_a_number(tmp_path: Path) -> None:
    whole = "x,y\n" + "".join(f"{i},{i % 20}\n" for i in range(40))
    assert load(tmp_path, whole).classes == tuple(map(str, range(20)))
    many = "x,y\n" + "".join(f"{i},{i % 21}\n" for i in range(42))
    assert load(tmp_path, many).classes is None
    assert len(load(tmp_path, many, task="classification").classes or ()) == 21
    halves = load(tmp_path, "x,y\n1,0.5\n2,1\n")
    assert halves.classes is None
    np.testing.assert_array_equal(halves.samples.targets, [[0.5], [1]])
    np.testing.assert_array_equal(
        load(tmp_path, "x,y\n1,0\n2,1\n", task="regression").samples.targets, [[0], [1]]
    )


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("1,2,a\n3,4,b\n", {"header": False}),
        ("\ufeffx,y,z\n1,2,a\n3,4,b\n", {}),
        ("x,y,z\r\n1,2,a\r\n\r\n3,4,b\r\n", {}),
        ('"x","y","z"\n"1"," 2 ","a"\n 3,4,"b"', {}),
        ("x;y;z\n1;2;a\n3;4;b\n", {"delimiter": ";"}),
        ("x\ty\tz\n1\t2\ta\n3\t4\tb\n", {"delimiter": "\t"}),
        ("no,x,y,z\n7,1,2,a\n8,3,4,b\n", {"ignore": ("no",)}),
    ],
)
def test_the_same_table_written_in_other_ways(
    text: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    dataset = load(tmp_path, text, **settings)
    np.testing.assert_array_equal(dataset.samples.inputs, [[1, 2], [3, 4]])
    assert dataset.classes == ("a", "b")
    if settings.get("header", True):
        assert [column.name for column in dataset.columns] == ["x", "y"]


UNLABELLED = "x,y,w\n1,a,1\n2,,\n\n3,b,2\n4,?,1\n5,a,3\n"


def test_rows_without_a_label_are_an_error_that_counts_them(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        load(tmp_path, UNLABELLED, label="y")
    assert str(caught.value).removeprefix(f"{tmp_path}/") == (
        "table.csv:3: the label 'y' is missing, as in 1 other row; fill it in, or set "
        "data.source.missing_target: drop to leave out such rows"
    )


@pytest.mark.parametrize("label", ["y", "x"])
def test_rows_without_a_label_may_be_dropped(label: str, tmp_path: Path) -> None:
    text = UNLABELLED if label == "y" else UNLABELLED.replace("2,,", ",b,").replace("4,?", "NA,a")
    settings: dict[str, Any] = {"label": label, "weights": "w", "missing_target": "drop"}
    dataset = load(tmp_path, text, **settings)
    samples = dataset.samples
    assert np.asarray(samples.origins).tolist() == [1, 3, 5]
    assert np.asarray(samples.lines).tolist() == [2, 5, 7]
    assert np.asarray(samples.weights).tolist() == [1, 2, 3]
    assert np.asarray(samples.targets).tolist() == ([0, 1, 0] if label == "y" else [[1], [3], [5]])
    assert dataset.notices[0].endswith(
        "2 of 5 rows lack it and are left out (missing_target: drop)"
    )
    source = Csv(path=str(tmp_path / "table.csv"), **settings)
    with pytest.warns(
        UserWarning, match=r":3: the label '.' is missing; 2 of 5 rows lack it and are left out"
    ):
        again = source.read_labelled(
            tmp_path / "table.csv", ExpectedData(dataset.columns, label, dataset.classes)
        )
    np.testing.assert_array_equal(again.inputs, samples.inputs)
    np.testing.assert_array_equal(again.targets, samples.targets)
    assert np.asarray(again.lines).tolist() == [2, 5, 7]


def test_an_outline_is_the_data_without_inputs(tmp_path: Path) -> None:
    (tmp_path / "test.csv").write_text(UNLABELLED)
    settings: dict[str, Any] = {"label": "y", "weights": "w", "missing_target": "drop"}
    settings["test"] = str(tmp_path / "test.csv")
    dataset = load(tmp_path, UNLABELLED, **settings)
    outline = Csv(path=str(tmp_path / "table.csv"), **settings).outline()
    assert outline.samples.inputs.shape == dataset.samples.inputs.shape
    assert np.isnan(np.asarray(outline.samples.inputs)).all()
    for name in ("classes", "columns", "label", "notices"):
        assert getattr(outline, name) == getattr(dataset, name)
    for name in ("targets", "weights", "origins", "lines"):
        found, expected = getattr(outline.samples, name), getattr(dataset.samples, name)
        assert np.asarray(found).tolist() == np.asarray(expected).tolist()
    assert outline.test is not None
    assert len(outline.test) == 3


def test_a_row_that_lacks_one_of_several_labels_has_none(tmp_path: Path) -> None:
    text = "x,a,b\n1,1,2\n2,,3\n3,4,\n4,5,6\n"
    dataset = load(tmp_path, text, label=("a", "b"), missing_target="drop")
    assert np.asarray(dataset.samples.targets).tolist() == [[1, 2], [5, 6]]
    with pytest.raises(DataError, match=r"'a' is missing, as is a label in 1 other row;"):
        load(tmp_path, text, label=("a", "b"))
    (notice,) = dataset.notices
    assert ":3: the label 'a' is missing; 2 of 4 rows lack a label and are left out" in notice
    with pytest.raises(DataError, match="no row has a label 'b', so there is nothing to learn"):
        load(tmp_path, "x,b\n1,\n2,NA\n", missing_target="drop")
    with pytest.raises(DataError, match="no row has all labels, so there is nothing to learn"):
        load(tmp_path, "x,a,b\n1,,2\n2,1,\n", label=("a", "b"), missing_target="drop")


HELD_OUT = "kind,note,width,length,colour\ncat,a,2,1,red\n\ndog,b,3,2.5,blue\n"


def test_held_out_sets_may_be_in_files_of_their_own(tmp_path: Path) -> None:
    for name in ("validation", "test"):
        (tmp_path / f"{name}.csv").write_text(HELD_OUT)
    alone = load(tmp_path, MIXED)
    dataset = load(tmp_path, MIXED, test=str(tmp_path / "test.csv"))
    assert (dataset.columns, dataset.classes) == (alone.columns, alone.classes)
    assert dataset.validation is None
    assert dataset.test is not None
    np.testing.assert_array_equal(dataset.test.inputs, [[1, 1, 2], [2.5, 0, 3]])
    assert np.asarray(dataset.test.targets).tolist() == [0, 1]
    assert np.asarray(dataset.test.lines).tolist() == [2, 4]
    assert dataset.fingerprint() != alone.fingerprint()
    both = load(
        tmp_path,
        MIXED,
        test=str(tmp_path / "test.csv"),
        validation=str(tmp_path / "validation.csv"),
    )
    assert both.validation is not None
    assert len(both.validation) == 2
    assert {file.name for file in Csv(path="t.csv", test="u.csv").files()} == {"t.csv", "u.csv"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind,width,length\ncat,2,1\n", "no column 'colour'; available: kind, width, length"),
        (
            "width,length,colour\n2,1,red\n",
            "no column 'kind'; available: width, length, colour; wi",
        ),
        ("kind,width,length,colour\nfox,2,1,red\n", "this model does not know the class fox"),
        ("kind,width,length,colour\n,2,1,red\n", "no row has a label 'kind'"),
        ("kind,width,length,colour\ncat,2,1,red\ncat,big,1,red\n", ":3: column 'width': 'big' is "),
        ("kind,width,length,colour\ncat,2,1,green\n", ":2: column 'colour': 'green' is not among"),
        (None, "no such file"),
    ],
)
def test_a_held_out_set_that_does_not_fit_is_an_error_of_its_setting(
    tmp_path: Path, text: str | None, message: str
) -> None:
    if text is not None:
        (tmp_path / "test.csv").write_text(text)
    with pytest.raises(SettingError) as caught:
        load(tmp_path, MIXED, test=str(tmp_path / "test.csv"))
    assert caught.value.path == ("data", "source", "test")
    assert caught.value.exit_code == 3
    assert message in str(caught.value)


def test_a_held_out_set_is_other_data(tmp_path: Path) -> None:
    (tmp_path / "test.csv").write_text(HELD_OUT)
    test = str(tmp_path / "test.csv")
    with pytest.raises(SettingError, match=r"table\.csv is data\.source\.path, too; held-out"):
        load(tmp_path, MIXED, test=str(tmp_path / "table.csv"))
    with pytest.raises(SettingError, match=r"test\.csv is data\.source\.test, too"):
        load(tmp_path, MIXED, test=test, validation=test)


def test_unknown_words_of_a_held_out_set_may_be_ignored(tmp_path: Path) -> None:
    (tmp_path / "test.csv").write_text(HELD_OUT.replace("red", "green"))
    load(tmp_path, MIXED)
    source = Csv(path=str(tmp_path / "table.csv"), test=str(tmp_path / "test.csv"))
    dataset = source.load(unknown="ignore")
    assert dataset.test is not None
    assert np.asarray(dataset.test.inputs)[:, 1].tolist() == [-1, 0]
    (notice,) = dataset.notices
    assert "test.csv:2: column 'colour': 'green' is not among the known values" in notice
    report = {column.profile.name: column.held_out["test"] for column in source.column_report()}
    assert (report["colour"].unknown, report["colour"].rows) == (("green",), 2)
    assert (report["width"].unknown, report["width"].found) == ((), True)


def test_the_lines_to_leave_out_are_those_of_the_training_table(tmp_path: Path) -> None:
    (tmp_path / "test.csv").write_text("x,y\n1,a\n2,b\n")
    dataset = load(
        tmp_path, "x,y\ncm,\n3,a\n4,b\n", leave_out=(2,), test=str(tmp_path / "test.csv")
    )
    assert dataset.test is not None
    assert np.asarray(dataset.test.inputs).tolist() == [[1], [2]]


def test_quoted_cells_may_hold_delimiters_quotes_and_lines(tmp_path: Path) -> None:
    dataset = load(tmp_path, 'x,y\n1,"a, ""b"""\n2,"c\nd"\n')
    assert dataset.classes == ('a, "b"', "c\nd")


def test_a_column_without_any_value_is_one_of_numbers(tmp_path: Path) -> None:
    dataset = load(tmp_path, "x,gone,y\n1,,a\n2,?,b\n")
    assert dataset.columns == (Column("x"), Column("gone"))
    assert np.isnan(np.asarray(dataset.samples.inputs)[:, 1]).all()


@pytest.mark.parametrize(
    ("table", "label", "shape", "classes"),
    [
        ("iris", "species", (150, 4), 3),
        ("wine", "cultivar", (178, 13), 3),
        ("breast_cancer", "diagnosis", (569, 30), 2),
        ("digits", "digit", (1797, 64), 10),
        ("diabetes", "progression", (442, 10), None),
    ],
)
def test_the_tables_that_come_along(
    table: str, label: str, shape: tuple[int, int], classes: int | None
) -> None:
    dataset = Csv(path=str(DATA / "tables" / f"{table}.csv"), label=label).load()
    assert dataset.samples.inputs.shape == shape
    assert (len(dataset.classes) if dataset.classes else None) == classes
    assert np.isfinite(dataset.samples.inputs).all()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> nnkit.TrainedModel:
    folder = tmp_path_factory.mktemp("mixed")
    path = folder / "table.csv"
    path.write_text(MIXED + MIXED.partition("\n")[2] * 5, encoding="utf-8")
    steps = ["impute", "one_hot", "standardize"]
    return nnkit.train(
        small_config({"csv": {"path": str(path)}}, preprocess=steps), runs=folder
    ).load()


def rows(folder: Path, text: str) -> Path:
    path = folder / "rows.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_rows_to_predict_are_found_by_column_name(
    trained: nnkit.TrainedModel, tmp_path: Path
) -> None:
    path = rows(tmp_path, "width,note,colour,length\n2,hello,red,1.5\n?,,,\n")
    table = trained.read_table(path)
    np.testing.assert_array_equal(table, [[1.5, 1, 2], [NAN, NAN, NAN]])
    assert set(trained.predict(table)) <= {"cat", "dog"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "length,colour,width\n1,red,2\n1,purple,2\n",
            ":3: column 'colour': 'purple' is not among",
        ),
        ("length,colour,width\nlong,red,2\n", ":2: column 'length': 'long' is not a number"),
        ("length,colour,width\ninf,red,2\n", ":2: column 'length': 'inf' is not a finite number"),
        ("length,width\n1,2\n", ": no column 'colour'; available: length, width"),
        ("length;colour;width\n1;red;2\n", "are its cells separated by ','?"),
        ("length,colour,width\n", ": no rows below the header"),
    ],
)
def test_rows_that_can_not_be_predicted(
    trained: nnkit.TrainedModel, text: str, message: str, tmp_path: Path
) -> None:
    path = rows(tmp_path, text)
    with pytest.raises(DataError) as caught:
        trained.read_table(path)
    assert str(caught.value).startswith(str(path))
    assert message in str(caught.value)
    with pytest.raises(DataError, match="reads csv data, not pictures"):
        trained.read_picture(path)
