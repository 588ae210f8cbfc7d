"""Tests of optimizer kernels: PyTorch's trajectories, and the same bits as NumPy."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from nnkit.nn.denormals import flushed_denormals
from nnkit.nn.params import Array
from nnkit.optim.optimizer import Optimizer
from nnkit.optim.optimizers import Adam, AnyOptimizer
from nnkit.random import generator
from tests.golden import case_name, torch_vectors
from tests.kernels import COMPILED, INTERPRETED, WAYS, kernels
from tests.nn.examples import examples, name
from tests.optim.test_optimizers import state_for, trajectory

STEPS = 12
# Parameters: several vectors and a remainder for compiled kernels, few for the slow Python ones.
SIZES = {INTERPRETED: 203, COMPILED: 20_003}


@cache
def drawn(size: int) -> tuple[Array, Array]:
    """Draws parameters (P,) and gradients (steps, P) of very different magnitudes."""
    rng = generator(0, "kernels")
    sizes = 10.0 ** rng.uniform(-30, 6, size) * (rng.random(size) > 0.1)
    return rng.normal(size=size), sizes * rng.normal(size=(STEPS, size))


def trained(optimizer: Optimizer, dtype: str, size: int = 3) -> list[Array]:
    """Returns the parameters and state after `STEPS` steps."""
    params, gradients = (array.astype(dtype) for array in drawn(size))
    state = state_for(optimizer, params)
    for t, g in enumerate(gradients, start=1):
        optimizer.step(params, g, state, t, 0.01 / t)
    return [params, *state]


def has_kernel(optimizer: Optimizer) -> bool:
    """Whether the optimizer calls a kernel."""
    with kernels(INTERPRETED) as called:
        trained(optimizer, "float64")
    return bool(called)


OPTIMIZERS: list[Optimizer] = [
    *(o for o in examples(AnyOptimizer) if not o.full_batch and has_kernel(o)),
    Adam(beta1=0.5, beta2=0.9, eps=1e-4),
]
GOLDEN = [
    case
    for case in torch_vectors("optimizers")
    if has_kernel(TypeAdapter(AnyOptimizer).validate_python(case["spec"]))
]
either_way = pytest.mark.parametrize("way", WAYS)


@either_way
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-4), ("float64", 1e-10)])
@pytest.mark.parametrize("case", GOLDEN, ids=case_name)
def test_trajectories_match_pytorch(
    case: dict[str, Any], dtype: str, tolerance: float, way: str
) -> None:
    with kernels(way) as called:
        points = trajectory(case, dtype)
    assert len(called) == len(points)
    np.testing.assert_allclose(points, case["trajectory"], rtol=tolerance, atol=tolerance)


@either_way
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=name)
@pytest.mark.parametrize("denormals", [nullcontext, flushed_denormals])
def test_parameters_and_state_have_the_bits_that_numpy_gives(
    optimizer: Optimizer,
    dtype: str,
    denormals: Callable[[], AbstractContextManager[None]],
    way: str,
) -> None:
    with kernels(way) as called, denormals():
        found = trained(optimizer, dtype, SIZES[way])
    with kernels(None) as by_numpy, denormals():
        expected = trained(optimizer, dtype, SIZES[way])
    assert len(called) == STEPS
    assert not by_numpy
    assert [vector.tobytes() for vector in found] == [vector.tobytes() for vector in expected]


def test_sgd_and_adam_have_kernels() -> None:
    """Guards the tests above, which iterate over kernels and would pass without any."""
    assert {"sgd", "adam", "adamw"} <= {optimizer.tag() for optimizer in OPTIMIZERS}
    assert {"sgd", "adam", "adamw"} <= {case["spec"]["kind"] for case in GOLDEN}
