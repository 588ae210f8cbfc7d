"""Tests of MNIST: its content and the search path."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nnkit.data.dataset import Dataset
from nnkit.data.sources.mnist import FILES, find_mnist


def test_shapes_and_classes(mnist: Dataset) -> None:
    assert mnist.test is not None
    assert mnist.samples.inputs.shape == (60_000, 1, 28, 28)
    assert mnist.test.inputs.shape == (10_000, 1, 28, 28)
    assert mnist.samples.inputs.dtype == mnist.test.inputs.dtype == np.uint8
    assert mnist.input_shape == (1, 28, 28)
    assert mnist.classes == tuple("0123456789")


def test_class_counts(mnist: Dataset) -> None:
    assert mnist.test is not None
    train = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    test = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert np.bincount(mnist.samples.targets).tolist() == train
    assert np.bincount(mnist.test.targets).tolist() == test


def test_images_go_with_their_labels(mnist: Dataset) -> None:
    """Checks that a 0 is empty in the middle, and that a 1 has the least ink."""
    images, labels = np.asarray(mnist.samples.inputs), mnist.samples.targets
    middle = images[:, 0, 12:16, 12:16].mean(axis=(1, 2))
    ink = images.mean(axis=(1, 2, 3))
    assert np.argmin([middle[labels == digit].mean() for digit in range(10)]) == 0
    assert np.argmin([ink[labels == digit].mean() for digit in range(10)]) == 1


def test_search_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen, here, cache = tmp_path / "chosen", tmp_path / "here", tmp_path / "cache"
    places = [cache / "nnkit" / "data" / "mnist", here / "data" / "mnist", chosen / "mnist"]
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.setenv("NNKIT_DATA", str(chosen))
    assert find_mnist() is None
    for place in places:  # from the lowest to the highest priority
        place.mkdir(parents=True)
        for name in FILES[1:]:
            (place / name).touch()
        before = find_mnist()
        assert before is None or before.resolve() != place, "one of the four files is missing"
        (place / FILES[0]).touch()
        found = find_mnist()
        assert found is not None
        assert found.resolve() == place
