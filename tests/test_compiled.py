"""Tests of the use of compiled kernels, and of a broken numba."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nnkit import compiled
from tests.training.configs import TABLES

# Large enough for compiled kernels.
CONFIG = f"""
name: wide
data:
  source: {{kind: csv, path: {TABLES / "iris.csv"}, label: species}}
  preprocess: [standardize]
architecture: {{layers: [dense: 150, batch_norm, dense: 150, dense: 3]}}
training: {{epochs: 1}}
"""
BROKEN = {
    "ImportError": "raise ImportError('numba needs an older NumPy')",
    "SystemError": "raise SystemError('initialization of _internal failed')",
}


def test_a_small_model_does_not_wait_for_the_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checks that a small model does not import numba, which takes half a second."""
    tried: list[bool] = []

    def available() -> bool:
        tried.append(True)
        return True

    monkeypatch.setattr(compiled, "available", available)
    assert not compiled.worthwhile(2 * 2 + 2)  # the XOR network
    assert not tried
    assert compiled.worthwhile(784 * 128 + 128 * 10)
    assert tried


@pytest.mark.parametrize(
    ("installed", "setting", "expected"),
    [(True, None, True), (True, "1", True), (True, "0", False), (False, None, False)],
)
def test_numba_is_used_where_it_is_installed_and_not_switched_off(
    installed: bool, setting: str | None, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "find_spec", lambda name: name if installed else None)
    monkeypatch.setattr(compiled, "import_module", lambda name: None)
    monkeypatch.setattr(compiled, "_owns_process", False)
    monkeypatch.delenv("NNKIT_COMPILED", raising=False)
    if setting is not None:
        monkeypatch.setenv("NNKIT_COMPILED", setting)
    assert compiled.available.__wrapped__() is expected


class Program:
    """The `nnkit` program in a separate folder, with a fake numba."""

    def __init__(self, folder: Path, numba: str | None) -> None:
        self.folder = folder
        (folder / "wide.yaml").write_text(CONFIG)
        path = [str(Path(__file__).parents[1])]
        if numba is not None:
            (folder / "libraries" / "numba").mkdir(parents=True)
            (folder / "libraries" / "numba" / "__init__.py").write_text(numba)
            path.insert(0, str(folder / "libraries"))
        self.environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path)}
        self.environment.pop("NNKIT_COMPILED", None)

    def run(self, *arguments: str) -> tuple[Any, str]:
        """Runs a command; returns its JSON output and its standard error."""
        done = subprocess.run(
            [sys.executable, "-m", "nnkit", *arguments, "--json"],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout), done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("kind", BROKEN)
def test_a_numba_that_does_not_import_is_as_good_as_none(kind: str, tmp_path: Path) -> None:
    program = Program(tmp_path, BROKEN[kind])
    _, said = program.run("train", "wide.yaml", "--quiet")
    assert said.splitlines()[0].startswith(
        "warning: numba cannot be imported, continuing with NumPy"
    )
    assert said.count("warning:") == 1
    scored, said = program.run("eval", "wide")
    assert scored["samples"] == 30
    assert said == ""  # too few samples to be worth compiling
    answers, _ = program.run("predict", str(TABLES / "iris.csv"), "--checkpoint", "wide")
    assert len(answers["inputs"]) == 150


@pytest.mark.slow
def test_as_a_library_it_leaves_the_environment_alone(tmp_path: Path) -> None:
    """Checks that importing nnkit leaves numba's variables and configuration unchanged."""
    script = """
import os
before = dict(os.environ)
import nnkit
run = nnkit.train(nnkit.load_config("wide.yaml"))
run.load().evaluate()
assert dict(os.environ) == before, set(os.environ.items()) ^ set(before.items())
"""
    program = Program(tmp_path, None)
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=program.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
