"""Helpers that run nnkit as a separate process, and the result of a call."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
IRIS = ROOT / "configs" / "iris-mlp.yaml"
TABLES = ROOT / "data" / "tables"
SHORT = ("--set", "training.epochs=2")

# Variables that change the program's behaviour, or make Typer colour all output. The program sets
# the last one itself when it is called in a test's process.
UNSET = (
    "NNKIT_RUNS",
    "NNKIT_DEBUG",
    "FORCE_COLOR",
    "PY_COLORS",
    "GITHUB_ACTIONS",
    "GITHUB_STEP_SUMMARY",
    "PYDANTIC_DISABLE_PLUGINS",
)


@dataclass(frozen=True)
class Answer:
    """The result of a call: exit code, standard output, standard error."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The standard output, parsed as one JSON object."""
        found = json.loads(self.out)
        assert isinstance(found, dict)
        assert self.out.count("\n") == 1
        return found

    @property
    def errors(self) -> list[str]:
        """The error lines; standard error must contain nothing else."""
        lines = self.err.splitlines()
        assert all(line.startswith("error: ") for line in lines), self.err
        return [line.removeprefix("error: ") for line in lines]


Program = Callable[..., Answer]


def process(*arguments: object, folder: Path) -> Answer:
    """Starts the program as a process with piped output."""
    ended = subprocess.run(
        command(*arguments), cwd=folder, env=plain_environment(), capture_output=True, check=False
    )
    return Answer(ended.returncode, ended.stdout.decode(), ended.stderr.decode())


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "nnkit", *map(str, arguments)]


def plain_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in UNSET}
