"""Tests of time series: windows, what follows them, and the order of the sets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnkit
from nnkit.data.dataset import Array, Dataset
from nnkit.data.sources.series import Series
from nnkit.data.splits import Split, split_dataset
from nnkit.errors import DataError, SettingError

ROWS = [(f"2020-{i + 1:02d}", 10 * i, 0.5 * i) for i in range(12)]
TABLE = "month,load,price\n" + "".join(f"{month},{a},{b}\n" for month, a, b in ROWS)


def source(folder: Path, text: str = TABLE, **settings: Any) -> Series:
    path = folder / "series.csv"
    path.write_text(text, encoding="utf-8")
    return Series(path=str(path), **{"window": 3, **settings})


def inputs(dataset: Dataset) -> Array:
    return np.asarray(dataset.samples.inputs)


def test_a_window_predicts_the_next_value(tmp_path: Path) -> None:
    dataset = source(tmp_path, label="load").read()
    assert inputs(dataset).tolist()[0] == [[0, 10, 20]]
    assert inputs(dataset).tolist()[-1] == [[80, 90, 100]]
    assert dataset.samples.targets[:].tolist() == [[10 * i] for i in range(3, 12)]
    assert dataset.samples.lines is not None
    assert dataset.samples.lines.tolist() == list(range(4, 13))
    assert (dataset.label, dataset.classes) == ("load", None)


def test_the_last_column_is_the_default(tmp_path: Path) -> None:
    assert source(tmp_path).read().label == "price"


def test_several_columns_and_steps(tmp_path: Path) -> None:
    dataset = source(tmp_path, label=("price", 1), columns=("load",), horizon=2).read()
    assert inputs(dataset).shape == (8, 1, 3)
    assert inputs(dataset)[2].tolist() == [[20, 30, 40]]
    assert dataset.samples.targets[2:3].tolist() == [[2.5, 3, 50, 60]]
    assert dataset.label == "price+1, price+2, load+1, load+2"


def test_several_columns_of_a_window(tmp_path: Path) -> None:
    dataset = source(tmp_path, columns=("price", "load")).read()
    assert inputs(dataset)[1].tolist() == [[0.5, 1, 1.5], [10, 20, 30]]
    assert dataset.samples.targets[1:2].tolist() == [[2]]


@pytest.mark.parametrize(("window", "horizon"), [(1, 1), (2, 3), (5, 1)])
def test_sets_share_no_row(window: int, horizon: int, tmp_path: Path) -> None:
    text = "value\n" + "".join(f"{i}\n" for i in range(60))
    dataset = source(tmp_path, text, window=window, horizon=horizon).read()
    sets = split_dataset(dataset, Split(validation=5, test=7), seed=0)
    rows = {
        name: {
            *np.asarray(part.inputs).ravel().tolist(),
            *np.asarray(part.targets).ravel().tolist(),
        }
        for name, part in sets.items()
    }
    assert {name: len(part) for name, part in sets.items()} == {
        "train": 60 - (window + horizon - 1) * 3 - 12,
        "validation": 5,
        "test": 7,
    }
    assert max(rows["train"]) + 1 == min(rows["validation"])
    assert max(rows["validation"]) + 1 == min(rows["test"])
    assert max(rows["test"]) == 59
    assert f"overlap two: {window + horizon - 1}" in dataset.notices[0]


def test_without_held_out_sets_every_window_is_trained(tmp_path: Path) -> None:
    dataset = source(tmp_path).read()
    assert len(split_dataset(dataset, Split(validation=0, test=0), seed=0)["train"]) == 9


def test_gaps_may_leave_nothing_to_train(tmp_path: Path) -> None:
    dataset = source(tmp_path).read()
    with pytest.raises(SettingError, match="need 9 of 9 samples") as caught:
        split_dataset(dataset, Split(validation=0, test=6), seed=0)
    assert caught.value.path == ("data", "split")


def test_folds_would_not_be_in_order(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="no particular order"):
        split_dataset(source(tmp_path).read(), Split(folds=3, fold=1), seed=0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TABLE.replace("2020-05,40,", "2020-05,,"), "series.csv:6: column 'load' is missing"),
        (TABLE.replace("2020-05,40,", "2020-05,x,"), "series.csv:6: column 'load': 'x' is not a"),
        ("month,load\n1,2\n2,3\n3,4\n", "3 rows; a window of 3 and a horizon of 1 need at least 4"),
        ("month,load\n", "no rows below the header"),
    ],
)
def test_errors_give_file_and_line(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        source(tmp_path, text, label="load").read()


def test_a_wrong_column_is_an_error_of_its_setting(tmp_path: Path) -> None:
    for wrong in (source(tmp_path, label="cost"), source(tmp_path, columns=("cost",))):
        with pytest.raises(SettingError, match="no column 'cost'") as caught:
            wrong.read()
        assert caught.value.path[2] in wrong.model_fields_set - {"path", "window"}


def test_windows_of_another_file_need_no_label(tmp_path: Path) -> None:
    series = source(tmp_path, label="load", columns=("price",))
    other = tmp_path / "other.csv"
    other.write_text("price\n1\n2\n3\n4\n", encoding="utf-8")
    found = series.read_rows(other, ())
    assert found.inputs.tolist() == [[[1, 2, 3]], [[2, 3, 4]]]
    assert list(found.lines) == [4, 5]


def test_a_forecast_follows_the_last_row(tmp_path: Path) -> None:
    """Learns from Fibonacci numbers that each is the sum of two, and continues another series."""
    text = "value\n" + "\n".join(map(str, (1, 1, 2, 3, 5, 8, 13, 21)))
    config = {
        "data": {
            "source": source(tmp_path, text, window=2).model_dump(mode="json"),
            "split": {"validation": 0, "test": 0},
        },
        "architecture": {"layers": ["flatten", {"dense": 1}]},
        "loss": "squared_error",
        "optimizer": "lbfgs",
        "training": {"steps": 30, "precision": "float64"},
    }
    model = nnkit.train(config, runs=tmp_path).load()
    other = tmp_path / "other.csv"
    other.write_text("name,value\na,7\nb,11\nc,15\n", encoding="utf-8")
    rows = model.read_rows(other)
    assert list(rows.lines) == [3, 4]
    assert rows.inputs.tolist() == [[[7, 11]], [[11, 15]]]
    np.testing.assert_allclose(model.predict(rows.inputs), [[18], [26]], rtol=1e-6)
