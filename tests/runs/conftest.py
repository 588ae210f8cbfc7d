"""Fixture for tests of runs: a small finished run."""

from __future__ import annotations

import pytest

import nnkit
from tests.runs.iris import iris_config


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> nnkit.Run:
    """Returns a finished run; tests must not change it, but damage a copy."""
    return nnkit.train(iris_config(), runs=tmp_path_factory.mktemp("runs"))
