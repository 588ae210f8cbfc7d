"""Helpers that start processes with mpiexec."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nnkit.ranks import Ranks
from tests.cli.program import ROOT, Answer, plain_environment

# Slow, since Python starts several times; the package mpich has no mpiexec for Windows.
with_mpi = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="needs mpiexec"),
]


class Pretended(Ranks):
    """One of several ranks, of which the others do not exist."""

    def __init__(self, rank: int, size: int) -> None:
        self.rank, self.size = rank, size


def mpiexec(processes: int, *arguments: object) -> list[str]:
    """The command that starts Python with these arguments in several processes."""
    launcher = Path(sys.executable).with_name("mpiexec")
    return [str(launcher), "-n", str(processes), sys.executable, *map(str, arguments)]


def environment() -> dict[str, str]:
    """The environment of processes that find the tests and nnkit from any folder."""
    return {**plain_environment(), "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}


def several(processes: int, *arguments: object, folder: Path) -> Answer:
    """Runs Python in several processes to the end."""
    ended = subprocess.run(
        mpiexec(processes, *arguments),
        cwd=folder,
        env=environment(),
        capture_output=True,
        check=False,
    )
    return Answer(ended.returncode, ended.stdout.decode(), ended.stderr.decode())
