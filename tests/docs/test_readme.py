"""README.md: the config is valid, the Python code runs, and long runs print what is shown."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from docs.refresh import ROOT, copy_of_repository, refreshed
from nnkit.config.validation import validate
from nnkit.config.yaml import parse_yaml
from nnkit.task.config import Config
from nnkit.task.config_conflicts import checked
from tests.docs.commands import workplace
from tests.docs.test_pages import MINUTES, steady

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    """Returns the only code block in a language that is not a file for the commands after it."""
    (found,) = re.findall(rf"(?<!-->\n)```{language}\n(.*?)```", TEXT, re.DOTALL)
    return str(found)


def test_the_config_is_one() -> None:
    config = validate(Config, parse_yaml(block("yaml"), "README.md"))
    assert checked(config).name == "my-run"


def test_the_python_runs_and_prints_what_it_says(tmp_path: Path) -> None:
    code = block("python")
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=workplace("", tmp_path),
        capture_output=True,
        text=True,
        check=True,
    )
    said = re.findall(r"print\(.*\)  # (.*)", code)
    assert said
    assert ran.stdout.splitlines()[-len(said) :] == said


def skeleton(section: str) -> list[str]:
    """Returns a section's lines without numbers, checksums and stars, which depend on the CPU."""
    hidden = re.sub(r"\b[0-9a-f]{64}\b| ★", "", section)
    return [re.sub(r"\d[\d,.]*", "#", steady(line)) for line in hidden.splitlines()]


# Interruption is tested in tests/cli/test_interruption.py, which does not depend on the time that
# a run takes.
@pytest.mark.slow
@pytest.mark.parametrize("title", sorted(MINUTES - {"Interrupted? Nothing is lost"}))
def test_long_trainings_print_the_same_lines(title: str, tmp_path: Path) -> None:
    section = TEXT[TEXT.index(f"## {title}\n") :].split("\n## ")[0] + "\n"
    now = refreshed(section, copy_of_repository(tmp_path))
    told = f"`python docs/refresh.py README.md` brings the page up to date:\n{now}"
    assert skeleton(now) == skeleton(section), told
