"""`nnkit tune`: its results, and that killed, stopped and shared searches lose no trial."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from time import sleep
from typing import Any

import pytest

from nnkit.runs.directory import RunDirectory
from tests.cli.program import IRIS, Program, command, plain_environment

SPACE = "optimizer: {kind: adam, lr: {float: {low: 1e-4, high: 0.1, log: true}}}\n"
SEARCH = "search: {metric: validation.loss, trials: 3, sampler: random}\n"


@pytest.fixture
def write(tmp_path: Path) -> Any:
    """Writes a tune file of short trainings."""

    def write(text: str = SPACE + SEARCH, training: str = "{epochs: 2}") -> Path:
        path = tmp_path / "t.yaml"
        base = f"extends: {IRIS}\ntraining: {training}\nregularization: {{early_stopping: null}}\n"
        path.write_text(base + text)
        return path

    return write


@pytest.mark.parametrize(
    ("text", "options", "code", "words"),
    [
        ("", (), 2, "search: this key is required"),
        (SPACE + SEARCH, ("--show",), 3, "no trials yet; train some without --show"),
        (SPACE + SEARCH, ("-o", "mine.yaml"), 2, "mine.yaml already exists"),
        (SPACE + SEARCH, ("--chart", "chart.txt"), 2, "must end in .png or .svg"),
        (SPACE + SEARCH, ("--storage", "nosuch://x", "--show"), 2, "cannot be opened"),
    ],
)
def test_mistakes_train_nothing(
    program: Program, write: Any, text: str, options: tuple[str, ...], code: int, words: str
) -> None:
    Path("mine.yaml").write_text("name: mine\n")
    answer = program("tune", write(text), *options)
    assert (answer.code, words in answer.err) == (code, True), answer.err
    assert Path("mine.yaml").read_text() == "name: mine\n"
    assert not list(Path().glob("runs/*/config.yaml"))


@pytest.mark.slow
def test_the_best_config_is_trained_already(program: Program, write: Any, tmp_path: Path) -> None:
    answer = program("tune", write())
    assert answer.code == 0, answer.err
    heading, *rows = answer.out.splitlines()
    assert heading.split() == ["trial", "validation.loss", "time", "settings"]
    assert len(rows) == 3
    assert "3 trials: 3 finished" in answer.err
    assert "test.accuracy" in answer.err
    (best,) = tmp_path.glob("runs/tune/*/best.yaml")
    trained = program("train", best, "--json").json
    assert trained["run"] in best.read_text()
    assert trained["results"]["validation"]["loss"] == pytest.approx(
        float(rows[0].split()[1]), 1e-3
    )
    found = program("tune", write(), "--json", "-o", "best.yaml").json
    assert Path("best.yaml").read_text() == best.read_text()
    assert found["best"]["run"] == trained["run"]
    assert [trial["state"] for trial in found["trials"]] == ["finished"] * 3
    assert found["importance"] is None
    assert program("tune", write(), "-o", "best.yaml").code == 0  # it may write its own file again


@pytest.mark.slow
def test_history_and_importance_are_shown(program: Program, write: Any, tmp_path: Path) -> None:
    text = SPACE.replace("}}}", "}}, clip: {float: {low: 1, high: 2}}}")
    assert program("tune", write(text + SEARCH.replace("3", "10")), "-q").code == 0
    before = sorted(tmp_path.rglob("*"))
    answer = program("tune", tmp_path / "t.yaml", "--show", "--chart", "chart.png")
    assert answer.code == 0
    assert "best so far" in answer.out
    assert "importance for validation.loss\nlr " in answer.out
    assert Path("chart.png").read_bytes().startswith(b"\x89PNG")
    assert sorted({*before, Path("chart.png").absolute()}) == sorted(tmp_path.rglob("*"))
    assert all(len(line) <= 80 for line in answer.out.splitlines())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        (SPACE + SEARCH + "expect: {test.accuracy: {min: 0.999}}\n", 4, "expected at least 0.999"),
        (
            "optimizer: {kind: sgd, lr: {choice: [1.0e30, 1.0e31]}}\n" + SEARCH,
            1,
            "error: trial 0: the loss became",
        ),
    ],
)
def test_exit_codes(program: Program, write: Any, text: str, code: int, words: str) -> None:
    answer = program("tune", write(text), "-q")
    assert (answer.code, words in answer.err) == (code, True), answer.err


@pytest.mark.slow
def test_a_time_limit_leaves_trials_for_the_same_command(program: Program, write: Any) -> None:
    answer = program("tune", write(), "--time-limit", "0", "-q")
    assert answer.code == 130
    assert "3 of 3 trials are not finished; the same command continues them" in answer.err
    assert program("tune", write(), "-q").code == 0


@pytest.mark.slow
def test_a_search_that_finds_nothing_says_so(program: Program, write: Any, tmp_path: Path) -> None:
    coins = tmp_path / "coins.csv"
    coins.write_text("x,side\n" + "".join(f"{i % 7},{'ht'[i * i % 11 % 2]}\n" for i in range(300)))
    data = f"data: {{source: {{kind: csv, path: {coins}, label: side}}}}\n"
    layers = "architecture: {layers: [dense: 2]}\nactivation: {hidden: null}\n"
    answer = program("tune", write(SPACE + SEARCH + data + layers), "-q")
    assert answer.code == 0, answer.err
    assert "than always predicting 't', the most frequent class" in " ".join(answer.err.split())


# Several processes, and interruptions

LONG = "{epochs: null, steps: 3000, evaluate_every: 100, checkpoint_every: 20}"
HALVING = (
    SPACE
    + "search: {metric: validation.loss, trials: 8, sampler: random, pruner: successive_halving}\n"
)


def started(folder: Path, runs: str, *options: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command("tune", "t.yaml", "--runs", runs, "-j", 1, *options),
        cwd=folder,
        env=plain_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def trials_of(program: Program, runs: str) -> list[dict[str, Any]]:
    """All trials, without what depends on time and place."""
    found = program("tune", "t.yaml", "--runs", runs, "--show", "--json").json["trials"]
    for trial in found:
        trial["seconds"], trial["run"] = None, Path(trial["run"]).name
    return list(found)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_search_that_is_stopped_or_killed_is_continued_to_the_same_trials(
    program: Program, write: Any, tmp_path: Path, number: signal.Signals
) -> None:
    write(HALVING, LONG)
    for _ in range(2):
        before = len(list(tmp_path.glob("runs/*/metrics.jsonl")))
        with started(tmp_path, "runs") as search:
            while len(list(tmp_path.glob("runs/*/metrics.jsonl"))) == before:
                sleep(0.02)
            search.send_signal(number)
            _, err = search.communicate(timeout=60)
        expected = 130 if number == signal.SIGINT else -number
        assert search.returncode == expected, err.decode()
    assert program("tune", "t.yaml", "-q", "-j", 1).code == 0
    assert program("tune", "t.yaml", "-q", "-j", 1, "--runs", "whole").code == 0
    assert trials_of(program, "runs") == trials_of(program, "whole")
    for path in tmp_path.glob("runs/t-*"):
        other = RunDirectory(tmp_path / "whole" / path.name)
        endings = [run.read_ending() for run in (RunDirectory(path), other)]
        for name in ("outcome", "step", "weights_sha256"):
            assert endings[0].get(name) == endings[1].get(name)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_two_processes_share_the_trials_and_one_may_be_killed(
    program: Program, write: Any, tmp_path: Path
) -> None:
    write(HALVING, LONG)
    with started(tmp_path, "runs") as first, started(tmp_path, "runs") as second:
        while not list(tmp_path.glob("runs/*/metrics.jsonl")):
            sleep(0.02)
        first.kill()
        first.communicate()
        _, err = second.communicate(timeout=120)
    assert second.returncode in (0, 130), err.decode()
    assert program("tune", "t.yaml", "-q", "-j", 1).code == 0
    trials = trials_of(program, "runs")
    assert [trial["number"] for trial in trials] == list(range(8))
    assert {trial["state"] for trial in trials} <= {"finished", "pruned"}
    assert len({trial["run"] for trial in trials}) == 8
    # Random draws depend on the number of a trial alone, whichever process trains it.
    assert program("tune", "t.yaml", "-q", "-j", 1, "--runs", "whole").code == 0
    params = [[trial["params"] for trial in trials_of(program, runs)] for runs in ("runs", "whole")]
    assert params[0] == params[1]


@pytest.mark.slow
def test_two_processes_train_no_trial_twice(program: Program, write: Any, tmp_path: Path) -> None:
    write(HALVING.replace(", pruner: successive_halving", ""), "{epochs: 20}")
    with started(tmp_path, "runs") as first, started(tmp_path, "runs") as second:
        errors = [search.communicate(timeout=120)[1].decode() for search in (first, second)]
    assert (first.returncode, second.returncode) == (0, 0), errors
    assert sum(text.count("completed, validation.loss") for text in errors) == 8
    assert len(trials_of(program, "runs")) == 8
