"""The compiled kernels do what NumPy does, to the last bit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import pytest

from nnkit.nn.denormals import flushed_denormals
from nnkit.nn.params import Array
from nnkit.optim import kernels
from nnkit.optim.optimizers import Adam
from nnkit.random import generator
from tests.nn.examples import name

SIZE = kernels.WORTHWHILE + 3
STEPS = 40


@pytest.fixture(autouse=True)
def asked_anew() -> Iterator[None]:
    """Whether kernels are available is found out once; these tests change the answer."""
    kernels.available.cache_clear()
    yield
    kernels.available.cache_clear()


def trained(optimizer: Adam, dtype: str) -> list[Array]:
    """Parameters and slots after many steps on gradients of very different sizes."""
    rng = generator(0, "kernels")
    params = rng.normal(size=SIZE).astype(dtype)
    sizes = 10.0 ** rng.uniform(-30, 6, SIZE) * (rng.random(SIZE) > 0.1)
    slots = tuple(np.zeros_like(params) for _ in optimizer.slots)
    for t in range(1, STEPS + 1):
        gradients = (sizes * rng.normal(size=SIZE)).astype(dtype)
        optimizer.step(params, gradients, slots, t, 0.01 / t)
    return [params, *slots]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", [Adam(), Adam(beta1=0.5, beta2=0.9, eps=1e-4)], ids=name)
@pytest.mark.parametrize("denormals", [nullcontext, flushed_denormals])
def test_same_bits_with_and_without(
    optimizer: Adam,
    dtype: str,
    denormals: Callable[[], AbstractContextManager[None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("numba")
    monkeypatch.delenv("NNKIT_COMPILED", raising=False)
    assert kernels.adam(np.zeros(SIZE, dtype)) is not None
    with denormals():
        compiled = trained(optimizer, dtype)
    monkeypatch.setenv("NNKIT_COMPILED", "0")
    kernels.available.cache_clear()
    assert kernels.adam(np.zeros(SIZE, dtype)) is None
    with denormals():
        plain = trained(optimizer, dtype)
    assert [vector.tobytes() for vector in compiled] == [vector.tobytes() for vector in plain]


def test_a_small_model_does_not_wait_for_the_compiler() -> None:
    assert kernels.adam(np.zeros(kernels.WORTHWHILE - 1)) is None
