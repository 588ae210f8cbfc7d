"""The compiled kernels do what NumPy does, to the last bit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import cache

import numpy as np
import pytest

from nnkit import compiled
from nnkit.nn.denormals import flushed_denormals
from nnkit.nn.params import Array
from nnkit.optim.optimizer import Optimizer
from nnkit.optim.optimizers import Adam, AnyOptimizer
from nnkit.random import generator
from tests.nn.examples import examples, name

SIZE = compiled.WORTHWHILE + 3
STEPS = 12
STEPPING = [o for o in examples(AnyOptimizer) if not o.full_batch]


@pytest.fixture(autouse=True)
def asked_anew() -> Iterator[None]:
    """Whether kernels are available is found out once; these tests change the answer."""
    compiled.available.cache_clear()
    yield
    compiled.available.cache_clear()


@cache
def drawn() -> tuple[Array, Array]:
    """Parameters (P,) and gradients (steps, P) of very different sizes."""
    rng = generator(0, "kernels")
    sizes = 10.0 ** rng.uniform(-30, 6, SIZE) * (rng.random(SIZE) > 0.1)
    return rng.normal(size=SIZE), sizes * rng.normal(size=(STEPS, SIZE))


def trained(optimizer: Optimizer, dtype: str) -> list[Array]:
    """Parameters and state after many steps."""
    params, gradients = (array.astype(dtype) for array in drawn())
    state = tuple(np.zeros_like(params) for _ in optimizer.state_names)
    for t, g in enumerate(gradients, start=1):
        optimizer.step(params, g, state, t, 0.01 / t)
    return [params, *state]


@pytest.mark.numba
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", [*STEPPING, Adam(beta1=0.5, beta2=0.9, eps=1e-4)], ids=name)
@pytest.mark.parametrize("denormals", [nullcontext, flushed_denormals])
def test_same_bits_with_and_without(
    optimizer: Optimizer,
    dtype: str,
    denormals: Callable[[], AbstractContextManager[None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("NNKIT_COMPILED", raising=False)
    assert compiled.worthwhile(SIZE)
    with denormals():
        quick = trained(optimizer, dtype)
    monkeypatch.setenv("NNKIT_COMPILED", "0")
    compiled.available.cache_clear()
    assert not compiled.worthwhile(SIZE)
    with denormals():
        plain = trained(optimizer, dtype)
    assert [vector.tobytes() for vector in quick] == [vector.tobytes() for vector in plain]
