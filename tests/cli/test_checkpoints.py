"""Tests of the choice among several runs of the same name, and of the message about it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.program import IRIS, SHORT, TABLES, Program


@pytest.fixture
def three(program: Program) -> list[str]:
    """Trains a config with three values of a setting; returns the runs' names, the latest last."""
    runs = []
    for i, seed in enumerate((0, 1, 2)):
        found = program("train", IRIS, *SHORT, "--set", f"seed={seed}", "--json").json
        run = Path(found["run"])
        os.utime(run / "checkpoints" / "last.safetensors", (i, i))
        runs.append(run.name)
    return runs


@pytest.mark.parametrize(
    "arguments",
    [
        ["eval", "iris-mlp"],
        ["runs", "show", "iris-mlp"],
        ["trace", "iris-mlp"],
        ["predict", TABLES / "iris.csv", "-c", "iris-mlp"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_the_most_recent_is_taken_and_named(
    program: Program, three: list[str], arguments: list[object]
) -> None:
    answer = program(*arguments)
    assert answer.code == 0
    assert answer.err.splitlines()[:2] == [
        f"3 runs are named iris-mlp; using the most recent, runs/{three[-1]}",
        "`nnkit runs list` shows how their settings differ",
    ]
    assert program("runs", "show", "iris-mlp", "--json").json["run"] == f"runs/{three[-1]}"


def test_an_unambiguous_name_prints_no_message(program: Program, three: list[str]) -> None:
    for what in (three[0], f"runs/{three[0]}", f"runs/{three[0]}/checkpoints/best.safetensors"):
        answer = program("eval", what, "--json")
        assert answer.err == ""
        assert three[0] in answer.json["checkpoint"]
