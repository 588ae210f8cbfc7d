"""What several tests of data share: MNIST, and a network that reads digits."""

from __future__ import annotations

import pytest

import nnkit
from nnkit.data.dataset import Dataset
from nnkit.data.sources.mnist import Mnist
from tests.data.small import DATA


@pytest.fixture(scope="session")
def mnist() -> Dataset:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NNKIT_DATA", str(DATA))
        return Mnist().load()


@pytest.fixture(scope="session")
def digit_reader(digit_run: nnkit.Run) -> nnkit.TrainedModel:
    return digit_run.load()
