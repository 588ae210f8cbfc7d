"""Tests that a run killed at any time and resumed equals an uninterrupted run."""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random
from time import perf_counter

import pytest

from benchmarks.kill_and_resume import CONFIGS, finish, kill, killed_and_resumed, write_config


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGKILL")
@pytest.mark.parametrize("name", CONFIGS)
def test_killed_and_resumed_bit_for_bit(name: str, tmp_path: Path) -> None:
    config = write_config(tmp_path, name, epochs=4)
    began = perf_counter()
    expected = finish(config, tmp_path / "whole")
    seconds = perf_counter() - began
    runs = tmp_path / "killed"
    began = perf_counter()
    kill(config, runs, seconds=0, in_write=True)
    begins = perf_counter() - began
    outcome, _ = killed_and_resumed(config, runs, 2, begins, seconds, Random(0))
    assert expected.differences(outcome) == []
    assert len(outcome.metrics) == 4  # an evaluation after each epoch
