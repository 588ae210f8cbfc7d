"""CONTRIBUTING.md and the CI workflow: the commands in them exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from docs.refresh import ROOT

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
PAGES = [ROOT / "CONTRIBUTING.md", ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# `make`, optionally with options and variables, and its target, within code.
CALL = re.compile(
    r"(?:^    |`|- run: |&& )make (?:[-A-Z]\S* )*(?:\S+/ )?([a-z][a-z-]*)", re.MULTILINE
)


def workflow() -> dict[str, Any]:
    text = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    return dict(yaml.safe_load(text))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_target_that_a_page_names_is_there(page: Path) -> None:
    assert set(CALL.findall(page.read_text(encoding="utf-8"))) <= TARGETS


def test_the_guidelines_name_every_target() -> None:
    text = PAGES[0].read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `make ([a-z-]+)`", text, re.MULTILINE)) <= TARGETS
    shown = set(re.findall(r"^([a-z-]+):.*## ", MAKEFILE, re.MULTILINE))
    assert shown - set(CALL.findall(text)) <= {"help", "pretrained", "verifier"}


def test_ci_runs_targets_that_are_there() -> None:
    commands = [
        step["run"] for job in workflow()["jobs"].values() for step in job["steps"] if "run" in step
    ]
    targets = {target for command in commands for target in CALL.findall(f"- run: {command}")}
    assert {"check", "test", "test-all", "test-variants", "package"} == targets <= TARGETS


def test_ci_covers_every_python_that_is_declared() -> None:
    declared = set(
        re.findall(r"Python :: (3\.\d+)", (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    )
    matrix = workflow()["jobs"]["test"]["strategy"]["matrix"]["include"]
    assert declared == {case["python"] for case in matrix}
