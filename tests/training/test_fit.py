"""Tests of training on data in memory."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import nnkit
from nnkit.errors import ConfigError, DataError, UsageError
from tests.cli.program import IRIS, TABLES

CONFIG: dict[str, Any] = {
    "name": "memory",
    "architecture": {"layers": [{"dense": 2}]},
    "training": {"epochs": 2},
}
NUMBERS = {**CONFIG, "architecture": {"layers": [{"dense": 1}]}, "loss": "squared_error"}
X = np.random.default_rng(0).normal(size=(40, 3))
Y = X[:, 0] > 0


def iris() -> dict[str, list[Any]]:
    """The iris table as a mapping of columns."""
    with (TABLES / "iris.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {
        name: [row[name] if name == "species" else float(row[name]) for row in rows]
        for name in rows[0]
    }


def test_a_table_in_memory_gives_the_weights_of_the_same_file(tmp_path: Path) -> None:
    changes = ["training.epochs=2"]
    of_file = nnkit.train(nnkit.load_config(IRIS, changes), runs=tmp_path)
    in_memory = nnkit.fit(iris(), "species", IRIS, changes, runs=tmp_path)
    assert in_memory.directory != of_file.directory
    for key in ("weights_sha256", "best_weights_sha256", "results"):
        assert in_memory.summary[key] == of_file.summary[key]


def test_the_same_data_is_not_trained_on_again(tmp_path: Path) -> None:
    first = nnkit.fit(X, Y, CONFIG, runs=tmp_path)
    again = nnkit.fit(X.copy(), Y.tolist(), CONFIG, runs=tmp_path)
    assert (first.already_finished, again.already_finished) == (False, True)
    assert again.directory == first.directory
    other = nnkit.fit(X + 1, Y, CONFIG, runs=tmp_path)
    assert other.directory != first.directory


def test_inputs_are_not_changed(tmp_path: Path) -> None:
    inputs, targets = X.copy(), Y.copy()
    nnkit.fit(inputs, targets, CONFIG, runs=tmp_path)
    np.testing.assert_array_equal(inputs, X)
    np.testing.assert_array_equal(targets, Y)


def test_whole_numbers_are_what_the_loss_is_for(tmp_path: Path) -> None:
    counts = np.arange(40) % 2
    assert nnkit.fit(X, counts, CONFIG, runs=tmp_path).load().classes == ("0", "1")
    assert nnkit.fit(X, counts, NUMBERS, runs=tmp_path).load().classes is None
    one = nnkit.fit(
        X, counts, {**NUMBERS, "activation": {"output": "sigmoid"}},
        task="classification", runs=tmp_path,
    )  # fmt: skip
    assert one.load().classes == ("0", "1")


def test_a_config_needs_no_data_but_may_have_some(tmp_path: Path) -> None:
    for config in (IRIS, str(IRIS), nnkit.load_config(IRIS)):
        run = nnkit.fit(
            iris(), "species", config, ["training.epochs=1", "expect={}"], runs=tmp_path
        )
        assert run.load().config.data.source.tag() == "memory"
    with pytest.raises(ConfigError, match=r"data\.preprocess: column 'b' contains text"):
        nnkit.fit({"a": [1, 2] * 20, "b": ["x", "y"] * 20}, Y, CONFIG, runs=tmp_path)
    with pytest.raises(UsageError, match="expected a config: a path, a mapping or a Config"):
        nnkit.fit(X, Y, None, runs=tmp_path)  # type: ignore[arg-type]


def test_the_model_is_evaluated_on_other_data(tmp_path: Path) -> None:
    run = nnkit.fit(iris(), "species", IRIS, ["training.epochs=2"], runs=tmp_path)
    model = run.load()
    with pytest.raises(DataError, match="this data was in memory"):
        model.report()
    with pytest.raises(UsageError, match="data in memory has no train set"):
        model.report("train", (iris(), iris()["species"]))
    in_memory = model.evaluate(data=(iris(), iris()["species"]))
    assert in_memory == model.evaluate(data=TABLES / "iris.csv")
    assert in_memory.samples == 150
    assert len(model.read_table(TABLES / "iris.csv")) == 150


def test_arrays_are_evaluated_on_an_archive(tmp_path: Path) -> None:
    classes = Y.astype(int)
    model = nnkit.fit(X, classes, CONFIG, runs=tmp_path).load()
    np.savez(tmp_path / "t.npz", inputs=X, targets=classes)
    assert model.evaluate(data=tmp_path / "t.npz") == model.evaluate(data=(X, classes))


def test_settings_of_the_source_that_apply_to_data_in_memory_are_kept(tmp_path: Path) -> None:
    labels = [None if i == 3 else bool(label) for i, label in enumerate(Y)]
    with pytest.raises(DataError, match="row 4 of y: the target is missing"):
        nnkit.fit(X, labels, CONFIG, runs=tmp_path)
    for source in (
        {"kind": "memory", "missing_target": "drop"},
        {"csv": {"path": "t.csv", "missing_target": "drop"}},
    ):
        config = {**CONFIG, "data": {"source": source}}
        run = nnkit.fit(X, labels, config, runs=tmp_path, restart=True)
        assert sum(run.summary["samples"].values()) == 39
    with pytest.warns(UserWarning, match="1 of 40 rows lacks it and is left out"):
        assert run.load().evaluate(data=(X, labels)).samples == 39
    wrong = {**CONFIG, "data": {"source": {"kind": "memory", "missing_target": "ignore"}}}
    with pytest.raises(ConfigError, match=r"data\.source\.missing_target"):
        nnkit.fit(X, labels, wrong, runs=tmp_path)


def test_dates_and_missing_values_of_a_frame_are_those_of_the_file(tmp_path: Path) -> None:
    rows = [
        (f"2024-{i % 12 + 1:02}-{i % 27 + 1:02}", "-" if i % 9 == 4 else "ab"[i % 2], i % 3 > 0)
        for i in range(60)
    ]
    lines = ["sold,kind,y", *(",".join(map(str, row)) for row in rows)]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    source = {"kind": "csv", "path": str(tmp_path / "t.csv"), "dates": {"sold": ["month", "day"]}}
    steps = ["impute", "standardize", {"one_hot": {"unknown": "ignore"}}]
    config = {**CONFIG, "data": {"source": source, "preprocess": steps}}
    of_file = nnkit.train(config, runs=tmp_path)

    frame = pd.DataFrame(rows, columns=["sold", "kind", "y"])
    dated = frame.assign(sold=pd.to_datetime(frame["sold"]), y=frame["y"].map(str))
    model = of_file.load()
    np.testing.assert_array_equal(
        model.outputs(dated), model.outputs(model.read_table(tmp_path / "t.csv"))
    )
    said: dict[str, Any] = {**source, "missing": ["-"]}
    in_memory = nnkit.fit(
        dated, "y", {**config, "data": {**config["data"], "source": said}}, runs=tmp_path
    )
    assert in_memory.summary["weights_sha256"] == of_file.summary["weights_sha256"]
    for other in (config, nnkit.load_config(config)):
        words = nnkit.fit(dated, "y", other, runs=tmp_path).load().columns[-1]
        assert words.categories == ("-", "a", "b")
