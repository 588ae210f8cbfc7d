"""Tests of updates by the compiled kernels: the bits of NumPy, but for sums."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nnkit.native.library import library
from nnkit.nn.denormals import flushed_denormals
from nnkit.nn.initializers import Zeros
from nnkit.nn.params import Array, Layout, Parameter
from nnkit.optim.clipping import AnyClipping, ClipGlobalNorm, Clipping, ClipValue
from nnkit.optim.optimizer import Optimizer
from nnkit.optim.optimizers import AnyOptimizer
from nnkit.optim.optimizers.adagrad import Adagrad, RMSprop
from nnkit.optim.optimizers.adam import LAMB, Adam
from nnkit.optim.optimizers.sgd import SGD, Pegasos
from nnkit.optim.regularization import L1, ElasticNet, Regularization
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
    SGD(momentum=0.9, dampening=0.5, lr_inside=True),
    SGD(momentum=0.9, lr_inside=True),
    SGD(momentum=0.9, nesterov=True),
    SGD(momentum=0.9, nesterov=True, lr_inside=True),
    RMSprop(momentum=0.5),
    RMSprop(momentum=0.5, centered=True),
    Adagrad(initial=0.25),
]
CLIPPINGS: list[Clipping] = examples(AnyClipping)
SUMMING = ("lamb", "pegasos")  # rules that look at several parameters together


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
    """Compares bits, or, where sums are rounded in another way, up to the largest number."""
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
@pytest.mark.parametrize("denormals", [nullcontext, flushed_denormals])
def test_every_optimizer_has_the_bits_of_numpy(
    optimizer: Optimizer, denormals: Callable[[], AbstractContextManager[None]]
) -> None:
    with denormals():
        assert_as_numpy(optimizer, exact=optimizer.tag() not in SUMMING)


@every
@pytest.mark.parametrize("clipping", CLIPPINGS, ids=name)
def test_clipping(optimizer: Optimizer, clipping: Clipping) -> None:
    clipped = optimizer.model_copy(update={"clip": clipping})
    assert_as_numpy(clipped, Regularization(l2=0.1), exact=False)


EXACT = {
    "l1": Regularization(l1=L1(strength=0.1)),
    "l2": Regularization(l2=0.1),
    "proximal l1": Regularization(l1=L1(strength=0.1, proximal=True)),
    "elastic net": Regularization(elastic_net=ElasticNet(strength=0.1)),
    "weight decay": Regularization(weight_decay=0.5),
}


@pytest.mark.parametrize("regularization", EXACT.values(), ids=EXACT.keys())
@pytest.mark.parametrize("optimizer", [SGD(), Adam()], ids=name)
def test_penalties_have_the_bits_of_numpy(
    optimizer: Optimizer, regularization: Regularization
) -> None:
    assert_as_numpy(optimizer, regularization)


@pytest.mark.parametrize("limit", [0.01, 1.0, 1e6])
def test_largest_norm_of_the_weights_into_a_unit(limit: float) -> None:
    assert_as_numpy(SGD(), Regularization(max_norm=limit), exact=limit > 1e3)


@pytest.mark.parametrize("strength", [1e-9, 1e-2, 100.0])
def test_projection(strength: float) -> None:
    optimizer = Pegasos(strength=strength, lr=1e-3)
    assert_as_numpy(optimizer, Regularization(l2=strength), exact=False)


@pytest.mark.parametrize("clip", [None, ClipGlobalNorm(limit=0.5)], ids=["", "clipped"])
@pytest.mark.parametrize("optimizer", [SGD(momentum=0.9), Adam(), LAMB(), Pegasos(strength=0.1)])
def test_factors_on_the_learning_rate(optimizer: Optimizer, clip: Clipping | None) -> None:
    """Frozen blocks keep their values, even where others are scaled together."""
    blocks = [
        replace(W0, lr_factor=0.3),
        replace(W1, lr_factor=0.0),
        W2,
        replace(BIASES[0], lr_factor=0.0),
        replace(BIASES[1], lr_factor=2.5),
    ]
    rules = Regularization(weight_decay=0.1, l1=L1(strength=0.1, proximal=True), max_norm=2.0)
    clipped = optimizer.model_copy(update={"clip": clip})
    assert_as_numpy(clipped, rules, blocks, exact=False)


def test_nan_and_infinity_are_not_clipped_away() -> None:
    """Bounds numbers as `numpy.clip` does, so that a NaN reaches the weights."""
    layout = Layout([W1])
    params, grads = np.zeros(21), np.tile([np.nan, np.inf, -np.inf], 7)
    clip = ClipValue(limit=2.0)
    Update(params, grads, (), layout, SGD(clip=clip), Regularization(), library())(1, 1.0)
    np.testing.assert_array_equal(params, np.tile([np.nan, -2.0, 2.0], 7))


BOUNDS = {"max norm": Regularization(max_norm=0.1), "plain": Regularization()}


@every
@pytest.mark.parametrize("regularization", (EXACT | BOUNDS).values(), ids=(EXACT | BOUNDS).keys())
def test_no_update_turns_nan_into_a_number(
    optimizer: Optimizer, regularization: Regularization
) -> None:
    """Updates without and with the kernels: a weight whose gradient is NaN becomes NaN."""
    for kernels in (None, library()):
        params, grads = np.ones(21), np.ones(21)
        grads[17] = np.nan
        state = tuple(np.zeros(21) for _ in optimizer.state_names)
        update = Update(params, grads, state, Layout([W1]), optimizer, regularization, kernels)
        update.start()
        update(1, 0.5)
        assert np.isnan(params[17])


def test_all_parameters_may_be_frozen() -> None:
    blocks = [replace(block, lr_factor=0.0) for block in BLOCKS]
    assert_as_numpy(Adam(clip=ClipGlobalNorm(limit=1.0)), Regularization(max_norm=1.0), blocks)
