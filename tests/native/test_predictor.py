"""Tests of predictions in one call of the compiled kernels."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnkit.nn.batch_axis import batch_first, batch_last
from nnkit.nn.denormals import flushed_denormals
from nnkit.nn.model import Model
from nnkit.nn.parallel.execution import Execution
from nnkit.nn.params import Array, Shape
from nnkit.random import generator
from tests.nn.examples import model_of

pytestmark = pytest.mark.native

DENSE = [{"dense": 130}, {"dense": 5}]
IMAGES = [{"conv": {"filters": 3, "kernel": 3}}, {"max_pool": 2}, "flatten", {"dense": 5}]
# Inputs that are read in place or copied, because vectors would read beyond the last row.
NETWORKS: dict[str, tuple[list[Any], Shape]] = {
    "48 inputs": (DENSE, (48,)),
    "37 inputs": (DENSE, (37,)),
    "256 inputs": ([{"dense": 256}, {"dense": 5}], (256,)),  # whose rows in buffers are longer
    "images": (IMAGES, (1, 8, 9)),
}


def model_for(network: str, dtype: str) -> Model:
    layers, shape = NETWORKS[network]
    return model_of(layers, shape, dtype=dtype)


def expected(model: Model, X: Array) -> Array:
    """The outputs by a program that is given a batch of numbers."""
    with model.lent(len(X), Execution(program=True)) as network:
        return batch_first(network.forward(batch_last(X))).copy()


@pytest.fixture(params=product(NETWORKS, ("float32", "float64")), ids="-".join)
def model(request: pytest.FixtureRequest) -> Model:
    return model_for(*request.param)


@pytest.mark.parametrize("samples", [1, 2, 33, 127, 128, 258, 301])
def test_outputs_are_those_of_a_batch(model: Model, samples: int) -> None:
    X = generator(0, "X").standard_normal((samples, *model.input_shape)).astype(model.dtype)
    for threads in (1, 3):
        for _ in range(3):  # one thread, then all, then the faster
            found, is_finite = model.predictors.outputs(X, threads, checks=True)
            assert is_finite
            np.testing.assert_array_equal(found, expected(model, X))


def test_a_frozen_model_gives_the_same_outputs(model: Model) -> None:
    X = generator(0, "X").standard_normal((301, *model.input_shape)).astype(model.dtype)
    wanted = model.predictors.outputs(X, 1)[0]
    model.freeze()
    for samples in (301, 1, 15, 16, 33, 128, 301):
        for threads in (1, 2, 3):
            found, _ = model.predictors.outputs(X[:samples], threads)
            np.testing.assert_array_equal(found, wanted[:samples])
    np.testing.assert_array_equal(expected(model, X), wanted)


def test_parameters_of_a_frozen_model_change_if_they_are_made_writeable(model: Model) -> None:
    X = generator(0, "X").standard_normal((150, *model.input_shape)).astype(model.dtype)
    model.freeze()
    before = model.predictors.outputs(X, 1)[0]
    with pytest.raises(ValueError, match="read-only"):
        model.params[...] = 0
    model.params.flags.writeable = True
    model.params *= 2
    after = model.predictors.outputs(X, 1)[0]
    assert not np.isclose(after, before).all()
    model.freeze()
    np.testing.assert_array_equal(model.predictors.outputs(X, 1)[0], after)
    np.testing.assert_array_equal(expected(model, X), after)


@pytest.mark.parametrize("samples", [1, 33, 301])
def test_bytes_and_numbers_are_multiplied_by_a_factor(model: Model, samples: int) -> None:
    X = generator(0, "X").integers(0, 256, (samples, *model.input_shape)).astype(np.uint8)
    factor = 1 / 255
    prepared = X.astype(model.dtype) * model.dtype.type(factor)
    wanted = expected(model, prepared)
    for raw in (X, X.astype(model.dtype)):
        raw.flags.writeable = False
        found, _ = model.predictors.outputs(raw, 2, factor)
        np.testing.assert_array_equal(found, wanted)


@given(
    network=st.sampled_from([*NETWORKS]),
    samples=st.integers(1, 140),
    place=st.floats(0, 1, exclude_max=True),
    value=st.sampled_from([np.nan, np.inf, -np.inf]),
)
def test_any_input_that_is_not_finite_is_reported(
    network: str, samples: int, place: float, value: float
) -> None:
    model = model_for(network, "float32")
    model.params.fill(0)  # outputs are finite whatever the inputs
    X = np.ones((samples, *model.input_shape), np.float32)
    assert model.predictors.outputs(X, 2, checks=True)[1]
    X.reshape(-1)[int(place * X.size)] = value
    for factor in (1.0, 0.5):
        assert not model.predictors.outputs(X, 2, factor, checks=True)[1]


def test_an_output_that_overflows_is_reported(model: Model) -> None:
    X = np.ones((40, *model.input_shape), model.dtype)
    assert model.predictors.outputs(X, 1, checks=True)[1]
    model.params.fill(np.finfo(model.dtype).max)
    assert not model.predictors.outputs(X, 1, checks=True)[1]


def test_what_earlier_batches_left_in_memory_does_not_count() -> None:
    """The first layer's weights are not packed, those of the second are."""
    model = model_of([{"dense": 30}, {"dense": 5}], (783,), dtype="float32")
    model.predictors.outputs(np.full((256, 783), np.nan, np.float32), 1)
    X = np.ones((32, 783), np.float32)
    found, is_finite = model.predictors.outputs(X, 1, checks=True)
    assert is_finite
    np.testing.assert_array_equal(found, expected(model, X))


def in_small_batches(model: Model, X: Array) -> Array:
    """The outputs for batches so small that no weights are packed, and no zeros left out."""
    parts = [model.predictors.outputs(X[at : at + 40], 1)[0] for at in range(0, len(X), 40)]
    return np.concatenate(parts)


WIDE = model_of([{"dense": 130}, {"dense": 5}], (530,), dtype="float32")


@given(
    samples=st.integers(128, 180),
    columns=st.floats(0, 1),
    numbers=st.sampled_from([0, 0.5, 0.95]),
    threads=st.integers(1, 3),
)
def test_inputs_that_are_0_change_no_bit(
    samples: int, columns: float, numbers: float, threads: int
) -> None:
    """Whether they are 0 for all samples, as at the margin of images, or for some."""
    draws = generator(samples, "X")
    X = draws.standard_normal((samples, 530)).astype(np.float32)
    X *= (draws.random(530) >= columns) & (draws.random(X.shape) >= numbers)
    np.testing.assert_array_equal(WIDE.predictors.outputs(X, threads)[0], in_small_batches(WIDE, X))


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("threads", [1, 2])
def test_inputs_that_are_0_do_not_hide_a_weight_that_is_not_finite(
    value: float, threads: int
) -> None:
    model = model_of([{"dense": 130}, {"dense": 5}], (530,), dtype="float32")
    X = np.zeros((150, 530), np.float32)
    X[:, ::2] = 1
    for weight in (1, 530 * 129 + 529):  # of an input that is 0
        model.initialize()
        assert np.isfinite(model.predictors.outputs(X, threads)[0]).all()
        model.params[weight] = value
        found = model.predictors.outputs(X, threads)[0]
        assert np.isnan(found).all()
        np.testing.assert_array_equal(found, in_small_batches(model, X))
    model.freeze()
    np.testing.assert_array_equal(model.predictors.outputs(X, threads)[0], found)


def test_no_samples_have_no_outputs(model: Model) -> None:
    X = np.empty((0, *model.input_shape), model.dtype)
    found, is_finite = model.predictors.outputs(X, 1, checks=True)
    assert found.shape == (0, 5)
    assert is_finite


def test_samples_of_another_size_are_refused(model: Model) -> None:
    with pytest.raises(ValueError, match="numbers a sample expected"):
        model.predictors.outputs(np.zeros((3, 5), model.dtype), 1)


def test_denormals_are_flushed_and_the_setting_restored() -> None:
    model = model_for("48 inputs", "float32")
    model.params *= np.float32(1e-4)
    X = np.full((3, 48), 1e-30, np.float32)
    assert expected(model, X).any()  # denormal
    with flushed_denormals():
        wanted = expected(model, X)
    np.testing.assert_array_equal(model.predictors.outputs(X, 1)[0], wanted)
    small = np.array([1e-20], np.float32)
    assert (small * small).all()


@pytest.mark.parametrize("is_frozen", [False, True])
def test_threads_of_python_predict_at_once(model: Model, is_frozen: bool) -> None:
    if is_frozen:
        model.freeze()
    X = generator(0, "X").standard_normal((150, *model.input_shape)).astype(model.dtype)
    parts = [X[at : at + 1 + 29 * at % 140] for at in range(10)]
    wanted = [expected(model, part) for part in parts]

    def predicted(_: int) -> list[Array]:
        return [model.predictors.outputs(part, 3)[0] for part in parts * 5]

    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(predicted, range(8)):
            for Y, right in zip(found, wanted * 5, strict=True):
                np.testing.assert_array_equal(Y, right)


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        (lambda X: X.astype(np.float64), TypeError),
        (lambda X: X.astype(X.dtype.newbyteorder()), TypeError),
        (lambda X: X.astype(np.int8), TypeError),
        (lambda X: X[:, :-1], ValueError),
        (lambda X: X[::2], ValueError),
        (np.asfortranarray, ValueError),
    ],
)
def test_arrays_that_the_kernels_would_misread_are_refused(
    changed: Callable[[Array], Array], error: type[Exception]
) -> None:
    model = model_for("48 inputs", "float32")
    X = np.ones((6, 48), np.float32)
    wanted, _ = model.predictors.outputs(X, threads=1)
    for _ in range(2):  # also after it has been refused once
        with pytest.raises(error):
            model.predictors.outputs(changed(X), threads=1)
    found, _ = model.predictors.outputs(X, threads=1)
    np.testing.assert_array_equal(found, wanted)
