"""`nnkit runs`: list and show."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from nnkit.runs.directory import RunDirectory
from tests.cli.program import IRIS, SHORT, Program


def test_list_has_the_run_trained_last_at_its_end(program: Program) -> None:
    first = Path(program("train", IRIS, *SHORT, "--json").json["run"]).name
    last = Path(program("train", IRIS, *SHORT, "--set", "seed=1", "--json").json["run"]).name
    answer = program("runs", "list")
    heading, *rows = answer.out.splitlines()
    assert heading.split() == ["run", "state", "steps", "time", "score"]
    assert [row.split()[:3] for row in rows[::2]] == [
        [first, "finished", "14"],
        [last, "finished", "14"],
    ]
    assert all("test accuracy " in row for row in rows[::2])
    assert rows[1::2] == ["  seed=0", "  seed=1"]


def test_list_as_json(program: Program, trained: Path) -> None:
    (found,) = program("runs", "list", "--runs", trained.parent, "--json").json["runs"]
    assert (found["run"], found["state"], found["set"]) == (trained.name, "finished", "test")
    assert 0 <= found["figures"]["accuracy"] <= 1
    assert found["settings"] == {}


def test_list_tells_runs_of_one_name_apart(program: Program) -> None:
    changes = [
        ["seed=1"],
        ["optimizer={kind: sgd, lr: 0.5}", "architecture.layers=[dense: 4, dense: 4, dense: 3]"],
    ]
    for change in changes:
        settings = [part for setting in change for part in ("--set", setting)]
        program("train", IRIS, *SHORT, *settings)
    program("train", IRIS, *SHORT, "--set", "name=other")
    first, second, other = program("runs", "list", "--json").json["runs"]
    assert first["settings"] == {
        "seed": 1,
        "architecture.layers.length": 2,
        "architecture.layers.0.units": 16,
        "architecture.layers.1.units": 3,
        "optimizer.kind": "adam",
        "optimizer.lr": 0.01,
    }
    assert second["settings"]["architecture.layers.1.units"] == 4
    assert other["settings"] == {}
    lines = program("runs", "list").out.splitlines()
    assert "  seed=1 architecture.layers.length=2 architecture.layers.0.units=16" in lines
    assert max(map(len, lines)) <= 80


def test_list_drops_columns_that_do_not_fit(program: Program) -> None:
    program("train", IRIS, *SHORT, "--set", "name=a-rather-long-name-for-a-run")
    heading, row = program("runs", "list").out.splitlines()
    assert heading.split() == ["run", "state", "steps", "score"]
    assert "finished" in row
    assert len(row) <= 80


def test_a_run_that_is_training_is_listed_as_such(program: Program, trained: Path) -> None:
    run = RunDirectory(Path(shutil.copytree(trained, "runs/iris-mlp-12345678")))
    run.summary.unlink()

    def state() -> str:
        (listed,) = program("runs", "list", "--json").json["runs"]
        return str(listed["state"])

    assert state() == "interrupted"
    with run.locked():
        assert state() == "training"
    assert state() == "interrupted"


def test_list_reads_the_header_of_a_checkpoint_once_and_never_its_arrays(
    program: Program, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for digits in ("11111111", "22222222"):
        run = RunDirectory(Path(shutil.copytree(trained, f"runs/iris-mlp-{digits}")))
        content = run.last.read_bytes()
        arrays = 8 + int.from_bytes(content[:8], "little")
        run.last.write_bytes(content[:arrays])
    opened: list[Path] = []
    by_path = Path.open

    def noted(path: Path, *arguments: Any, **options: Any) -> Any:
        opened.append(path)
        return by_path(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", noted)
    found = program("runs", "list", "--json").json["runs"]
    assert [(run["state"], run["step"]) for run in found] == [("finished", 14)] * 2
    assert (
        sorted(path.name for path in opened if path.suffix == ".safetensors")
        == ["last.safetensors"] * 2
    )


def test_list_of_nothing(program: Program) -> None:
    assert program("runs", "list").out == "no runs in runs/\n"
    assert program("runs", "list", "--json").json == {"runs": []}


def test_show(program: Program, trained: Path) -> None:
    answer = program("runs", "show", "iris-mlp", "--runs", trained.parent)
    assert (answer.code, answer.err) == (0, "")
    lines = answer.out.splitlines()
    assert lines[:2] == [f"run    {trained}", "state  finished at step 14"]
    assert lines[4].split()[:4] == ["epoch", "step", "lr", "loss"]
    assert [line.split()[:3] for line in lines[5:7]] == [["1", "7", "0.01"], ["2", "14", "0.01"]]
    assert [line.split()[0] for line in lines[-3:]] == ["train", "validation", "test"]
    assert max(map(len, lines[3:])) <= 80


def test_show_as_json(program: Program, trained: Path) -> None:
    found = program("runs", "show", trained, "--json").json
    assert [record["step"] for record in found["metrics"]] == [7, 14]
    assert found["summary"]["outcome"] == "completed"


def test_show_of_a_run_that_is_not(program: Program) -> None:
    answer = program("runs", "show", "nothing")
    assert (answer.code, answer.out) == (3, "")
    assert answer.errors == ["nothing: no such checkpoint or run; there are no runs in runs/"]


def test_a_diverged_run_is_shown_with_the_step_at_which_it_ended(program: Program) -> None:
    settings = ("--set", "optimizer={kind: sgd, lr: 1.0e30}", "--set", "training.evaluate_every=1")
    assert program("train", IRIS, *settings, "-q").code == 1
    (entry,) = program("runs", "list", "--json").json["runs"]
    assert entry["state"] == "diverged"
    assert entry["step"] > 0
