"""Tests of the differences between runs."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

import nnkit
from nnkit.runs.differences import DATA, brief, differences, identity, identity_of
from nnkit.runs.directory import RunDirectory
from tests.runs.iris import iris_config

ADAM = {"kind": "adam", "lr": 0.01, "beta1": 0.9, "clip": None}
SGD = {"kind": "sgd", "lr": 0.1, "momentum": 0.0, "clip": None}
SMALL, LARGE = {"kind": "dense", "units": 8}, {"kind": "dense", "units": 64}


@pytest.mark.parametrize(
    ("configs", "expected"),
    [
        ([{"seed": 0}], [{}]),
        ([{"seed": 0}, {"seed": 0}], [{}, {}]),
        ([{"seed": 0}, {"seed": 1}, {"seed": 0}], [{"seed": 0}, {"seed": 1}, {"seed": 0}]),
        (
            [
                {"training": {"epochs": 5, "steps": None}},
                {"training": {"epochs": 6, "steps": None}},
            ],
            [{"training.epochs": 5}, {"training.epochs": 6}],
        ),
        # Different kinds: settings that only one kind has are not listed.
        (
            [{"optimizer": ADAM}, {"optimizer": SGD}],
            [
                {"optimizer.kind": "adam", "optimizer.lr": 0.01},
                {"optimizer.kind": "sgd", "optimizer.lr": 0.1},
            ],
        ),
        # The same kind: its settings are listed.
        (
            [{"o": ADAM}, {"o": {**ADAM, "beta1": 0.8}}, {"o": {**SGD, "lr": 0.01}}],
            [
                {"o.kind": "adam", "o.beta1": 0.9},
                {"o.kind": "adam", "o.beta1": 0.8},
                {"o.kind": "sgd"},
            ],
        ),
        # Settings that are given or not.
        ([{"stop": None}, {"stop": {"patience": 5}}], [{"stop": None}, {"stop": {"patience": 5}}]),
        (
            [{"expect": {}}, {"expect": {"test.loss": {"max": 1}}}],
            [{}, {"expect.test.loss": {"max": 1}}],
        ),
        # Lists of settings are compared item by item, other lists as a whole.
        ([{"l": [SMALL, SMALL]}, {"l": [SMALL, LARGE]}], [{"l.1.units": 8}, {"l.1.units": 64}]),
        (
            [{"l": [SMALL]}, {"l": [LARGE, SMALL]}],
            [{"l.length": 1, "l.0.units": 8}, {"l.length": 2, "l.0.units": 64}],
        ),
        (
            [{"metrics": []}, {"metrics": ["f1"]}, {"metrics": ["f1", "mcc"]}],
            [{"metrics": []}, {"metrics": ["f1"]}, {"metrics": ["f1", "mcc"]}],
        ),
    ],
)
def test_differences(configs: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    assert differences(configs) == expected
    assert differences(configs[::-1]) == expected[::-1]


def test_a_run_is_its_config_its_data_and_the_version(run: nnkit.Run, tmp_path: Path) -> None:
    directory = RunDirectory(run.directory)
    found = identity(directory)
    config = iris_config().resolved()
    assert found == identity_of(config, found[DATA] + "more", nnkit.__version__)
    assert "name" not in found
    copy = RunDirectory(shutil.copytree(directory.path, tmp_path / "copy"))
    copy.last.unlink()
    assert identity(copy) == {k: v for k, v in config.items() if k not in ("name", "expect")}
    copy.config.unlink()
    assert identity(copy) == {}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("adam", "adam"),
        (None, "null"),
        (True, "true"),
        (0.001, "0.001"),
        ({"patience": 5}, '{"patience":5}'),
        ("/home/" + "very/" * 20 + "deep.csv", "/home/very/very/very…/very/very/deep.csv"),
    ],
)
def test_values_are_brief(value: Any, shown: str) -> None:
    assert brief(value) == shown
