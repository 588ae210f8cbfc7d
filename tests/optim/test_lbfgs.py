"""Tests of L-BFGS: SciPy's minima, the Wolfe conditions, and edge cases of the line search."""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import pairwise
from math import inf

import numpy as np
import pytest
from scipy import optimize
from sklearn.datasets import load_iris

from nnkit.errors import UsageError
from nnkit.nn.params import Array
from nnkit.optim.optimizers.lbfgs import CURVATURE, DECREASE, LBFGS
from nnkit.random import generator

Function = Callable[[Array], tuple[float, Array]]  # value and gradient
ENGINES = [LBFGS(), LBFGS(engine="scipy")]
both = pytest.mark.parametrize("optimizer", ENGINES, ids=["own", "scipy"])


def rosenbrock(p: Array) -> tuple[float, Array]:
    return float(optimize.rosen(p)), optimize.rosen_der(p)


def quadratic(p: Array) -> tuple[float, Array]:
    """Returns a rotated quadratic with curvatures from 0.01 to 100."""
    Q, _ = np.linalg.qr(generator(0, "directions").normal(size=(len(p), len(p))))
    H = Q @ np.diag(np.logspace(-2, 2, len(p))) @ Q.T
    d = p - np.arange(len(p))
    return float(d @ H @ d) / 2, H @ d


def logistic(p: Array) -> tuple[float, Array]:
    """Returns a logistic regression on two iris classes with the penalty 0.01/2·|p|²."""
    X, y = load_iris(return_X_y=True)
    X, T = X[y > 0] - X[y > 0].mean(axis=0), np.where(y[y > 0] == 1, 1.0, -1.0)
    margins = T * (X @ p)
    loss = np.logaddexp(0, -margins).mean() + 0.005 * p @ p
    return float(loss), -(T / (1 + np.exp(margins))) @ X / len(T) + 0.01 * p


PROBLEMS: list[tuple[Function, Array]] = [
    (rosenbrock, np.array([-1.2, 1.0])),
    (rosenbrock, np.array([-1.2, 1.0, 0.5, 2.0, -0.3])),
    (quadratic, np.ones(8)),
    (logistic, np.zeros(4)),
]
every_problem = pytest.mark.parametrize(
    ("function", "start"), PROBLEMS, ids=[f"{f.__name__}-{len(p)}" for f, p in PROBLEMS]
)


def descended(
    optimizer: LBFGS, function: Function, start: Array, steps: int
) -> tuple[list[Array], int]:
    """Returns the points after each step, and the number of evaluations of the objective."""
    params, grads = start.copy(), np.zeros_like(start)
    state = tuple(np.zeros_like(start) for _ in optimizer.state_names)
    points, asked = [start.copy()], 0

    def objective() -> float:
        nonlocal asked
        asked += 1
        value, grads[...] = function(params)
        return value

    for t in range(1, steps + 1):
        began = optimizer.descend(objective, params, grads, state, t, optimizer.lr)
        assert began == function(points[-1])[0]
        points.append(params.copy())
    return points, asked


@both
@every_problem
def test_finds_scipys_minimum(optimizer: LBFGS, function: Function, start: Array) -> None:
    found = optimize.minimize(function, start, jac=True, method="BFGS", options={"gtol": 1e-9})
    points, _ = descended(optimizer, function, start, 100 if optimizer.engine == "own" else 20)
    np.testing.assert_allclose(points[-1], found.x, atol=1e-5)
    assert function(points[-1])[0] <= found.fun + 1e-12


@every_problem
def test_needs_about_as_many_evaluations_as_scipy(function: Function, start: Array) -> None:
    theirs = optimize.minimize(function, start, jac=True, method="L-BFGS-B")
    points, _ = descended(LBFGS(), function, start, 100)
    near = next(i for i, p in enumerate(points) if function(p)[0] <= theirs.fun + 1e-8)
    _, asked = descended(LBFGS(), function, start, near)
    assert asked <= 2.5 * theirs.nfev  # one more evaluation at the start of each step


@every_problem
def test_accepted_points_meet_the_strong_wolfe_conditions(function: Function, start: Array) -> None:
    points, _ = descended(LBFGS(), function, start, 12)
    for before, after in pairwise(points):
        (value, gradient), (new_value, new_gradient) = function(before), function(after)
        step = after - before
        slope = float(gradient @ step)
        if np.abs(gradient).max() < 1e-6:
            break  # rounding errors dominate this close to the minimum
        assert slope < 0
        assert new_value <= value + DECREASE * slope
        assert abs(float(new_gradient @ step)) <= -CURVATURE * slope


def test_a_longer_memory_gets_further() -> None:
    lows = [
        quadratic(descended(LBFGS(memory=memory), quadratic, np.ones(8), 40)[0][-1])[0]
        for memory in (1, 8)
    ]
    assert lows[1] < lows[0] / 2


def test_steps_back_from_where_the_objective_is_infinite() -> None:
    def walled(p: Array) -> tuple[float, Array]:
        if p[0] > 1.5:
            return inf, np.full(1, np.nan)
        return float((p[0] - 1) ** 4), 4 * (p - 1) ** 3

    with np.errstate(invalid="ignore"):
        points, _ = descended(LBFGS(lr=50.0), walled, np.array([-3.0]), 40)
    assert points[-1][0] == pytest.approx(1.0, abs=1e-2)


@both
def test_stays_at_a_minimum(optimizer: LBFGS) -> None:
    points, _ = descended(optimizer, quadratic, np.arange(4.0), 3)
    np.testing.assert_array_equal(points[-1], np.arange(4.0))


@both
def test_float32_keeps_its_type(optimizer: LBFGS) -> None:
    points, _ = descended(optimizer, logistic, np.zeros(4, np.float32), 3)
    assert points[-1].dtype == np.float32
    assert logistic(points[-1])[0] < logistic(points[0])[0]


def test_without_scipy_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    with pytest.raises(UsageError, match=r"engine: scipy needs scipy: pip install scipy"):
        descended(LBFGS(engine="scipy"), quadratic, np.ones(2), 1)


def test_it_takes_no_gradient_alone() -> None:
    with pytest.raises(TypeError, match="needs the objective"):
        LBFGS().update(np.ones(2), np.ones(2), (), 1, 1.0)
