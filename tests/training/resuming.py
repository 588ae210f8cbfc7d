"""Runs that are interrupted and resumed."""

from __future__ import annotations

from pathlib import Path

import nnkit
from nnkit.runs.checkpoint import read_checkpoint
from nnkit.runs.directory import RunDirectory
from nnkit.task.config import Config
from nnkit.training.run import Run
from tests.training.test_run import StopAfter, records, timeless


def resumes(wanted: Config, folder: Path) -> Run:
    """Trains without and with interruption, asserts identical results, and returns the run."""
    whole = nnkit.train(wanted, runs=folder / "whole")
    part = nnkit.train(wanted, runs=folder / "parts", should_stop=StopAfter(1))
    assert part.interrupted
    finished = nnkit.train(wanted, runs=folder / "parts", resume=True)
    assert timeless(finished.summary) == timeless(whole.summary)
    assert records(finished) == records(whole)
    last, resumed = (
        read_checkpoint(RunDirectory(run.directory).last).tensors for run in (whole, finished)
    )
    assert {k: v.tobytes() for k, v in last.items()} == {k: v.tobytes() for k, v in resumed.items()}
    return whole
