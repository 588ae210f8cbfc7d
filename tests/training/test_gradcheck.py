"""The gradient check of a whole config, on its own data."""

from __future__ import annotations

from nnkit.training.gradcheck import check_gradients
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
