"""Tests of the gradient check of a config on its data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nnkit.inspection.gradient_check import check_gradients
from nnkit.task.config_loading import config_from, load_config
from tests.training.configs import diabetes, iris


def test_every_gradient_of_a_config_passes() -> None:
    configs = iris(regularization={"dropout": 0.5}), iris(loss="hinge"), diabetes()
    for config in configs:
        checks = check_gradients(config)
        assert [check.name for check in checks] == [
            "layers.0.W",
            "layers.1.W",
            "layers.0.b",
            "layers.1.b",
            "input",
        ]
        assert all(check.passed for check in checks)


def test_zeros_at_the_start_are_checked_all_the_same() -> None:
    config = iris(architecture={"layers": [{"dense": 3}], "initializer": "zeros"}, loss="hinge")
    assert all(check.passed for check in check_gradients(config))


@pytest.mark.slow
def test_many_small_kinks_do_not_fail_the_check() -> None:
    """Checks a bias that moves tens of thousands of units, some of them across a kink."""
    config = load_config(Path(__file__).parents[2] / "configs" / "digits.yaml")
    checks = check_gradients(config, samples=2)
    assert [check.name for check in checks if not check.passed] == []


def test_blank_areas_have_no_kinks(tmp_path: Path) -> None:
    """Checks max pooling on blank areas, where all entries of a window are equal."""
    images = np.zeros((20, 1, 12, 12), dtype=np.uint8)
    images[:, :, 4:8, 4:8] = np.random.default_rng(0).integers(0, 256, (20, 1, 4, 4))
    np.savez(tmp_path / "blank.npz", X=images, y=np.arange(20) % 3)
    source = {"npz": {"path": str(tmp_path / "blank.npz"), "inputs": "X", "targets": "y"}}
    conv = {"conv": {"filters": 4, "kernel": 3}}
    checks = check_gradients(
        config_from(
            {
                "data": {"source": source, "preprocess": ["scale"]},
                "architecture": {"layers": [conv, {"max_pool": 5}, "flatten", {"dense": 3}]},
            }
        )
    )
    assert all(check.passed for check in checks)
    assert checks[-1].kinks == 0
