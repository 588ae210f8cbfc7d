"""What several tests of runs share: a small finished run."""

from __future__ import annotations

import pytest

import nnkit
from tests.runs.iris import iris_config


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> nnkit.Run:
    """Never to be changed by a test; copy what is to be damaged."""
    return nnkit.train(iris_config(), runs=tmp_path_factory.mktemp("runs"))
