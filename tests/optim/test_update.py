"""Tests of one update of all parameters: freezing, decay, bounds, and updates by block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nnkit.nn.initializers import Zeros
from nnkit.nn.params import Array, Layout, Parameter
from nnkit.optim.clipping import ClipGlobalNorm
from nnkit.optim.optimizer import Optimizer
from nnkit.optim.optimizers import AnyOptimizer
from nnkit.optim.optimizers.adam import LAMB, AdamW
from nnkit.optim.optimizers.sgd import SGD, Pegasos
from nnkit.optim.regularization import L1, ElasticNet, Regularization
from nnkit.optim.update import Update
from nnkit.random import generator
from tests.nn.examples import examples, name

# Two layers of weights and biases; blocks with decay come first, as in the layout of a model.
FIRST = Parameter("0.W", (3, 4), 4, 3, Zeros(), decay=True)
SECOND = Parameter("1.W", (2, 3), 3, 2, Zeros(), decay=True)
BIASES = (
    Parameter("0.b", (3,), 4, 3, Zeros(), decay=False),
    Parameter("1.b", (2,), 3, 2, Zeros(), decay=False),
)
BLOCKS = (FIRST, SECOND, *BIASES)
LAYOUT = Layout(BLOCKS)
SIZE = 23
STEPPING: list[Optimizer] = [o for o in examples(AnyOptimizer) if not o.full_batch]
every = pytest.mark.parametrize("optimizer", STEPPING, ids=name)


def numbers(purpose: str, *shape: int) -> Array:
    return generator(0, purpose).normal(size=shape or SIZE)


def updated(
    optimizer: Optimizer,
    blocks: Sequence[Parameter] = BLOCKS,
    regularization: Regularization | None = None,
    steps: int = 3,
    lr: float = 0.1,
) -> Array:
    """Returns the parameters after several steps on fixed gradients."""
    params, grads = numbers("params"), np.zeros(SIZE)
    state = tuple(np.zeros(SIZE) for _ in optimizer.state_names)
    layout, rules = Layout(blocks), regularization or Regularization()
    update = Update(params, grads, state, layout, optimizer, rules)
    for t in range(1, steps + 1):
        grads[...] = numbers(f"grads {t}")
        update(t, lr)
    return params


def alone(optimizer: Optimizer, part: slice, decay: float = 0.0, lr: float = 0.1) -> Array:
    """Returns a part of the parameters, updated independently of the rest."""
    params = numbers("params")[part]
    state = tuple(np.zeros_like(params) for _ in optimizer.state_names)
    for t in range(1, 4):
        optimizer.step(params, numbers(f"grads {t}")[part], state, t, lr, decay)
    return params


def without_projection(optimizer: Optimizer) -> Optimizer:
    """Returns the optimizer without the projection of all weights after a step."""
    if isinstance(optimizer, Pegasos):
        return optimizer.model_copy(update={"project": False})
    return optimizer


def of(block: Parameter) -> slice:
    return LAYOUT.place(block)


@every
def test_what_is_frozen_keeps_its_bits(optimizer: Optimizer) -> None:
    blocks = [replace(FIRST, lr_factor=0.0), SECOND, replace(BIASES[0], lr_factor=0.0), BIASES[1]]
    penalties: dict[str, Any] = {"weight_decay": 0.3, "max_norm": 0.01}
    params = updated(
        optimizer, blocks, Regularization(l1=L1(strength=1, proximal=True), **penalties)
    )
    start = numbers("params")
    for block in (FIRST, BIASES[0]):
        assert params[of(block)].tobytes() == start[of(block)].tobytes()
    for block in (SECOND, BIASES[1]):
        assert not np.array_equal(params[of(block)], start[of(block)])


@every
def test_a_layers_own_rate(optimizer: Optimizer) -> None:
    blocks = [replace(FIRST, lr_factor=0.25), *BLOCKS[1:]]
    unprojected = without_projection(optimizer)
    params = updated(unprojected, blocks)
    decay = optimizer.decay
    np.testing.assert_allclose(
        params[of(FIRST)], alone(unprojected, of(FIRST), decay, lr=0.025), rtol=1e-12
    )
    np.testing.assert_allclose(
        params[of(SECOND)], alone(unprojected, of(SECOND), decay), rtol=1e-12
    )


@every
def test_what_does_not_decay_is_updated_without(optimizer: Optimizer) -> None:
    unprojected = without_projection(optimizer)
    params = updated(unprojected, regularization=Regularization(weight_decay=0.3))
    decay = optimizer.decay + 0.3
    np.testing.assert_allclose(params[of(FIRST)], alone(unprojected, of(FIRST), decay), rtol=1e-12)
    for block in BIASES:
        np.testing.assert_allclose(params[of(block)], alone(unprojected, of(block)), rtol=1e-12)


def test_decoupled_decay_by_hand() -> None:
    params = updated(SGD(lr=0.1), regularization=Regularization(weight_decay=0.5), steps=1)
    start, gradient = numbers("params"), numbers("grads 1")
    decays = np.arange(SIZE) < 18
    np.testing.assert_allclose(params, start - 0.1 * (gradient + 0.5 * decays * start), rtol=1e-12)


def test_adamws_decay_and_that_of_the_regularization_add_up() -> None:
    twice = updated(AdamW(weight_decay=0.1), regularization=Regularization(weight_decay=0.2))
    np.testing.assert_allclose(twice, updated(AdamW(weight_decay=0.3)), rtol=1e-12)


def test_frozen_gradients_do_not_count_for_the_norm() -> None:
    optimizer = SGD(lr=0.1, clip=ClipGlobalNorm(limit=0.5))
    blocks = [replace(FIRST, lr_factor=0.0), *BLOCKS[1:]]
    moved = updated(optimizer, blocks, steps=1, lr=1.0) - numbers("params")
    assert np.linalg.norm(moved) == pytest.approx(0.5)


@pytest.mark.parametrize("limit", [0.5, 1.5])
def test_max_norm_bounds_the_weights_to_each_unit(limit: float) -> None:
    free = updated(SGD(lr=0.1), steps=1)
    params = updated(SGD(lr=0.1), regularization=Regularization(max_norm=limit), steps=1)
    for block in (FIRST, SECOND):
        for unit, before in zip(LAYOUT.view(block, params), LAYOUT.view(block, free), strict=True):
            length = np.linalg.norm(before)
            np.testing.assert_allclose(unit, before * min(1, limit / length), rtol=1e-12)
    np.testing.assert_array_equal(params[18:], free[18:])  # biases have no bound


@pytest.mark.parametrize(
    "regularization",
    [
        Regularization(l1=L1(strength=2.0, proximal=True)),
        Regularization(elastic_net=ElasticNet(strength=4.0, ratio=0.5)),
    ],
    ids=["l1", "elastic_net"],
)
def test_a_proximal_penalty_makes_weights_exactly_0(regularization: Regularization) -> None:
    params = updated(SGD(lr=0.1), regularization=regularization, steps=1)
    smooth = Regularization(l2=regularization.l2_strength)
    stepped = updated(SGD(lr=0.1), regularization=smooth, steps=1)
    shrunk = np.sign(stepped) * np.maximum(np.abs(stepped) - 0.1 * 2.0, 0)
    np.testing.assert_allclose(params[:18], shrunk[:18], rtol=1e-12)
    np.testing.assert_array_equal(params[18:], stepped[18:])
    assert 0 < (params[:18] == 0).sum() < 18


def test_a_proximal_step_is_as_long_as_its_layers_rate() -> None:
    regularization = Regularization(l1=L1(strength=2.0, proximal=True))
    blocks = [replace(FIRST, lr_factor=0.5), *BLOCKS[1:]]
    params = updated(SGD(lr=0.1), blocks, regularization, steps=1)[of(FIRST)]
    stepped = numbers("params")[of(FIRST)] - 0.05 * numbers("grads 1")[of(FIRST)]
    wanted = np.sign(stepped) * np.maximum(np.abs(stepped) - 0.05 * 2.0, 0)
    np.testing.assert_allclose(params, wanted, rtol=1e-12, atol=1e-15)


def test_lamb_measures_each_block_by_itself() -> None:
    """Implements algorithm 2 of You et al. 2020; biases have no decay."""
    lamb = LAMB(lr=0.1, weight_decay=0.2)
    params = updated(lamb, steps=2)
    for block in BLOCKS:
        w = numbers("params")[of(block)]
        m = v = np.zeros_like(w)
        for t in (1, 2):
            g = numbers(f"grads {t}")[of(block)]
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
            r = m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + 1e-6) + 0.2 * block.decay * w
            w = w - 0.1 * np.linalg.norm(w) / np.linalg.norm(r) * r
        np.testing.assert_allclose(params[of(block)], w, rtol=1e-10)


def test_pegasos_projects_the_penalized_weights_together() -> None:
    """Checks step 1/(λt) and projection to radius 1/√λ (Shalev-Shwartz et al. 2011, fig. 1)."""
    strength = 4.0
    params = updated(Pegasos(strength=strength), steps=1, lr=1.0)
    stepped = numbers("params") - numbers("grads 1") / strength
    assert np.linalg.norm(stepped[:18]) > 0.5
    wanted = stepped[:18] * 0.5 / np.linalg.norm(stepped[:18])
    np.testing.assert_allclose(params[:18], wanted, rtol=1e-12)
    np.testing.assert_allclose(
        params[18:], stepped[18:], rtol=1e-12
    )  # no penalty and no projection
