"""Tests of which models read the digits in pictures."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnkit
from nnkit.errors import DataError
from nnkit.inference.saving import trained_from
from nnkit.inference.trained_model import TrainedModel
from nnkit.reading.reader import can_read_digits, read_digits
from nnkit.runs.checkpoint import read_checkpoint
from nnkit.task.config_loading import config_from

PICTURE = Path(__file__).parents[2] / "data" / "pictures" / "7.png"


def write_idx(path: Path, values: np.ndarray) -> str:
    header = bytes([0, 0, 8, values.ndim]) + np.array(values.shape, ">u4").tobytes()
    path.write_bytes(gzip.compress(header + values.tobytes()))
    return str(path)


@pytest.fixture(scope="module")
def idx(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Writes images of ten classes in the form of MNIST's; what they show is not said."""
    folder = tmp_path_factory.mktemp("idx")
    images = np.random.default_rng(0).integers(0, 256, (40, 28, 28)).astype(np.uint8)
    return {
        "kind": "idx",
        "inputs": write_idx(folder / "images.gz", images),
        "targets": write_idx(folder / "labels.gz", np.arange(40, dtype=np.uint8) % 10),
    }


def trained(source: Mapping[str, Any], runs: Path) -> Path:
    """Trains a softmax regression for a step and returns its run folder."""
    config = config_from(
        {
            "data": {"source": dict(source), "preprocess": ["scale"]},
            "architecture": {"layers": ["flatten", {"dense": 10}]},
            "training": {"steps": 1},
        }
    )
    return nnkit.train(config, runs=runs).directory


def with_settings(run: Path, source: dict[str, Any]) -> TrainedModel:
    """Loads a run's model as if its checkpoint recorded another source."""
    found = read_checkpoint(run / "checkpoints" / "best.safetensors")
    found.header["config"]["data"]["source"] = source
    return trained_from(found)


def test_the_format_of_a_file_does_not_make_its_images_digits(
    idx: dict[str, str], tmp_path: Path
) -> None:
    model = nnkit.load_checkpoint(trained(idx, tmp_path))
    assert not can_read_digits(model)
    with pytest.raises(DataError, match=r"does not read digits; .*set data\.source\.images"):
        read_digits(PICTURE, model)
    with pytest.raises(DataError, match=r"reads idx data, not pictures; .*images: digits"):
        model.read_picture(PICTURE)


def test_a_config_says_that_its_images_are_digits(idx: dict[str, str], tmp_path: Path) -> None:
    model = nnkit.load_checkpoint(trained({**idx, "images": "digits"}, tmp_path))
    assert can_read_digits(model)
    assert len(read_digits(PICTURE, model).digits) == 1


def test_mnist_has_digits(idx: dict[str, str], tmp_path: Path) -> None:
    assert can_read_digits(with_settings(trained(idx, tmp_path), {"kind": "mnist"}))


def test_earlier_checkpoints_of_idx_images_read_digits(idx: dict[str, str], tmp_path: Path) -> None:
    assert can_read_digits(with_settings(trained(idx, tmp_path), dict(idx)))
