"""Tests of `nnkit train` under mpiexec: what it prints, interruptions, and lost processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cli.program import IRIS, ROOT, SHORT, Answer, Program, process
from tests.mpi import environment, mpiexec, several, with_mpi

DIGITS = ROOT / "configs" / "batch" / "digits-8x8.yaml"
# With a checkpoint long before the end, however fast the machine is.
LONG = (
    *("train", DIGITS, "--set", "training.precision=float64"),
    *("--set", "training.epochs=150", "--set", "training.checkpoint_every=100"),
)


@pytest.mark.parametrize("arguments", [("eval", "iris"), ("train", IRIS, "--dry-run")], ids=str)
def test_other_commands_refuse_several_processes(
    arguments: tuple[Any, ...], program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PMI_RANK", "0")
    monkeypatch.setenv("PMI_SIZE", "2")
    answer = program(*arguments)
    assert answer.code == 2
    assert answer.errors[0].endswith(
        "runs in one process, but 2 were started; run it without mpiexec or srun"
    )


@with_mpi[0]
@with_mpi[1]
def test_the_launcher_of_another_mpi_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMPI_COMM_WORLD_RANK", "0")
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "4")
    answer = process("train", IRIS, folder=tmp_path)
    assert answer.code == 2
    assert "error: the launcher started 4 processes, but mpi4py does not see them" in answer.err


def train(processes: int, folder: Path, *arguments: object) -> Answer:
    return several(processes, "-m", "mpi4py", "-m", "nnkit", *arguments, folder=folder)


class TestMistakes:
    pytestmark = with_mpi

    @pytest.mark.parametrize(
        ("arguments", "code", "message"),
        [
            (("--set", "optimizer.lrr=1"), 2, "did you mean 'lr'?"),
            (("--set", "data.source.path=/nowhere.csv"), 3, "/nowhere.csv: no such file"),
            (("--set", "optimizer={kind: sgd, lr: 1.0e+30}"), 1, "the loss became nan at step 3"),
        ],
        ids=["config", "data", "diverged"],
    )
    def test_each_is_printed_once(
        self, arguments: tuple[str, ...], code: int, message: str, tmp_path: Path
    ) -> None:
        answer = train(2, tmp_path, "train", IRIS, "--quiet", *arguments)
        assert answer.code == code
        assert message in answer.errors[0]
        # A divergence also says where the weights are, what was measured, and what to change.
        assert len(answer.errors) == (4 if code == 1 else 1)

    def test_a_gate_is_missed_by_the_folds(self, tmp_path: Path) -> None:
        gate = ("--set", "expect={test.accuracy: {max: 0.01}}", *SHORT)
        answer = train(2, tmp_path, "train", IRIS, "--folds", "2", "--quiet", "--json", *gate)
        assert answer.code == 4, answer.err
        assert len(answer.json["missed"]) == 1
        again = train(2, tmp_path, "train", IRIS, "--folds", "2", "-q", "--resume", *gate)
        assert again.code == 4, again.err
        assert again.err.count("is already finished") == 0
        assert again.err.count("expected at most 0.01") == 1

    def test_a_gate_is_missed_by_all(self, tmp_path: Path) -> None:
        gate = ("--set", "expect={test.accuracy: {min: 1.0}}", *SHORT)
        answer = train(2, tmp_path, "train", IRIS, "--quiet", "--json", *gate)
        assert answer.code == 4
        assert answer.json["ranks"] == 2
        assert len(answer.json["missed"]) == 1

    def test_processes_that_differ_do_not_train(self, tmp_path: Path) -> None:
        """Starts processes whose configs differ, as the files on two machines may."""
        script = (
            "import os, sys; sys.argv = ['nnkit', 'train', sys.argv[1], '--set',"
            " 'seed=' + os.environ['PMI_RANK']]; from nnkit.cli.app import main; main()"
        )
        answer = several(2, "-c", script, IRIS, folder=tmp_path)
        assert answer.code == 2
        assert "processes 1 and 2 cannot train together, because they differ in" in answer.errors[0]
        assert len(answer.errors) == 1

    def test_one_that_finds_no_config_stops_all(self, tmp_path: Path) -> None:
        script = (
            "import os, sys; sys.argv = ['nnkit', 'train',"
            " sys.argv[1] * (os.environ['PMI_RANK'] == '0') or 'nothing.yaml'];"
            " from nnkit.cli.app import main; main()"
        )
        answer = several(2, "-c", script, IRIS, folder=tmp_path)
        assert (answer.code, answer.errors) == (2, ["process 2 of 2: nothing.yaml: no such file"])


def result(folder: Path) -> dict[str, Any]:
    """The summary of the only run in a folder."""
    (path,) = folder.glob("runs/*/summary.json")
    summary: dict[str, Any] = json.loads(path.read_text())
    return summary


def stopped(number: signal.Signals, folder: Path) -> int:
    """Trains in two processes until the first checkpoint is there; returns the exit code.

    SIGKILL goes to the second process, other signals to mpiexec.
    """
    # Each process writes its number down and then becomes nnkit.
    script = (
        "import os, sys; from pathlib import Path;"
        " Path('pid-' + os.environ['PMI_RANK']).write_text(str(os.getpid()));"
        " os.execv(sys.executable, [sys.executable, '-m', 'mpi4py', '-m', 'nnkit', *sys.argv[1:]])"
    )
    with subprocess.Popen(
        mpiexec(2, "-c", script, *LONG), cwd=folder, env=environment(), stderr=subprocess.PIPE
    ) as training:
        assert training.stderr is not None
        for _ in training.stderr:  # a line for each evaluation
            if list(folder.glob("runs/*/checkpoints/last.safetensors")):
                break
        if number == signal.SIGKILL:
            os.kill(int((folder / "pid-1").read_text()), number)
        else:
            training.send_signal(number)
        training.stderr.read()
    return training.returncode


class TestStopped:
    pytestmark = with_mpi

    @pytest.fixture(scope="class")
    def whole(self, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
        """The summary of an uninterrupted run in two processes."""
        folder = tmp_path_factory.mktemp("whole")
        assert train(2, folder, *LONG, "--quiet").code == 0
        return result(folder)

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=str)
    def test_a_signal_saves_and_a_resumed_run_has_the_same_bits(
        self, number: signal.Signals, whole: dict[str, Any], tmp_path: Path
    ) -> None:
        assert stopped(number, tmp_path) == 128 + number
        assert result(tmp_path)["outcome"] == "interrupted"
        assert train(2, tmp_path, *LONG, "--quiet", "--resume").code == 0
        assert result(tmp_path)["weights_sha256"] == whole["weights_sha256"]

    @pytest.mark.parametrize("processes", [1, 2, 3])
    def test_after_the_loss_of_a_process_any_number_can_resume(
        self, processes: int, whole: dict[str, Any], tmp_path: Path
    ) -> None:
        assert stopped(signal.SIGKILL, tmp_path) != 0
        again = (*LONG, "--quiet", "--resume")
        if processes == 1:
            answer = process(*again, folder=tmp_path)
        else:
            answer = train(processes, tmp_path, *again)
        assert answer.code == 0, answer.err
        assert ("another number of processes" in answer.err) == (processes != 2)
        found = result(tmp_path)
        if processes == 2:
            assert found["weights_sha256"] == whole["weights_sha256"]
        assert found["ranks"] == processes
        for name, figures in whole["results"].items():
            assert found["results"][name] == pytest.approx(figures, rel=1e-6)
