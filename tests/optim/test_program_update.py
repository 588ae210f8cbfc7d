"""Tests of updates by the compiled kernels: the bits of NumPy, but for sums."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from nnkit.native.library import SETTING, library
from nnkit.nn.initializers import Zeros
from nnkit.nn.params import Array, Layout, Parameter
from nnkit.optim.clipping import AnyClipping, Clipping
from nnkit.optim.optimizer import Optimizer
from nnkit.optim.optimizers import SGD, Adagrad, AnyOptimizer, RMSprop
from nnkit.optim.regularization import Regularization
from nnkit.optim.update import Update
from nnkit.random import generator
from tests.nn.examples import examples, name

pytestmark = pytest.mark.native

# Blocks of one piece and of several, with and without a remainder of a vector.
W0 = Parameter("0.W", (30, 50), 50, 30, Zeros(), decay=True)
W1 = Parameter("1.W", (3, 7), 7, 3, Zeros(), decay=True)
# The weights of each unit lie in two places.
W2 = Parameter("2.W", (8, 4), 8, 4, Zeros(), decay=True, units=np.tile([0, 1, 2, 3], 4))
BIASES = (
    Parameter("0.b", (30,), 50, 30, Zeros(), decay=False),
    Parameter("1.b", (1,), 7, 3, Zeros(), decay=False),
)
BLOCKS = (W0, W1, W2, *BIASES)
STEPS = 7
OPTIMIZERS: list[Optimizer] = [
    *(o for o in examples(AnyOptimizer) if not o.full_batch),
    SGD(momentum=0.9),
    SGD(momentum=0.9, dampening=0.5),
    SGD(momentum=0.9, lr_inside=True),
    SGD(momentum=0.9, nesterov=True),
    SGD(momentum=0.9, nesterov=True, lr_inside=True),
    RMSprop(momentum=0.5),
    RMSprop(momentum=0.5, centered=True),
    Adagrad(initial=0.25),
]
CLIPPINGS: list[Clipping] = examples(AnyClipping)
SUMMING = ("lamb", "pegasos")  # rules that look at several parameters together


@pytest.fixture(autouse=True)
def compiled_kernels(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Uses the compiled kernels also where NNKIT_NATIVE disables them for the suite."""
    if os.environ.get(SETTING) == "0":
        monkeypatch.delenv(SETTING)
        library.cache_clear()
    yield
    monkeypatch.undo()
    library.cache_clear()


def updated(
    compiled: bool,
    optimizer: Optimizer,
    dtype: str,
    regularization: Regularization | None = None,
    blocks: Sequence[Parameter] = BLOCKS,
) -> list[Array]:
    """Returns the parameters and the optimizer's state after several steps on fixed gradients."""
    layout = Layout(blocks)
    rng = generator(0, "program update")
    params = rng.normal(size=layout.size).astype(dtype)
    grads = np.empty_like(params)
    state = tuple(np.zeros_like(params) for _ in optimizer.state_names)
    kernels = library() if compiled else None
    rules = regularization or Regularization()
    update = Update(params, grads, state, layout, optimizer, rules, kernels)
    assert (update.program is not None) == compiled
    sizes = 10.0 ** rng.uniform(-20, 3, layout.size) * (rng.random(layout.size) > 0.1)
    for t in range(1, STEPS + 1):
        grads[...] = sizes * rng.normal(size=layout.size)
        update(t, 0.1 / t)
    return [params, *state]


def assert_as_numpy(optimizer: Optimizer, *settings: Any, exact: bool = True) -> None:
    for dtype, tolerance in (("float32", 1e-5), ("float64", 1e-12)):
        found = updated(True, optimizer, dtype, *settings)
        wanted = updated(False, optimizer, dtype, *settings)
        for vector, of_numpy in zip(found, wanted, strict=True):
            if exact:
                np.testing.assert_array_equal(vector, of_numpy)
            else:
                size = np.abs(of_numpy).max()
                np.testing.assert_allclose(vector, of_numpy, rtol=0, atol=tolerance * size)


every = pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=name)


@every
def test_every_optimizer_has_the_bits_of_numpy(optimizer: Optimizer) -> None:
    assert_as_numpy(optimizer, exact=optimizer.tag() not in SUMMING)


@every
@pytest.mark.parametrize("clipping", CLIPPINGS, ids=name)
def test_clipping(optimizer: Optimizer, clipping: Clipping) -> None:
    clipped = optimizer.model_copy(update={"clip": clipping})
    assert_as_numpy(clipped, Regularization(l2=0.1), exact=False)
