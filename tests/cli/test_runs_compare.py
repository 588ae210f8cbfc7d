"""`nnkit runs compare`: settings, final metrics and learning curves side by side."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.program import IRIS, Program
from tests.cli.runs import train


def test_settings_metrics_and_curves(program: Program) -> None:
    first, second = train(program), train(program, "optimizer.lr=0.1")
    answer = program("runs", "compare", first, second)
    assert (answer.code, answer.err) == (0, "")
    lines = answer.out.splitlines()
    assert lines[0].split() == ["run", "state", "steps", "time", "parameters"]
    assert lines[1].split()[:4] == ["A", first, "finished", "14"]
    assert lines[2] == "  optimizer.lr=0.01"
    assert lines[3].split()[:4] == ["B", second, "finished", "14"]
    assert lines[4] == "  optimizer.lr=0.1"
    assert lines[6].split() == ["A", "B", "B", "−", "A"]
    rows = dict(re.findall(r"^(\w+\.\w+)  (.*)$", answer.out, re.MULTILINE))
    a, b, difference = map(float, rows["test.loss"].replace("−", "-").split())
    assert b - a == pytest.approx(difference, rel=0.01)
    assert re.fullmatch(r" *[\d.]+ % +[\d.]+ % +[+−][\d.]+ pp", rows["test.accuracy"])
    assert "validation.loss" in lines
    assert "━━ A   ╍╍ B" in lines
    assert lines[-1].split()[0] == "epoch"
    assert max(map(len, lines)) <= 80


def test_as_json(program: Program) -> None:
    first, second = train(program), train(program, "seed=1")
    found = program("runs", "compare", first, second, "--metric", "train.loss", "--json").json
    assert found["metric"] == "train.loss"
    a, b = found["runs"]
    assert (a["run"], b["run"]) == (f"runs/{first}", f"runs/{second}")
    assert (a["settings"], b["settings"]) == ({"seed": 0}, {"seed": 1})
    assert set(a["differences"].values()) == {0}
    for name, difference in b["differences"].items():
        assert difference == b["results"][name] - a["results"][name]
    assert [point["step"] for point in b["curve"]] == [7, 14]


def test_many_runs_in_tables_that_fit(program: Program) -> None:
    names = [train(program, f"seed={seed}") for seed in range(7)]
    answer = program("runs", "compare", *names)
    assert answer.code == 0
    lines = answer.out.splitlines()
    assert max(map(len, lines)) <= 80
    headings = [line.split() for line in lines if line.startswith(" ") and "−" in line.split()]
    assert len(headings) > 1
    assert all(heading[0] == "A" for heading in headings)
    assert sum(heading.count("−") for heading in headings) == 6
    assert "A   ╍╍ B   ┄┄ C   ━╸ D   ━━ E   ╍╍ F   ┄┄ G" in answer.out


@pytest.mark.parametrize("name", ["chart.png", "chart.svg"])
def test_as_a_picture(name: str, program: Program, tmp_path: Path) -> None:
    names = train(program), train(program, "optimizer.lr=0.1")
    answer = program("runs", "compare", *names, "-o", name)
    assert (answer.code, answer.err) == (0, f"wrote {name}\n")
    assert "━━" not in answer.out
    assert "test.accuracy" in answer.out
    assert (tmp_path / name).stat().st_size > 5000


def test_a_run_without_results(program: Program) -> None:
    first = train(program)
    interrupted = train(program, "seed=1")
    Path(f"runs/{interrupted}/summary.json").unlink()
    Path(f"runs/{interrupted}/metrics.jsonl").unlink()
    answer = program("runs", "compare", interrupted, first)
    assert (answer.code, answer.err) == (0, "A was not evaluated yet, so it has no curve\n")
    assert "−" not in answer.out.split("validation.loss\n")[0]
    assert program("runs", "compare", first, interrupted, "--json").json["runs"][1]["results"] == {}


def test_runs_with_equal_settings(program: Program, trained: Path) -> None:
    again = Path(program("train", IRIS, "--set", "training.epochs=2", "--json").json["run"])
    answer = program("runs", "compare", trained, again)
    assert "the runs do not differ in their settings" in answer.out


def test_bad_input(program: Program, trained: Path) -> None:
    for arguments, code, message in (
        ((trained,), 2, "give at least two runs to compare"),
        ((trained, trained), 2, "is given twice"),
        ((trained, "nothing"), 3, "nothing: no such checkpoint or run"),
        ((trained, trained, "--metric", "accuracy"), 2, "name the set too: train.accuracy, "),
        ((trained, trained, "-o", "chart.gif"), 2, "must end in .png or .svg"),
        ((trained, trained, "-o", "no/chart.png"), 2, "no such folder: no"),
    ):
        answer = program("runs", "compare", *arguments)
        assert (answer.code, answer.out) == (code, "")
        assert message in answer.errors[0]
    assert program("runs", "compare").code == 2
    assert program("runs", "compare", trained, "nothing", "--json").json["exit_code"] == 3
