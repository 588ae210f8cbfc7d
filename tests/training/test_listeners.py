"""log.txt: a line at the start, and one for each evaluation."""

from __future__ import annotations

from pathlib import Path

import nnkit
from nnkit.runs.directory import RunDirectory
from tests.training.configs import iris


def test_logs_the_run_line_by_line(tmp_path: Path) -> None:
    run = nnkit.train(iris(), runs=tmp_path)
    first, *evaluations = RunDirectory(run.directory).log.read_text(encoding="utf-8").splitlines()
    assert first == "iris: 67 parameters, 21 steps of 16 samples, from step 0"
    assert [line.split()[:2] for line in evaluations] == [["step", n] for n in ("7", "14", "21")]
    assert evaluations[0].endswith("best so far")
