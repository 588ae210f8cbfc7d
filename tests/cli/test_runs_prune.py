"""`nnkit runs prune`: what it lists, whom it asks, and what it spares."""

from __future__ import annotations

import os
import sys
from io import StringIO
from pathlib import Path
from time import time

import pytest

from nnkit.runs.directory import RunDirectory
from tests.cli.program import Program, process
from tests.cli.runs import train


class Terminal(StringIO):
    """Standard input on which somebody types."""

    def isatty(self) -> bool:
        return True


def interrupted(program: Program, *settings: str) -> RunDirectory:
    run = RunDirectory(Path("runs") / train(program, *settings))
    run.summary.unlink()
    return run


def names() -> set[str]:
    return {path.name for path in Path("runs").iterdir()}


@pytest.mark.parametrize(
    ("typed", "removed"),
    [("y\n", True), ("Yes\n", True), ("n\n", False), ("\n", False), ("", False), ("yep\n", False)],
)
def test_it_asks_on_a_terminal(
    typed: str, removed: bool, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, gone = train(program), interrupted(program, "seed=1")
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    answer = program("runs", "prune")
    assert answer.code == 0
    heading, row = answer.out.splitlines()
    assert heading.split() == ["run", "state", "last", "trained", "size"]
    assert row.split()[:2] == [gone.path.name, "interrupted"]
    assert answer.err.startswith("remove this run? [y/N] ")
    assert ("removed 1 run, " in answer.err) == removed
    assert ("nothing was removed" in answer.err) != removed
    assert names() == ({kept} if removed else {kept, gone.path.name})


def test_without_a_terminal_it_needs_yes(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = interrupted(program)
    answer = process("runs", "prune", folder=tmp_path)
    assert answer.code == 2
    assert gone.path.name in answer.out
    assert "no terminal to ask for confirmation; repeat the command with --yes" in answer.errors[0]
    monkeypatch.setattr(sys, "stdin", StringIO())
    failed = program("runs", "prune", "--json")
    assert (failed.code, failed.json["exit_code"]) == (2, 2)
    assert names() == {gone.path.name}
    assert program("runs", "prune", "--yes").code == 0
    assert names() == set()


def test_unfinished_runs_of_each_kind_go(program: Program) -> None:
    kept = train(program)
    runs = [interrupted(program, f"seed={seed}") for seed in (1, 2, 3)]
    runs[1].diverged.touch()
    runs[2].last.unlink()
    listed = program("runs", "prune", "--dry-run", "--json").json
    assert sorted(one["state"] for one in listed["runs"]) == [
        "diverged",
        "interrupted",
        "not begun",
    ]
    assert not any(one["removed"] for one in listed["runs"])
    assert listed["bytes"] == sum(one["bytes"] for one in listed["runs"]) > 0
    assert len(names()) == 4
    assert "nothing was removed" in program("runs", "prune", "--dry-run").err
    removed = program("runs", "prune", "--yes", "--json").json
    assert all(one["removed"] for one in removed["runs"])
    assert names() == {kept}
    assert program("runs", "prune").out == "nothing to remove in runs/\n"
    assert program("runs", "prune", "--json").json == {"runs": [], "bytes": 0}


def test_a_run_that_is_training_is_spared(program: Program) -> None:
    run, other = interrupted(program), interrupted(program, "seed=1")
    with run.locked():
        assert program("runs", "prune", "--yes", "--older-than", "0h").code == 0
        assert names() == {run.path.name}
    assert not other.path.exists()


def test_a_run_resumed_after_the_question_is_spared(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = interrupted(program)
    locks = []

    class Slow(Terminal):
        def readline(self, *arguments: int) -> str:  # type: ignore[override]
            locks.append(run.locked())
            locks[0].__enter__()
            return "y\n"

    monkeypatch.setattr(sys, "stdin", Slow())
    answer = program("runs", "prune")
    locks[0].__exit__(None, None, None)
    assert answer.code == 0
    assert "another process is training in this folder; left as it is" in answer.err
    assert answer.err.endswith("nothing was removed\n")
    assert run.begun


def test_keep_best(program: Program) -> None:
    trained = [train(program, f"optimizer.lr={lr}") for lr in (0.1, 0.01, 0.001)]
    other = train(program, "name=other")
    unfinished = interrupted(program, "seed=1")
    answer = program("runs", "prune", "--keep-best", 1, "--yes")
    assert "removed 2 runs, " in answer.err
    assert answer.out.splitlines()[-1].split()[0] == "together"
    assert names() == {trained[0], other, unfinished.path.name}


def test_keep_best_by_a_metric_that_is_better_when_higher(program: Program) -> None:
    for lr in (0.1, 0.0001):
        train(program, f"optimizer.lr={lr}")
    best = program("runs", "best", "--metric", "test.accuracy", "--json").json["run"]
    program("runs", "prune", "--keep-best", 1, "--metric", "test.accuracy", "--yes")
    assert names() == {Path(best).name}


def test_older_than(program: Program) -> None:
    old, new, unfinished = train(program), train(program, "seed=1"), interrupted(program, "seed=2")
    month = time() - 31 * 86_400
    for name in (old, unfinished.path.name):
        os.utime(f"runs/{name}/checkpoints/last.safetensors", (month, month))
    both = program("runs", "prune", "--older-than", "30d", "--keep-best", 1, "--dry-run", "--json")
    assert {one["run"] for one in both.json["runs"]} <= {f"runs/{old}"}
    assert program("runs", "prune", "--older-than", "30d", "--yes").code == 0
    assert names() == {new}


def test_a_folder_of_other_things_is_not_touched(program: Program) -> None:
    Path("configs").mkdir()
    Path("configs/config.yaml").write_text("seed: 0\n")
    answer = program("runs", "prune", "--runs", ".", "--older-than", "0h", "--yes")
    assert answer.out == "nothing to remove in ./\n"
    assert Path("configs/config.yaml").read_text() == "seed: 0\n"


def test_files_of_others_stay(program: Program) -> None:
    run = interrupted(program)
    (run.path / "notes.txt").write_text("mine")
    answer = program("runs", "prune", "--yes")
    assert f"{run.path}: kept what nnkit did not write: notes.txt" in answer.err
    assert (run.path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--older-than", "soon"], "'soon' is not an age; write hours, days or weeks, as in 12h"),
        (["--metric", "test.loss"], "--metric needs --keep-best"),
        (["--keep-best", "1", "--metric", "loss"], "name the set too: train.loss, "),
        (["--yes", "--dry-run"], "exclude each other"),
    ],
)
def test_bad_input(arguments: list[str], message: str, program: Program) -> None:
    answer = program("runs", "prune", *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert message in answer.errors[0]
    assert program("runs", "prune", "--keep-best", 0).code == 2


def test_runs_of_a_name_that_monitor_different_metrics(program: Program) -> None:
    train(program)
    train(program, "training.monitor=validation.accuracy")
    answer = program("runs", "prune", "--keep-best", 1, "--yes")
    assert answer.code == 2
    assert "validation.accuracy and validation.loss; name one with --metric" in answer.errors[0]
    assert len(names()) == 2
