"""Tests of initializers: their distributions, and draws determined by seed and name."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter
from scipy import stats

from nnkit.nn.form import Form, ShapeError
from nnkit.nn.initializers import AnyInitializer, Initializer, Values
from nnkit.nn.layers import Dense
from nnkit.nn.params import Array
from nnkit.random import generator
from tests.nn.examples import examples, name

FAN_IN, FAN_OUT = 300, 200
# All initializers except `values`, which is not random and depends on the block's size.
DRAWN = [example for example in examples(AnyInitializer) if not isinstance(example, Values)]
every = pytest.mark.parametrize("initializer", DRAWN, ids=name)


def draw(initializer: Initializer, *shape: int, seed: int = 0) -> Array:
    return initializer.draw(generator(seed, "test"), shape, FAN_IN, FAN_OUT)


@every
@pytest.mark.parametrize("shape", [(7,), (4, 3), (2, 3, 4, 5)])
def test_shape(initializer: Initializer, shape: tuple[int, ...]) -> None:
    drawn = draw(initializer, *shape)
    assert drawn.shape == shape
    assert np.isfinite(drawn).all()


@every
def test_same_seed_same_numbers(initializer: Initializer) -> None:
    np.testing.assert_array_equal(draw(initializer, 5, 4), draw(initializer, 5, 4))


@pytest.mark.parametrize(
    ("spec", "mean", "variance"),
    [
        ("zeros", 0.0, 0.0),
        ("normal", 0.0, 1.0),
        ({"normal": {"std": 0.2, "mean": 3.0}}, 3.0, 0.04),
        ({"uniform": 0.3}, 0.0, 0.03),
        ("he", 0.0, 2 / FAN_IN),
        ({"he": {"distribution": "uniform"}}, 0.0, 2 / FAN_IN),
        ("xavier", 0.0, 2 / (FAN_IN + FAN_OUT)),
        ({"xavier": {"distribution": "uniform"}}, 0.0, 2 / (FAN_IN + FAN_OUT)),
    ],
)
def test_mean_and_variance(spec: Any, mean: float, variance: float) -> None:
    drawn = draw(TypeAdapter(AnyInitializer).validate_python(spec), FAN_OUT, FAN_IN).ravel()
    squares = (drawn - mean) ** 2
    assert abs(drawn.mean() - mean) <= 4 * drawn.std() / sqrt(drawn.size)
    assert abs(squares.mean() - variance) <= 4 * squares.std() / sqrt(drawn.size)


@pytest.mark.parametrize(
    ("spec", "bound"),
    [
        ({"uniform": 0.3}, 0.3),
        ({"he": {"distribution": "uniform"}}, sqrt(6 / FAN_IN)),
        ({"xavier": {"distribution": "uniform"}}, sqrt(6 / (FAN_IN + FAN_OUT))),
    ],
)
def test_uniform_draws_fill_their_bounds(spec: Any, bound: float) -> None:
    drawn = draw(TypeAdapter(AnyInitializer).validate_python(spec), FAN_OUT, FAN_IN)
    assert 0.999 * bound < np.abs(drawn).max() <= bound


# The distribution of each, from another library or the definition: (spec, check of a block
# (FAN_OUT, FAN_IN)). tests/test_oracles.py requires an entry for every initializer.


def distributed(expected: Any) -> Callable[[Array], None]:
    """Checks for a distribution from SciPy by a Kolmogorov-Smirnov test."""

    def check(W: Array) -> None:
        assert stats.kstest(W.ravel(), expected.cdf).pvalue > 0.01
        assert W.min() >= expected.support()[0]
        assert W.max() <= expected.support()[1]

    return check


def uniform(bound: float) -> Callable[[Array], None]:
    return distributed(stats.uniform(-bound, 2 * bound))


def constantly(value: float) -> Callable[[Array], None]:
    return lambda W: np.testing.assert_array_equal(W, value)


def orthogonal(gain: float) -> Callable[[Array], None]:
    """Checks for orthogonal rows of a given length in uniformly distributed directions."""

    def check(W: Array) -> None:
        np.testing.assert_allclose(W @ W.T, gain**2 * np.eye(len(W)), atol=1e-12)
        # an entry of a random unit vector in n dimensions, squared, is Beta(½, (n − 1)/2)
        squares = (W[:, 0] / gain) ** 2
        assert stats.kstest(squares, stats.beta(0.5, (W.shape[1] - 1) / 2).cdf).pvalue > 0.01
        assert abs(np.sign(W[0]).sum()) < 4 * sqrt(W.shape[1])

    return check


def identity(gain: float) -> Callable[[Array], None]:
    return lambda W: np.testing.assert_array_equal(W, gain * np.eye(*W.shape))


def sparse(inputs: int, std: float) -> Callable[[Array], None]:
    """Checks for a number of nonzero weights per unit, with all inputs equally likely."""

    def check(W: Array) -> None:
        np.testing.assert_array_equal((W != 0).sum(axis=1), inputs)
        distributed(stats.norm(0, std))(W[W != 0])
        seen = (W != 0).sum(axis=0)
        assert stats.chisquare(seen).pvalue > 0.01

    return check


ORACLES: list[tuple[Any, Callable[[Array], None]]] = [
    ("zeros", constantly(0.0)),
    ({"constant": -0.3}, constantly(-0.3)),
    ("normal", distributed(stats.norm())),
    ({"normal": {"std": 0.2, "mean": 3.0}}, distributed(stats.norm(3.0, 0.2))),
    ({"uniform": 0.3}, uniform(0.3)),
    ("truncated_normal", distributed(stats.truncnorm(-2, 2, 0, 0.05))),
    (
        {"truncated_normal": {"std": 0.5, "mean": -1.0}},
        distributed(stats.truncnorm(-2, 2, -1.0, 0.5)),
    ),
    ("lecun", distributed(stats.norm(0, sqrt(1 / FAN_IN)))),
    ({"lecun": {"distribution": "uniform"}}, uniform(sqrt(3 / FAN_IN))),
    ("he", distributed(stats.norm(0, sqrt(2 / FAN_IN)))),
    ({"he": {"distribution": "uniform"}}, uniform(sqrt(6 / FAN_IN))),
    ("xavier", distributed(stats.norm(0, sqrt(2 / (FAN_IN + FAN_OUT))))),
    ({"xavier": {"distribution": "uniform"}}, uniform(sqrt(6 / (FAN_IN + FAN_OUT)))),
    ("orthogonal", orthogonal(1.0)),
    ({"orthogonal": 1.7}, orthogonal(1.7)),
    ("identity", identity(1.0)),
    ({"identity": 0.5}, identity(0.5)),
    ("sparse", sparse(15, 1.0)),
    ({"sparse": {"inputs": 3, "std": 0.1}}, sparse(3, 0.1)),
    ({"nielsen": "old"}, distributed(stats.norm())),
    ({"nielsen": "new"}, distributed(stats.norm(0, sqrt(1 / FAN_IN)))),
    (
        {"values": [i / 7 for i in range(FAN_OUT * FAN_IN)]},
        lambda W: np.testing.assert_array_equal(W.ravel(), np.arange(W.size) / 7),
    ),
]


@pytest.mark.parametrize(("spec", "check"), ORACLES, ids=[str(spec)[:60] for spec, _ in ORACLES])
def test_draws_what_it_says(spec: Any, check: Callable[[Array], None]) -> None:
    check(draw(TypeAdapter(AnyInitializer).validate_python(spec), FAN_OUT, FAN_IN))


@pytest.mark.parametrize("shape", [(30, 20), (20, 30), (20, 5, 3, 2), (7,)])
def test_an_orthogonal_block_of_any_shape(shape: tuple[int, ...]) -> None:
    W = draw(TypeAdapter(AnyInitializer).validate_python("orthogonal"), *shape)
    matrix = W.reshape(len(W), -1)
    smaller = matrix @ matrix.T if len(matrix) <= matrix.shape[1] else matrix.T @ matrix
    np.testing.assert_allclose(smaller, np.eye(len(smaller)), atol=1e-12)


@pytest.mark.parametrize("form", ["old", "new"])
def test_nielsens_biases_are_of_variance_1(form: str) -> None:
    b = draw(TypeAdapter(AnyInitializer).validate_python({"nielsen": form}), 5000)
    distributed(stats.norm())(b)


def test_more_inputs_than_there_are_is_all_of_them() -> None:
    assert (draw(TypeAdapter(AnyInitializer).validate_python({"sparse": 15}), 4, 7) != 0).all()


def test_values_fill_a_block_row_by_row() -> None:
    drawn = draw(Values(values=(1.0, 2.0, 3.0, 4.0, 5.0, 6.0)), 2, 3)
    np.testing.assert_array_equal(drawn, [[1, 2, 3], [4, 5, 6]])


@pytest.mark.parametrize(
    ("layer", "message", "field"),
    [
        (
            {"initializer": {"values": [1, 2, 3]}},
            "3 values for a block of 2 × 3, which needs 6",
            "",
        ),
        ({"bias_initializer": {"values": [1]}}, "1 value for a block of 2, which needs 2", "bias_"),
    ],
)
def test_values_of_another_number_are_refused(
    layer: dict[str, Any], message: str, field: str
) -> None:
    with pytest.raises(ShapeError, match=message) as error:
        Dense.model_validate({"units": 2, **layer}).parameters(Form.of((3,)))
    assert error.value.path == (f"{field}initializer",)
