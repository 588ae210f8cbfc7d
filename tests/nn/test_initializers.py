"""Initializers: shape, moments, and draws that depend on nothing but seed and name."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from nnkit.nn.initializers import AnyInitializer, Initializer, Values
from nnkit.nn.layer import ShapeError
from nnkit.nn.layers import Dense
from nnkit.nn.params import Array
from nnkit.random import generator
from tests.nn.examples import examples, name

FAN_IN, FAN_OUT = 300, 200
# All but the one that is no draw: it is given as many numbers as its block has.
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


def test_values_fill_a_block_row_by_row() -> None:
    drawn = draw(Values(values=(1.0, 2.0, 3.0, 4.0, 5.0, 6.0)), 2, 3)
    np.testing.assert_array_equal(drawn, [[1, 2, 3], [4, 5, 6]])


@pytest.mark.parametrize(
    ("layer", "message", "field"),
    [
        (
            {"initializer": {"values": [1, 2, 3]}},
            "3 values for a block of 2 × 3, which takes 6",
            "",
        ),
        ({"bias_initializer": {"values": [1]}}, "1 value for a block of 2, which takes 2", "bias_"),
    ],
)
def test_values_of_another_number_are_refused(
    layer: dict[str, Any], message: str, field: str
) -> None:
    with pytest.raises(ShapeError, match=message) as error:
        Dense.model_validate({"units": 2, **layer}).parameters((3,))
    assert error.value.field == f"{field}initializer"
