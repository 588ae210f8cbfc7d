"""Tests of the progress display: plain lines in a file, a table and live bar on a terminal."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pyte
import pytest

from tests.cli.program import IRIS, TABLES, Program, command, plain_environment

HOUSES = """
data: {source: {kind: csv, path: diabetes.csv, label: progression}, split: {validation: 0.2}}
architecture: {layers: [dense: 8, dense: 1]}
loss: squared_error
regularization: {l2: 0.001}
training: {epochs: 4}
"""


class Seen(NamedTuple):
    """The output on a terminal: all final lines, and every state of the live bar."""

    lines: list[str]
    bars: list[str]


def on_terminal(width: int, folder: Path, *arguments: object) -> Seen:
    """Runs the program on a pseudo-terminal of a width, with a wider screen to reveal overflow."""
    import fcntl  # not available on Windows
    import pty
    import termios

    screen = pyte.Screen(3 * width, 200)
    stream = pyte.ByteStream(screen)
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    environment = {k: v for k, v in plain_environment().items() if k not in {"COLUMNS", "LINES"}}
    written = b""
    with subprocess.Popen(
        command(*arguments),
        cwd=folder,
        env={**environment, "TERM": "xterm-256color"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as running:
        os.close(theirs)
        while part := read(ours):
            stream.feed(part)
            written += part
        os.close(ours)
    assert running.returncode == 0
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written.decode())
    bars = [line.rstrip() for line in re.split(r"[\r\n]+", plain) if " left" in line]
    return Seen([line.rstrip() for line in screen.display if line.strip()], bars)


def read(terminal: int) -> bytes:
    """Reads the program's output; empty after it has exited."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


@pytest.fixture(scope="module")
def houses(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a regression config with many metrics: loss, objective, and four for validation."""
    folder = tmp_path_factory.mktemp("houses")
    (folder / "diabetes.csv").write_bytes((TABLES / "diabetes.csv").read_bytes())
    (folder / "houses.yaml").write_text(HOUSES, encoding="utf-8")
    return folder / "houses.yaml"


STEPS = ("--set", "training={steps: 600, batch_size: 16, evaluate_every: 150}")


posix = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")


@posix
@pytest.mark.parametrize(
    "width", [80, *(pytest.param(w, marks=pytest.mark.slow) for w in (60, 120))]
)
def test_everything_fits_a_terminal(width: int, houses: Path, tmp_path: Path) -> None:
    lines, bars = on_terminal(width, tmp_path, "train", houses, *STEPS)
    assert max(map(len, lines)) <= width
    assert "★ lowest validation.loss so far" in lines
    (heading,) = (i for i, line in enumerate(lines) if line.split()[:1] == ["epoch"])
    assert lines[heading - 1].split() == ["train", "validation"]
    rows = lines[heading + 1 : heading + 5]
    assert [row.split()[0] for row in rows] == ["8.82", "17.65", "26.47", "35.29"]
    assert rows[0].endswith(" ★")
    assert lines[heading + 5].startswith("trained 600 steps in ")
    assert (width >= 100) == ("samples" in lines[heading])
    assert (width == 60) == any(line.startswith("only in metrics.jsonl") for line in lines)
    assert max(map(len, bars)) <= width
    assert all(bar.startswith("epoch ") and "/600  loss " in bar for bar in bars)
    assert [bar for bar in bars if bar.startswith("epoch 36 ") and " 600/600  loss " in bar]


@posix
def test_a_finished_run_on_a_terminal_is_no_training(
    program: Program, houses: Path, tmp_path: Path
) -> None:
    first = program("train", houses)
    lines, bars = on_terminal(80, tmp_path, "train", houses)
    assert bars == []
    assert " is already finished: 36 steps in " in lines[0]
    assert lines[1] == "nothing was trained; use --restart to train it again"
    warning = first.err.splitlines()[-2:]
    assert warning[0].startswith("the network is worse than always predicting the training mean")
    assert lines[2:] == [*first.out.splitlines(), *warning]


def test_elsewhere_it_is_plain_lines_of_80_columns(program: Program) -> None:
    answer = program("train", IRIS, "--set", "training.epochs=3")
    lines = answer.err.splitlines()
    assert lines[0] == "iris-mlp: 131 parameters, 98 training samples"
    assert lines[1] == "21 steps: 3 epochs, batch size 16"
    assert lines[2].startswith("run: runs/iris-mlp-")
    assert lines[3] == "★ lowest validation.loss so far"
    assert lines[4].split() == ["train", "validation"]
    assert lines[5].split() == [
        "epoch",
        "step",
        "loss",
        "objective",
        "loss",
        "accuracy",
        "samples",
    ]
    assert [row.split()[:2] for row in lines[6:9]] == [["1", "7"], ["2", "14"], ["3", "21"]]
    assert lines[9].startswith("trained 21 steps in ")
    assert max(map(len, lines)) <= 80


PATIENT = ("--set", "regularization.early_stopping=null")


def test_many_rows_are_thinned_out(program: Program) -> None:
    answer = program("train", IRIS, *PATIENT, "--set", "training={epochs: 41, batch_size: 128}")
    lines = answer.err.splitlines()
    assert lines[1] == "41 steps: 41 epochs, batch size 98"
    assert [line.split()[0] for line in lines[6:-2]] == [*map(str, range(2, 42, 2)), "41"]


def test_the_last_row_is_shown_where_training_stops_early(program: Program) -> None:
    stopping = ("--set", "regularization.early_stopping={patience: 2, minimum_change: 10}")
    answer = program("train", IRIS, *stopping, "--set", "training={epochs: 100, batch_size: 16}")
    rows = [line.split()[0] for line in answer.err.splitlines()[6:]]
    assert rows[:2] == ["3", "trained"]
    stopping = ("--set", "regularization.early_stopping={patience: 3, minimum_change: 10}")
    answer = program("train", IRIS, *stopping, "--set", "training={epochs: 100, batch_size: 16}")
    rows = [line.split()[0] for line in answer.err.splitlines()[6:]]
    assert rows[:3] == ["3", "4", "trained"]


def test_a_long_message_is_broken_between_words(program: Program) -> None:
    name = "a-name-of-" + "many-" * 13 + "words"
    answer = program("train", IRIS, "--set", "training.epochs=1", "--set", f"name={name}")
    first, second = answer.err.splitlines()[:2]
    assert first == f"{name}:"
    assert second == "  131 parameters, 98 training samples"


def test_there_is_no_star_where_the_last_evaluation_is_taken(program: Program) -> None:
    last = ("--set", "training={epochs: 2, monitor: last}")
    answer = program("train", IRIS, *PATIENT, *last)
    assert "★" not in answer.err
    assert "epoch  step  loss" in answer.err
