"""Tests of lazy updates: PyTorch's values for sparse gradients, and what leaves vectors alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from nnkit.nn.initializers import Zeros
from nnkit.nn.params import Array, Layout, Parameter
from nnkit.optim.clipping import ClipGlobalNorm
from nnkit.optim.optimizer import Optimizer
from nnkit.optim.optimizers import AnyOptimizer
from nnkit.optim.optimizers.adam import Adam
from nnkit.optim.optimizers.sgd import SGD
from nnkit.optim.regularization import L1, Regularization
from nnkit.optim.update import Update
from nnkit.random import generator
from tests.golden import case_name, torch_sparse_vectors
from tests.nn.examples import examples, name

WIDTH = 3
LAZY: list[Optimizer] = [
    o for o in examples(AnyOptimizer) if not (o.full_batch or o.per_block or o.radius)
]
every = pytest.mark.parametrize("optimizer", LAZY, ids=name)


class Table:
    """A lazy embedding of `WIDTH` units, followed by a block that is not lazy."""

    def __init__(
        self,
        optimizer: Optimizer,
        rows: int = 4,
        regularization: Regularization | None = None,
        decay: bool = True,
    ) -> None:
        W = Parameter("W", (rows, WIDTH), 1, WIDTH, Zeros(), decay, lazy=True)
        b = Parameter("b", (2,), 1, 1, Zeros(), decay=False)
        self.layout = Layout([W, b])
        self.params = generator(0, "params").normal(size=self.layout.size)
        self.grads = np.zeros(self.layout.size)
        self.state = tuple(np.zeros(self.layout.size) for _ in optimizer.state_names)
        rules = regularization or Regularization()
        vectors = (self.params, self.grads, self.state, self.layout)
        self.update = Update(*vectors, optimizer, rules)

    def rows_of(self, vector: Array) -> Array:
        return self.layout.views(vector)["W"]

    def step(self, t: int, dW: Array, db: float = 0.5, lr: float = 0.1) -> None:
        grads = self.layout.views(self.grads)
        grads["W"][...] = dW
        grads["b"][...] = db
        self.update(t, lr)

    def in_row(self, row: int, purpose: str) -> Array:
        """A gradient of the table that is 0 but for one row."""
        dW = np.zeros_like(self.rows_of(self.grads))
        dW[row] = generator(0, purpose).normal(size=WIDTH)
        return dW


@pytest.mark.parametrize("case", torch_sparse_vectors(), ids=case_name)
def test_equal_to_pytorch_with_sparse_gradients(case: dict[str, Any]) -> None:
    optimizer = TypeAdapter[Optimizer](AnyOptimizer).validate_python(case["spec"])
    first, *expected = np.array(case["weights"])
    table = Table(optimizer, len(first))
    table.rows_of(table.params)[...] = first
    for t, (dW, W) in enumerate(zip(np.array(case["grads"]), expected, strict=True), 1):
        table.step(t, dW, lr=optimizer.lr)
        np.testing.assert_allclose(table.rows_of(table.params), W, rtol=1e-10)


@every
def test_rows_without_a_gradient_keep_weights_and_state(optimizer: Optimizer) -> None:
    """Neither momentum nor weight decay nor a penalty's gradient changes them."""
    penalties = Regularization(l2=0.0 if optimizer.required_l2 else 0.1, weight_decay=0.3)
    table = Table(optimizer, regularization=penalties)
    table.step(1, generator(0, "all rows").normal(size=(4, WIDTH)))
    vectors = (table.params, *table.state)
    before = [table.rows_of(vector).copy() for vector in vectors]
    table.step(2, table.in_row(2, "one row"))
    others = [0, 1, 3]
    for vector, old in zip(vectors, before, strict=True):
        np.testing.assert_array_equal(table.rows_of(vector)[others], old[others])
    assert (table.rows_of(table.params)[2] != before[0][2]).all()


@every
def test_a_gradient_in_every_row_makes_the_usual_update(optimizer: Optimizer) -> None:
    table = Table(optimizer, decay=False)
    params = table.params.copy()
    state = tuple(np.zeros_like(params) for _ in optimizer.state_names)
    for t in (1, 2, 3):
        dW = generator(0, f"rows {t}").normal(size=(4, WIDTH))
        table.step(t, dW)
        optimizer.step(params, np.concatenate([dW.ravel(), [0.5, 0.5]]), state, t, 0.1)
    np.testing.assert_allclose(table.params, params, rtol=1e-12)


def test_bias_corrections_count_all_steps() -> None:
    """A row that is first seen at step 5: m = (1 − β₁)g, corrected by 1 − β₁⁵, and so is v."""
    table = Table(Adam(eps=1e-30))
    start = table.rows_of(table.params)[1].copy()
    for t in range(1, 5):
        table.step(t, table.in_row(0, f"step {t}"))
    table.step(5, (dW := table.in_row(1, "step 5")))
    m, v = 0.1 / (1 - 0.9**5), np.sqrt(0.001 / (1 - 0.999**5))
    wanted = start - 0.1 * m / v * np.sign(dW[1])
    np.testing.assert_allclose(table.rows_of(table.params)[1], wanted, rtol=1e-10)


def test_penalties_of_other_rows_do_not_count_for_the_norm() -> None:
    clip = ClipGlobalNorm(limit=0.5)
    table = Table(SGD(clip=clip), regularization=Regularization(l1=L1(strength=50.0)))
    before = table.params.copy()
    table.step(1, table.in_row(2, "one row"), db=0.0, lr=1.0)
    moved = table.rows_of(table.params - before)
    assert np.linalg.norm(moved[2]) == pytest.approx(0.5)
    assert not moved[[0, 1, 3]].any()


def test_a_step_without_any_id_changes_no_row() -> None:
    table = Table(Adam(), regularization=Regularization(weight_decay=0.3))
    before = table.rows_of(table.params).copy()
    table.step(1, np.zeros((4, WIDTH)))
    np.testing.assert_array_equal(table.rows_of(table.params), before)
