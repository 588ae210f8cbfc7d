"""`nnkit runs`: list and show."""

from __future__ import annotations

from pathlib import Path

from tests.cli.program import IRIS, SHORT, Program


def test_list_has_the_run_trained_last_at_its_end(program: Program) -> None:
    first = Path(program("train", IRIS, *SHORT, "--json").json["run"]).name
    last = Path(program("train", IRIS, *SHORT, "--set", "seed=1", "--json").json["run"]).name
    answer = program("runs", "list")
    heading, *rows = answer.out.splitlines()
    assert heading.split() == ["run", "state", "steps", "time", "score"]
    assert [row.split()[:3] for row in rows] == [
        [first, "finished", "14"],
        [last, "finished", "14"],
    ]
    assert all("test accuracy " in row for row in rows)


def test_list_as_json(program: Program, trained: Path) -> None:
    (found,) = program("runs", "list", "--runs", trained.parent, "--json").json["runs"]
    assert (found["run"], found["state"], found["set"]) == (trained.name, "finished", "test")
    assert 0 <= found["figures"]["accuracy"] <= 1


def test_list_of_nothing(program: Program) -> None:
    assert program("runs", "list").out == "no runs in runs/\n"
    assert program("runs", "list", "--json").json == {"runs": []}


def test_show(program: Program, trained: Path) -> None:
    answer = program("runs", "show", "iris-mlp", "--runs", trained.parent)
    assert (answer.code, answer.err) == (0, "")
    lines = answer.out.splitlines()
    assert lines[:2] == [f"run    {trained}", "state  finished at step 14"]
    assert lines[3].split()[:3] == ["step", "epoch", "lr"]
    assert [line.split()[0] for line in lines[-3:]] == ["train", "validation", "test"]


def test_show_as_json(program: Program, trained: Path) -> None:
    found = program("runs", "show", trained, "--json").json
    assert [record["step"] for record in found["metrics"]] == [7, 14]
    assert found["summary"]["outcome"] == "completed"


def test_show_of_a_run_that_is_not(program: Program) -> None:
    answer = program("runs", "show", "nothing")
    assert (answer.code, answer.out) == (3, "")
    assert answer.errors == ["nothing: no such checkpoint or run; there are no runs in runs/"]
