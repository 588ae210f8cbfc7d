"""Tests of interrupted runs: they save, exit with a code of their own, and can be resumed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.program import IRIS, ROOT, Answer, Program, command, plain_environment

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")

# Several seconds of training, with metrics written from the start.
LONG = {
    "training": "{steps: 20000, batch_size: 16, evaluate_every: 500}",
    "regularization.early_stopping": "null",
}
TRAIN = ("train", IRIS, *(part for name in LONG for part in ("--set", f"{name}={LONG[name]}")))


def interrupted(number: signal.Signals, folder: Path, *more: str) -> Answer:
    """Starts a long run and sends it a signal once it has written its first metrics."""
    with subprocess.Popen(
        command(*TRAIN, *more),
        cwd=folder,
        env=plain_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as training:
        while not list(folder.glob("runs/*/metrics.jsonl")):
            try:
                training.wait(timeout=0.02)
            except subprocess.TimeoutExpired:
                continue
            break
        training.send_signal(number)
        out, err = training.communicate(timeout=60)
    return Answer(training.returncode, out.decode(), err.decode())


def test_ctrl_c_saves_and_resume_finishes(program: Program, tmp_path: Path) -> None:
    answer = interrupted(signal.SIGINT, tmp_path)
    assert answer.code == 130, answer.err
    assert answer.out == ""
    assert "SIGINT: finishing this step and saving …" in answer.err
    assert "repeat the command with --resume to continue" in answer.err

    (listed,) = program("runs", "list", "--json").json["runs"]
    assert listed["state"] == "interrupted"
    (run,) = (tmp_path / "runs").iterdir()
    ending = json.loads((run / "summary.json").read_text())
    assert (ending["outcome"], "results" in ending) == ("interrupted", False)

    again = program(*TRAIN)
    assert again.code == 2
    assert again.errors == [
        f"runs/{run.name} was interrupted; use --resume to continue it or --restart to start over"
    ]

    resumed = program(*TRAIN, "--resume")
    assert resumed.code == 0
    assert "resumed at step " in resumed.err
    lines = (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    steps = [json.loads(line)["step"] for line in lines]
    assert steps == list(range(500, 20_001, 500))


@pytest.mark.slow
def test_sigterm_saves_and_can_be_resumed(tmp_path: Path) -> None:
    answer = interrupted(signal.SIGTERM, tmp_path, "--json", "--quiet")
    assert answer.code == 143, answer.err
    assert answer.err == "\nSIGTERM: finishing this step and saving …\n"
    assert answer.json["interrupted"] is True
    assert 500 <= answer.json["step"] < answer.json["steps"] == 20_000
    assert (tmp_path / answer.json["run"] / "checkpoints" / "last.safetensors").is_file()


def test_ctrl_c_while_modules_are_imported_shows_no_traceback(tmp_path: Path) -> None:
    interrupts = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n"
    (tmp_path / "typer.py").write_text(interrupts)  # imported in place of the library
    # Programs in the background of a shell script are started with SIGINT ignored.
    heeding = "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv"
    ended = subprocess.run(
        [sys.executable, "-c", f"{heeding}(sys.argv[1], sys.argv[1:])", *command("--version")],
        env=plain_environment() | {"PYTHONPATH": f"{tmp_path}:{ROOT}"},
        capture_output=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (-signal.SIGINT, b"", b"")
