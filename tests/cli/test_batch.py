"""`nnkit batch`: its table, reports and exit codes, and how it is interrupted and continued."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
from io import StringIO
from pathlib import Path
from time import sleep
from typing import Any

import pytest
import xunitparser
from junitparser import JUnitXml

from nnkit.random import generator
from nnkit.runs.directory import list_runs
from tests.cli.program import IRIS, Answer, Program, command, plain_environment

GRID = f"base: {IRIS}\ngrid: {{optimizer.lr: [0.1, 0.01]}}\nseeds: 2\n"


@pytest.fixture
def write(tmp_path: Path) -> Any:
    """A batch file of short trainings."""

    def write(text: str = "") -> Path:
        short = (
            f"extends: {IRIS}\ntraining: {{epochs: 2}}\nregularization: {{early_stopping: null}}\n"
        )
        (tmp_path / "short.yaml").write_text(short)
        path = tmp_path / "b.yaml"
        path.write_text(GRID.replace(str(IRIS), "short.yaml") + text)
        return path

    return write


def test_a_table_with_means_and_deviations(program: Program, write: Any) -> None:
    answer = program("batch", write(), "--quiet")
    assert answer.code == 0, answer.err
    heading, *rows = answer.out.splitlines()
    assert heading.split() == ["lr", "n", "test.loss", "test.accuracy", "parameters", "time"]
    assert [row.split()[:2] for row in rows] == [["0.1", "2"], ["0.01", "2"]]
    assert all("±" in row for row in rows)
    assert "best test.accuracy: lr=" in answer.err


@pytest.mark.slow
def test_cells_evaluated_on_other_samples_are_told(program: Program, write: Any) -> None:
    path = write("variants: {small: {data.split.test: 0.2}, large: {data.split.test: 0.3}}\n")
    answer = program("batch", path, "--quiet")
    assert answer.err.count("best test.accuracy: ") == 1
    told = "other samples than small lr=0.1: large lr=0.1; large lr=0.01; give all runs the same"
    assert told in answer.err


def test_finished_cells_are_not_trained_again(program: Program, write: Any) -> None:
    first = program("batch", write())
    assert first.err.count("completed, test.accuracy") == 4
    more = program("batch", write("include: [{optimizer.lr: 1.0}]\n"))
    assert more.err.count("already finished, test.accuracy") == 4
    assert more.err.count("completed, test.accuracy") == 2
    rows, all_rows = ([row.split() for row in each.out.splitlines()] for each in (first, more))
    assert rows == all_rows[:3]


def test_reports_in_every_form(program: Program, write: Any, tmp_path: Path) -> None:
    files = [tmp_path / f"out.{suffix}" for suffix in ("csv", "json", "md")]
    options = [part for file in files for part in ("-o", file)]
    answer = program("batch", write(), *options, "--json", "--quiet")
    assert answer.code == 0
    table, data, text = (file.read_text() for file in files)
    rows = list(csv.DictReader(StringIO(table)))
    cells = json.loads(data)["cells"]
    for row, cell in zip(rows, cells, strict=True):
        found = [run["results"]["test"]["accuracy"] for run in cell["runs"]]
        assert float(row["test.accuracy"]) == pytest.approx(sum(found) / 2)
        assert {run["outcome"] for run in cell["runs"]} == {"completed"}
    assert text.count("\n| ") == 4  # heading, rule, and two rows
    assert answer.json["cells"] == cells


@pytest.mark.slow
def test_two_other_readers_understand_the_junit_report(
    program: Program, write: Any, tmp_path: Path
) -> None:
    gates = "expect: {test.accuracy: {max: 0}, test.loss: {max: 100}}\n"
    failing = "include: [{optimizer: {kind: sgd, lr: 1.0e30}}]\n"
    report = tmp_path / "r.xml"
    program("batch", write(failing + gates), "--junit", report, "--quiet")
    (suite,) = JUnitXml.fromfile(str(report))
    # Six trainings, of which two diverge, and two gates for each of them.
    assert (suite.tests, suite.errors, suite.failures, suite.skipped) == (18, 2, 8, 0)
    with report.open() as file:
        cases, result = xunitparser.parse(file)
    assert len(list(cases)) == 18
    assert (len(result.errors), len(result.failures)) == (2, 8)


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("expect: {test.accuracy: {min: 0.01}}\n", 0, ""),
        ("expect: {test.accuracy: {min: 97}}\n", 2, "accuracy is at most 1; write 0.97"),
        ("expect: {test.accuracy: {min: 0.9, seeds: 3}}\n", 2, "b.yaml:3:8: seeds: a gate"),
        ("expect: {test.loss: {no_worse_than: none.json}}\n", 3, "none.json: the baseline cannot"),
        ("gird: {}\n", 2, "did you mean 'grid'?"),
        ("include: [{data.source.path: none.csv}]\n", 3, "none.csv: no such file"),
        ("include: [{optimizer: {kind: sgd, lr: 1.0e30}}]\n", 1, "diverged: the loss became"),
    ],
)
def test_exit_codes(program: Program, write: Any, text: str, code: int, words: str) -> None:
    answer = program("batch", write(text), "--quiet")
    assert answer.code == code, answer.err
    assert words in answer.err


def test_every_gate_that_is_missed_is_told(program: Program, write: Any) -> None:
    gates = "test.accuracy: {min: 0.99999, seeds: 2}, seconds: {max: 0}, parameters: {max: 10}"
    answer = program("batch", write(f"expect: {{{gates}, test.loss: {{max: 0.01}}}}\n"), "--quiet")
    assert answer.code == 4
    for words in (
        "confidence its mean is at least",
        "seconds is ",
        "parameters is 131",
        "expected at most 0.01",
    ):
        assert words in answer.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--executor", "dask"], "--executor dask needs --scheduler, such as tcp://host:8786"),
        (["--scheduler", "tcp://host:8786"], "--scheduler is only used with --executor dask"),
        (["--executor", "dask", "--scheduler", "none.json"], "none.json: No such file"),
    ],
)
def test_a_cluster_that_cannot_be_meant(
    program: Program, write: Any, options: list[str], words: str
) -> None:
    answer = program("batch", write(), *options)
    assert (answer.code, answer.out) == (2, "")
    (line,) = answer.errors
    assert words in line


def test_only_some_cells(program: Program, write: Any) -> None:
    assert program("batch", write(), "--only", "lr=0.1", "--only", "nothing").err.count("[") == 2
    answer = program("batch", write(), "--only", "lr=7")
    assert (answer.code, "a cell is called 'lr=0.1 seed=0'" in answer.err) == (2, True)


@pytest.mark.slow
def test_fail_fast_leaves_the_rest(program: Program, write: Any, tmp_path: Path) -> None:
    many = ", ".join(f"{{optimizer: {{kind: sgd, lr: 1.0e3{i}}}}}" for i in range(8))
    path = write(f"include: [{many}]\n")
    path.write_text(
        path.read_text().replace("grid: {optimizer.lr: [0.1, 0.01]}\n", "exclude: [{}]\n")
    )
    answer = program("batch", path, "--fail-fast", "--jobs", "1")
    assert answer.code == 1
    assert "cells are not finished; the same command continues them" in answer.err
    lines = [line for line in answer.err.splitlines() if line.startswith("[")]
    numbers = [int(line[1:3]) for line in lines if "interrupted" not in line]
    assert numbers == list(range(1, len(numbers) + 1))  # cells that are left over do not count
    assert len(lines) < 9


@pytest.mark.slow
def test_failed_cells_are_trained_again_on_request(program: Program, write: Any) -> None:
    path = write("include: [{optimizer: {kind: sgd, lr: 1.0e30}}]\n")
    for more in ([], ["--rerun-failed"]):
        answer = program("batch", path, *more)
        assert answer.code == 1
        assert answer.err.count("diverged: the loss became") == 4  # twice for each, as it happens


@pytest.mark.slow
def test_a_diverged_cell_is_not_trained_again_unless_requested(
    program: Program, write: Any, tmp_path: Path
) -> None:
    path = write("include: [{optimizer: {kind: sgd, lr: 1.0e30}}]\n")
    program("batch", path, "-q")
    diverged = list(tmp_path.glob("runs/*/checkpoints/diverged.safetensors"))
    assert len(diverged) == 2
    for more, is_kept in (([], True), (["--rerun-failed"], False)):
        before = [file.stat().st_mtime_ns for file in diverged]
        assert program("batch", path, "-q", *more).code == 1
        assert ([file.stat().st_mtime_ns for file in diverged] == before) == is_kept


@pytest.mark.slow
def test_a_time_limit_leaves_cells_for_the_same_command(program: Program, write: Any) -> None:
    answer = program("batch", write(), "--time-limit", "0")
    assert answer.code == 130
    assert "cells are not finished; the same command continues them" in answer.err
    assert program("batch", write()).code == 0


def test_gates_of_the_config_are_among_the_verdicts(
    program: Program, write: Any, tmp_path: Path
) -> None:
    path = write()
    with (tmp_path / "short.yaml").open("a") as file:
        file.write("expect: {test.accuracy: {min: 0.01}, test.loss: {max: 0.0}}\n")
    answer = program("batch", path, "-q", "--json")
    assert answer.code == 4
    assert [gate["passed"] for gate in answer.json["gates"]] == [True, True, False, False] * 2


def test_a_dry_run_predicts_and_writes_nothing(
    program: Program, write: Any, tmp_path: Path
) -> None:
    answer = program("batch", write(), "--dry-run")
    assert answer.code == 0
    assert len(answer.out.splitlines()) == 5
    assert "4 cells, about" in answer.err
    assert not (tmp_path / "runs").exists()
    rows = program("batch", write(), "--dry-run", "--json").json["cells"]
    assert [(row["cell"], row["seed"]) for row in rows][:2] == [("lr=0.1", 0), ("lr=0.1", 1)]
    assert all(row["seconds"] > 0 and row["memory"] > 0 for row in rows)


@pytest.mark.slow
def test_a_baseline_is_written_and_held(program: Program, write: Any, tmp_path: Path) -> None:
    assert program("batch", write(), "--write-baseline", "base.json", "-q").code == 0
    gate = "expect: {test.accuracy: {no_worse_than: base.json}}\n"
    assert program("batch", write(gate), "-q").code == 0
    baseline = json.loads((tmp_path / "base.json").read_text())
    for seeds in baseline["cells"].values():
        for metrics in seeds.values():
            metrics["test.accuracy"] += 0.1
    (tmp_path / "base.json").write_text(json.dumps(baseline))
    answer = program("batch", write(gate), "-q")
    assert answer.code == 4
    assert "is worse than the baseline by 0.1 over 2 seeds" in answer.err


@pytest.mark.slow
def test_as_many_seeds_as_the_gates_need(program: Program, write: Any) -> None:
    path = write("expect: {test.accuracy: {min: 0.01, seeds: 3}}\n")
    path.write_text(path.read_text().replace("seeds: 2\n", ""))
    found = program("batch", path, "-q", "--json").json
    assert [[run["seed"] for run in cell["runs"]] for cell in found["cells"]] == [[0, 1, 2]] * 2
    assert [gate["passed"] for gate in found["gates"]] == [True, True]


@pytest.mark.slow
def test_a_job_summary_is_added_to(
    program: Program, write: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    program("batch", write("expect: {parameters: {max: 1}}\n"), "-q")
    text = summary.read_text()
    assert text.startswith("before\n## b\n\n| lr | n |")
    assert "0 of 4 gates passed." in text


# Interruptions


def long_batch(folder: Path) -> Path:
    """Cells of a second or so each, which save often."""
    path = folder / "long.yaml"
    steps = "{steps: 3000, evaluate_every: 100, checkpoint_every: 20}"
    base = folder / "long-base.yaml"
    rest = f"training: {steps}\nregularization: {{early_stopping: null}}\n"
    base.write_text(f"extends: {IRIS}\n{rest}".replace("training: {", "training: {epochs: null, "))
    path.write_text("base: long-base.yaml\ngrid: {optimizer.lr: [0.01, 0.001]}\nseeds: 2\n")
    return path


def started(file: Path, runs: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command("batch", file, "--runs", runs, "-o", "out.json"),
        cwd=file.parent,
        env=plain_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def weights(folder: Path, runs: str) -> dict[str, str]:
    found = {}
    for run in list_runs(folder / runs):
        summary = run.read_summary()
        assert summary is not None
        found[run.path.name] = summary["weights_sha256"]
    return found


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_ctrl_c_saves_the_cells_and_the_same_command_continues(
    program: Program, tmp_path: Path
) -> None:
    file = long_batch(tmp_path)
    file.write_text(file.read_text().replace("[0.01, 0.001]", "[0.01]"))
    with started(file, "runs") as batch:
        while not list(tmp_path.glob("runs/*/metrics.jsonl")):
            sleep(0.02)
        batch.send_signal(signal.SIGINT)
        out, err = batch.communicate(timeout=60)
    answer = Answer(batch.returncode, out.decode(), err.decode())
    assert answer.code == 130, answer.err
    assert "2 of 2 cells are not finished; the same command continues them" in answer.err
    assert program("batch", "long.yaml", "-q").code == 0
    assert program("batch", "long.yaml", "-q", "--runs", "whole").code == 0
    assert weights(tmp_path, "runs") == weights(tmp_path, "whole")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_killed_at_random_moments_it_completes_the_same_table(
    program: Program, tmp_path: Path
) -> None:
    rng, file = generator(0, "kills"), long_batch(tmp_path)
    for _ in range(6):
        with started(file, "runs") as batch:
            sleep(float(rng.uniform(0.3, 1.5)))
            batch.kill()
            batch.communicate()
    killed = program("batch", "long.yaml", "-q", "--json").json
    whole = program("batch", "long.yaml", "-q", "--json", "--runs", "whole").json
    for data in (killed, whole):
        for cell in data["cells"]:
            for run in cell["runs"]:
                del run["seconds"], run["run"]
    assert killed == whole
    assert weights(tmp_path, "runs") == weights(tmp_path, "whole")


@pytest.mark.slow
def test_two_batches_at_once_do_not_train_a_cell_twice(program: Program, tmp_path: Path) -> None:
    file = long_batch(tmp_path)
    with started(file, "runs") as first, started(file, "runs") as second:
        errors = [batch.communicate()[1].decode() for batch in (first, second)]
    assert (first.returncode, second.returncode) == (0, 0), errors
    trained = sum(text.count("completed, test.accuracy") for text in errors)
    found = sum(text.count("already finished") for text in errors)
    assert (trained, found) == (4, 4)
