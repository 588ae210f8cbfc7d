"""Tests of optimizers: PyTorch's trajectories, known minima, and updates by blocks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from sklearn.datasets import load_breast_cancer
from sklearn.svm import LinearSVC

from nnkit.nn.losses.margin_losses import Hinge
from nnkit.nn.params import Array
from nnkit.optim.optimizer import Optimizer
from nnkit.optim.optimizers import AnyOptimizer
from nnkit.optim.optimizers.adam import Adam
from nnkit.optim.optimizers.sgd import SGD, Pegasos
from nnkit.optim.regularization import Regularization
from nnkit.optim.vectors import BLOCK, blocks
from nnkit.random import generator
from tests.golden import case_name, keras_vectors, onnx_vectors, torch_vectors
from tests.nn.examples import examples, name

OPTIMIZERS: list[Optimizer] = [
    *(o for o in examples(AnyOptimizer) if not o.full_batch),
    SGD(momentum=0.9),
    SGD(momentum=0.9, nesterov=True),
    Adam(beta1=0.5, beta2=0.9),
]
every = pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=name)


def state_for(optimizer: Optimizer, params: Array) -> tuple[Array, ...]:
    return tuple(np.zeros_like(params) for _ in optimizer.state_names)


def minimize(
    optimizer: Optimizer, gradient: Callable[[Array], Array], start: Array, lr: float, steps: int
) -> Array:
    """Returns the point after a number of steps with a linearly decreasing rate."""
    params, state = start.copy(), state_for(optimizer, start)
    for t in range(1, steps + 1):
        optimizer.step(params, gradient(params), state, t, lr * (1 - t / steps))
    return params


def trajectory(case: dict[str, Any], dtype: str = "float64") -> list[Array]:
    """Returns the parameters after each step along a case's gradients."""
    optimizer: Optimizer = TypeAdapter(AnyOptimizer).validate_python(case["spec"])
    penalty = Regularization(l2=case.get("l2", 0.0))
    params = np.array(case["start"], dtype)
    state = state_for(optimizer, params)
    points = []
    for t, gradient in enumerate(case["gradients"], start=1):
        grads = np.array(gradient, dtype)
        penalty.add_gradient(params, grads)
        lr = optimizer.learning_rate(t - 1, len(case["gradients"]))
        optimizer.step(params, grads, state, t, lr, optimizer.decay)
        points.append(params.copy())
    return points


@pytest.mark.parametrize("case", torch_vectors("optimizers"), ids=case_name)
def test_follows_pytorchs_trajectories(case: dict[str, Any]) -> None:
    np.testing.assert_allclose(trajectory(case), case["trajectory"], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("case", keras_vectors("optimizers"), ids=case_name)
def test_follows_the_trajectories_of_keras_and_optax(case: dict[str, Any]) -> None:
    np.testing.assert_allclose(trajectory(case), case["trajectory"], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("case", onnx_vectors("optimizers"), ids=case_name)
def test_steps_as_onnx_steps(case: dict[str, Any]) -> None:
    """Compares one step from a given state; for Adam, so late that bias correction vanishes."""
    optimizer: Optimizer = TypeAdapter(AnyOptimizer).validate_python(case["spec"])
    params, grads = (np.array(case[key], np.float32) for key in ("start", "gradient"))
    scales, t = [1.0], 1
    if isinstance(optimizer, Adam):  # nnkit's state is m/(1 − β₁) and v/(1 − β₂)
        scales, t = [1 - optimizer.beta1, 1 - optimizer.beta2], 10**6
    given = zip(case["state"], scales, strict=True)
    state = tuple(np.array(vector, np.float32) / np.float32(scale) for vector, scale in given)
    Regularization(l2=case["l2"]).add_gradient(params, grads)
    optimizer.step(params, grads, state, t, optimizer.lr)
    np.testing.assert_allclose(params, case["end"], rtol=1e-5, atol=1e-6)
    for vector, scale, wanted in zip(state, scales, case["state_after"], strict=True):
        np.testing.assert_allclose(vector * scale, wanted, rtol=1e-5, atol=1e-6)


# Gradients 0.01, then 0.1, 0.2, …, 1.0, starting at 1: the parameters after each step in Keras's
# own tests of its optimizers (keras/src/optimizers/*_test.py, to 5e-4).
KERAS_PUBLISHED: list[tuple[dict[str, Any], list[float]]] = [
    (
        {"kind": "adadelta", "lr": 1.0, "rho": 0.8, "eps": 1e-6},
        [0.9978, 0.9947, 0.9915, 0.9882, 0.9849],
    ),
    (
        {"kind": "rmsprop", "lr": 0.001, "rho": 0.9, "eps": 1e-7, "centered": True},
        [0.9967, 0.9933, 0.9908, 0.9885, 0.9864],
    ),
    (
        {"kind": "adam", "lr": 0.001, "eps": 1e-7, "amsgrad": True},
        [0.9990, 0.9982, 0.9974, 0.9965, 0.9955],
    ),
]


@pytest.mark.parametrize(("spec", "published"), KERAS_PUBLISHED)
def test_as_keras_publishes_it(spec: dict[str, Any], published: list[float]) -> None:
    gradients = [np.full(10, 0.01), *[np.arange(0.1, 1.05, 0.1)] * 4]
    points = trajectory({"spec": spec, "start": np.ones(10), "gradients": gradients})
    for point, number in zip(points, published, strict=True):
        np.testing.assert_allclose(point, number, rtol=5e-4, atol=5e-4)


@pytest.mark.parametrize("case", torch_vectors("optimizers"), ids=case_name)
def test_float32_follows_pytorchs_trajectories(case: dict[str, Any]) -> None:
    """Compares with float32's precision, given rounding in each step and square roots."""
    found = trajectory(case, "float32")
    np.testing.assert_allclose(found, case["trajectory"], rtol=1e-4, atol=1e-4)


RATES = (0.05, 1.0, 50.0)  # suitable learning rates differ between optimizers


@every
def test_finds_the_bottom_of_a_parabola(optimizer: Optimizer) -> None:
    bottom, curvature = np.array([0.1, -0.2, 0.05]), np.array([0.5, 1.0, 2.0])

    def gradient(p: Array) -> Array:
        return curvature * (p - bottom)

    with np.errstate(all="ignore"):
        found = [minimize(optimizer, gradient, np.full(3, 0.1), lr, 1000) for lr in RATES]
    assert min(float(np.abs(p - bottom).max()) for p in found) < 1e-3


# Pegasos requires a λ-strongly convex objective, which this is not.
@pytest.mark.parametrize(
    "optimizer", [o for o in OPTIMIZERS if not isinstance(o, Pegasos)], ids=name
)
def test_follows_rosenbrocks_valley(optimizer: Optimizer) -> None:
    def gradient(p: Array) -> Array:
        x, y = p
        return np.array([2 * (x - 1) - 400 * x * (y - x**2), 200 * (y - x**2)])

    def height(p: Array) -> float:
        return float((1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2)

    start = np.array([-0.4, 0.3])
    with np.errstate(all="ignore"):
        found = [minimize(optimizer, gradient, start, lr, 3000) for lr in (1e-3, 0.03, 1.0)]
    lowest = np.nanmin([height(p) for p in found])
    assert lowest < height(start) / 4


@every
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_works_in_place_and_keeps_the_type(optimizer: Optimizer, dtype: str) -> None:
    params = np.ones(7, dtype)
    state = state_for(optimizer, params)
    kept = params, *state
    optimizer.step(params, np.ones(7, dtype), state, 1, 0.1)
    assert all(vector.dtype == dtype for vector in kept)
    assert (params < 1).all()
    assert all(vector.any() for vector in state)


@pytest.mark.parametrize("optimizer", [o for o in OPTIMIZERS if not o.per_block], ids=name)
def test_updates_do_not_depend_on_blocks(optimizer: Optimizer) -> None:
    """Compares a vector of several blocks with separate updates of its parts."""
    size = 2 * BLOCK + 5
    rng = generator(0, "long")
    start, gradients = rng.normal(size=size), rng.normal(size=(3, size))

    def trained(part: slice) -> Array:
        params = start[part].copy()
        state = state_for(optimizer, params)
        for t in (1, 2, 3):
            optimizer.step(params, gradients[t - 1, part].copy(), state, t, 0.01)
        return params

    cuts = [slice(0, 100), slice(BLOCK - 50, BLOCK + 50), slice(size - 100, size)]
    whole = trained(slice(None))
    for cut in cuts:
        np.testing.assert_array_equal(whole[cut], trained(cut))


@given(st.sampled_from([1, BLOCK, 2 * BLOCK]), st.integers(0, 3), st.integers(1, 3))
def test_blocks_cover_everything_once(size: int, more: int, vectors: int) -> None:
    whole = [np.zeros(size + more, np.int8) for _ in range(vectors)]
    for parts in blocks(*whole):
        assert len({len(part) for part in parts}) == 1
        for part in parts:
            part += 1
    assert all((vector == 1).all() for vector in whole)


def test_learning_rate_follows_the_schedule() -> None:
    optimizer = TypeAdapter[Optimizer](AnyOptimizer).validate_python(
        {"kind": "sgd", "lr": 0.5, "schedule": {"kind": "inverse_scaling", "power": 1.0}}
    )
    assert [optimizer.learning_rate(step, 10) for step in range(3)] == [0.5, 0.25, 0.5 / 3]


@pytest.mark.parametrize("project", [True, False])
@pytest.mark.parametrize(("C", "optimum"), [(0.01, 0.164146), (0.1, 0.078188)])
def test_pegasos_reaches_the_optimum_of_the_linear_svm(
    C: float, optimum: float, project: bool
) -> None:
    """Compares with LinearSVC: λ/2·|w|² + mean hinge loss, λ = 1/(nC), without an intercept.

    Pegasos's last iterates fluctuate by 1/(λt); only their mean approaches the optimum
    (Shalev-Shwartz et al. 2011, §2.4).
    """
    X, y = load_breast_cancer(return_X_y=True)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    T = (2.0 * y - 1)[None]
    strength = 1 / (len(X) * C)
    penalty = Regularization(l2=strength)
    w, slope, average = np.zeros(X.shape[1]), np.empty_like(T), np.zeros(X.shape[1])

    def objective(w: Array) -> float:
        return Hinge()((X @ w)[None], T, slope) + penalty.penalty(w)

    svm = LinearSVC(loss="hinge", C=C, fit_intercept=False, tol=1e-8, max_iter=10**6).fit(X, y)
    assert objective(svm.coef_[0]) == pytest.approx(optimum, abs=1e-6)
    optimizer, steps = Pegasos(strength=strength, project=project), 6000
    for t in range(1, steps + 1):
        objective(w)
        grads = slope[0] @ X
        penalty.add_gradient(w, grads)
        optimizer.step(w, grads, (), t, 1.0)
        optimizer.constrain([w])
        if t > steps // 2:
            average += w * 2 / steps
    assert 0 <= objective(average) - optimum + 1e-6 < 1e-3


def test_nesterov_without_momentum_is_refused() -> None:
    with pytest.raises(ValidationError, match="nesterov has no effect without momentum"):
        SGD(nesterov=True)
