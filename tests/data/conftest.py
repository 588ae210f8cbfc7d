"""What several tests of data share: MNIST, and a network that reads digits."""

from __future__ import annotations

from pathlib import Path

import pytest

import nnkit
from nnkit.data.dataset import Dataset
from nnkit.data.sources.mnist import Mnist
from nnkit.training.config import config_from
from tests.data.small import DATA


@pytest.fixture(scope="session")
def mnist() -> Dataset:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NNKIT_DATA", str(DATA))
        return Mnist().load()


@pytest.fixture(scope="session")
def digit_reader(tmp_path_factory: pytest.TempPathFactory) -> nnkit.TrainedModel:
    """784-64-10, two epochs on 5,000 images of MNIST."""
    runs: Path = tmp_path_factory.mktemp("runs")
    config = config_from(
        {
            "data": {"source": "mnist", "split": {"validation": 55_000}, "preprocess": ["scale"]},
            "architecture": {"layers": ["flatten", {"dense": 64}, {"dense": 10}]},
            "optimizer": {"kind": "adam", "lr": 0.003},
            "training": {"epochs": 2, "evaluate_on": []},
        }
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NNKIT_DATA", str(DATA))
        return nnkit.train(config, runs=runs).load()
