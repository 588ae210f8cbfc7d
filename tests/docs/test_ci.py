"""docs/ci.md: the commands of its workflows run, and fail the job where the page says so."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from junitparser import JUnitXml

from docs.refresh import ROOT
from tests.cli.program import process

TEXT = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
BATCH, GITHUB, GITLAB = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)


def commands_of(github: Any, gitlab: Any) -> list[list[str]]:
    """The commands of each workflow, without the installation."""
    steps = github["jobs"]["experiments"]["steps"]
    scripts = ([step["run"] for step in steps if "run" in step], gitlab["experiments"]["script"])
    return [[line for line in script if not line.startswith("pip")] for script in scripts]


@pytest.mark.slow
def test_both_workflows_run_the_same_command_which_fails_and_then_passes(
    tmp_path: Path,
) -> None:
    github, gitlab = commands_of(yaml.safe_load(GITHUB), yaml.safe_load(GITLAB))
    assert github == gitlab
    (line,) = github
    arguments = shlex.split(line)[1:]
    batch = BATCH.replace("configs/", f"{ROOT}/configs/")
    (tmp_path / "ci.yaml").write_text(batch)
    failing = process(*arguments, folder=tmp_path)
    assert failing.code == 4, failing.err
    (suite,) = JUnitXml.fromfile(str(tmp_path / "report.xml"))
    assert (suite.tests, suite.failures) == (8, 2)
    assert (tmp_path / "table.md").read_text().startswith("## ci")
    (tmp_path / "ci.yaml").write_text(batch.replace("0.99", "0.6"))
    passing = process(*arguments, folder=tmp_path)
    assert passing.code == 0, passing.err
    assert passing.err.count("already finished") == 6
