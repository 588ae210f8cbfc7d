"""README.md: its config is one, and its Python runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from docs.refresh import ROOT, copy_of_repository
from nnkit.config.load import validate
from nnkit.config.yaml import parse_yaml
from nnkit.training.config import Config

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    """The one block of a language."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)
    return str(found)


def test_the_config_is_one() -> None:
    config = validate(Config, parse_yaml(block("yaml"), "README.md"))
    assert config.check().name == "my-run"


def test_the_python_runs_and_prints_what_it_says(tmp_path: Path) -> None:
    code = block("python")
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=copy_of_repository(tmp_path),
        capture_output=True,
        text=True,
        check=True,
    )
    said = re.findall(r"print\(.*\)  # (.*)", code)
    assert said
    assert ran.stdout.splitlines()[-len(said) :] == said
