"""What a call of the program gives, and calls of it as a process of its own."""

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

# Variables that change what the program does, or make Typer colour its output wherever it goes.
# The last one the program sets itself, when it is called within a test's process.
UNSET = (
    "NNKIT_RUNS",
    "NNKIT_DEBUG",
    "FORCE_COLOR",
    "PY_COLORS",
    "GITHUB_ACTIONS",
    "PYDANTIC_DISABLE_PLUGINS",
)


@dataclass(frozen=True)
class Answer:
    """How a call ended: exit code, standard output, standard error."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON object that standard output is."""
        found = json.loads(self.out)
        assert isinstance(found, dict)
        assert self.out.count("\n") == 1
        return found

    @property
    def errors(self) -> list[str]:
        """The error lines, which must be all that standard error holds."""
        lines = self.err.splitlines()
        assert all(line.startswith("error: ") for line in lines), self.err
        return [line.removeprefix("error: ") for line in lines]


Program = Callable[..., Answer]


def process(*arguments: object, folder: Path) -> Answer:
    """The program as a process, its output piped."""
    ended = subprocess.run(
        command(*arguments), cwd=folder, env=plain_environment(), capture_output=True, check=False
    )
    return Answer(ended.returncode, ended.stdout.decode(), ended.stderr.decode())


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "nnkit", *map(str, arguments)]


def plain_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in UNSET}
