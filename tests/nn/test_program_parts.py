"""Tests of every loss and activation in programs, against their NumPy code."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnkit.native.library import SETTING, library, usable_kernels
from nnkit.nn.activation import Activation
from nnkit.nn.activations import AnyActivation
from nnkit.nn.loss import Loss
from nnkit.nn.losses import AnyLoss
from nnkit.nn.model import Model
from nnkit.nn.parallel.execution import Execution
from nnkit.nn.params import Array
from nnkit.nn.passes import Pass
from nnkit.nn.program_network import ProgramNetwork
from nnkit.random import generator
from tests.nn.examples import batch_of, examples, model_of, name

LOSSES: list[Loss] = [loss for loss in examples(AnyLoss) if loss.in_program() is not None]
ACTIVATIONS: list[Activation] = [
    activation
    for activation in examples(AnyActivation)
    if activation.in_program() is not None and activation.elementwise
]
pytestmark = pytest.mark.native
PRECISIONS = {"float32": 3e-6, "float64": 1e-13}  # relative to the largest number

in_precisions = pytest.mark.parametrize("dtype", PRECISIONS)


def program_of(model: Model, samples: int, threads: int = 1) -> ProgramNetwork:
    """The model's network as a program."""
    model.execution = Execution(threads, program=True)
    network = model.network(samples)
    assert isinstance(network, ProgramNetwork)
    return network


def assert_close(actual: Array, wanted: Array, dtype: str) -> None:
    """Compares arrays, with errors relative to the largest number."""
    size = max(np.abs(wanted).max(), 1e-30)
    np.testing.assert_allclose(actual / size, wanted / size, rtol=0, atol=PRECISIONS[dtype])


def assert_as_numpy(
    model: Model, X: Array, T: Array, weights: Array | None = None, share: float = 1.0
) -> None:
    """Compares the outputs, the loss and the gradients of a program with those of NumPy."""
    dtype, samples = model.dtype.name, X.shape[-1]
    program, network = program_of(model, samples), model.bind(samples, training=True)
    loss = program.loss_and_gradient(X, T, Pass(), weights, share)
    grads = model.grads.copy()
    wanted = network.loss_and_gradient(X, T, Pass(), weights, share)
    assert loss == pytest.approx(wanted, rel=PRECISIONS[dtype], abs=PRECISIONS[dtype])
    assert_close(grads, model.grads, dtype)
    evaluated, Y = program.evaluate(X, T, weights)
    of_numpy, wanted_Y = network.evaluate(X, T, weights)
    assert evaluated == pytest.approx(of_numpy, rel=PRECISIONS[dtype], abs=PRECISIONS[dtype])
    assert_close(Y, wanted_Y, dtype)
    assert_close(program.forward(X), network.forward(X), dtype)


@in_precisions
@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
@pytest.mark.parametrize("loss", LOSSES, ids=name)
def test_losses(loss: Loss, weighted: bool, dtype: str) -> None:
    model = model_of([{"dense": 5}, {"dense": 3}], (7,), loss=loss, dtype=dtype)
    X, T = batch_of(model, 11)
    weights = generator(0, "test weights").random(11).astype(dtype) if weighted else None
    assert_as_numpy(model, X, T, weights, share=0.75)


@in_precisions
@pytest.mark.parametrize("activation", ACTIVATIONS, ids=name)
def test_activations(activation: Activation, dtype: str) -> None:
    settings = activation.model_dump()
    model = model_of([{"dense": 19}, {"dense": 3}], (4,), activation=settings, dtype=dtype)
    X, T = batch_of(model, 9)
    assert_as_numpy(model, 3 * X, T)


@pytest.mark.parametrize("extreme", [0.0, 1e-30, 1.0, 30.0, 100.0, 1e4])
@pytest.mark.parametrize("activation", ACTIVATIONS, ids=name)
def test_activations_of_very_small_and_large_numbers(
    activation: Activation, extreme: float
) -> None:
    model = model_of([{"dense": 2}, {"dense": 2}], (1,), activation=activation.model_dump())
    model.params[...] = 1.0
    X = np.array([[-extreme, extreme]])
    with np.errstate(all="ignore"):
        wanted = model.bind(2, training=False).forward(X)
    np.testing.assert_allclose(program_of(model, 2).forward(X), wanted, rtol=1e-12)


@pytest.mark.parametrize("sample", [0, 4])
@pytest.mark.parametrize("loss", LOSSES, ids=name)
def test_nan_is_in_the_loss(loss: Loss, sample: int) -> None:
    model = model_of([{"dense": 3}, {"dense": 3}], (4,), activation="relu", loss=loss)
    X, T = batch_of(model, 5)
    X[2, sample] = np.nan
    assert np.isnan(program_of(model, 5).loss_and_gradient(X, T, Pass()))


@in_precisions
@pytest.mark.parametrize("extreme", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("loss", LOSSES, ids=name)
def test_outputs_that_are_not_finite_have_the_loss_of_numpy(
    loss: Loss, extreme: float, dtype: str
) -> None:
    """Makes one output after the other extreme: of the true class of a sample, or of no sample."""
    model = model_of([{"dense": 5}], (4,), loss=loss, dtype=dtype)
    X, T = batch_of(model, 3)
    program, network = program_of(model, 3), model.bind(3, training=True)
    biases = model.layout.views(model.params)["layers.0.b"]
    for unit in range(5):
        model.initialize()
        biases[unit] = extreme
        with np.errstate(all="ignore"):
            wanted = network.loss_and_gradient(X, T, Pass())
        found = program.loss_and_gradient(X, T, Pass())
        assert found == pytest.approx(wanted, rel=PRECISIONS[dtype], nan_ok=True)
        assert not (np.isnan(extreme) and np.isfinite(found))


@pytest.mark.parametrize("inputs", [5, 16])  # copied, and read where they are
@pytest.mark.parametrize("shape", [(1, 20), (1, 9), (2, 10), (0.5, 10)], ids=str)
@pytest.mark.parametrize("program", [False, True])
def test_batches_of_another_size_are_refused(
    inputs: int, shape: tuple[float, int], program: bool
) -> None:
    """Passes other samples than 10, or of more or fewer numbers, to NumPy and to a program."""
    factor, samples = shape
    model = model_of([{"dense": 7}, {"dense": 3}], (inputs,))
    model.execution = Execution(program=program)
    X, T = np.ones((int(factor * inputs), samples)), np.ones((3, samples))
    with pytest.raises(ValueError, match=r"samples|shape|dimensions"):
        model.network(10).loss_and_gradient(X, T, Pass())
    with model.lent(10) as network:
        with pytest.raises(ValueError, match=r"samples|shape|dimensions"):
            network.forward(X)
        with pytest.raises(ValueError, match=r"samples|shape|dimensions"):
            network.evaluate(X, T)


SHAPES: list[tuple[int, list[int], int]] = [
    (1, [1], 1),
    (3, [2], 1),
    (15, [16, 3], 5),
    (16, [17, 31, 2], 7),
    (33, [5, 64, 10], 13),
    (100, [48, 47], 40),
]


@in_precisions
@pytest.mark.parametrize(("inputs", "units", "samples"), SHAPES)
def test_shapes(inputs: int, units: list[int], samples: int, dtype: str) -> None:
    layers: list[Any] = [{"dense": count} for count in units]
    model = model_of(layers, (inputs,), loss="squared_error", dtype=dtype)
    assert_as_numpy(model, *batch_of(model, samples))


@pytest.mark.parametrize("threads", [2, 3, 5])
def test_threads_give_the_bits_of_one(threads: int) -> None:
    model = model_of([{"dense": 70}, {"dense": 33}, {"dense": 3}], (50,), dtype="float32")
    X, T = batch_of(model, 21)
    loss = program_of(model, 21).loss_and_gradient(X, T, Pass())
    grads = model.grads.copy()
    for _ in range(20):
        model.grads.fill(0)
        assert program_of(model, 21, threads).loss_and_gradient(X, T, Pass()) == loss
        np.testing.assert_array_equal(model.grads, grads)


@pytest.mark.native
@in_precisions
@pytest.mark.parametrize("kernels", ["base", "avx2", "avx512"])
def test_outputs_do_not_depend_on_how_samples_are_divided(
    kernels: str, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_kernels(kernels, monkeypatch)
    layers: list[Any] = [{"dense": 67}, {"dense": {"units": 18, "bias": False}}, {"dense": 5}]
    model = model_of(layers, (37,), dtype=dtype)
    X, T = batch_of(model, 301)
    with model.lent(301, Execution(program=True)) as network:
        alone = network.forward(X).copy()
        assert_close(alone, model.bind(301, training=False).forward(X), dtype)
        np.testing.assert_array_equal(network.evaluate(X, T)[1], alone)
    with model.lent(301, Execution(3, program=True)) as network:
        for _ in range(3):  # by one thread, by all, by the faster
            np.testing.assert_array_equal(network.forward(X), alone)
    for samples in (1, 13, 127, 128, 150):  # the weights are packed for 128 and more
        with model.lent(samples, Execution(program=True)) as network:
            for at in range(0, 301 - samples, samples):
                part = slice(at, at + samples)
                np.testing.assert_array_equal(network.forward(X[:, part]), alone[:, part])


def use_kernels(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Uses the kernels of an instruction set, if this processor has it, else the most basic."""
    found = library()
    assert found is not None
    usable = usable_kernels(found.functions)
    monkeypatch.setenv(SETTING, name if name in usable else usable[0])
    library.cache_clear()


def test_frozen_layers_and_layers_without_bias() -> None:
    layers: list[Any] = [
        {"dense": {"units": 6, "lr_factor": 0}},
        {"dense": {"units": 5, "bias": False}},
        {"dense": 3},
    ]
    model = model_of(layers, (4,))
    X, T = batch_of(model, 8)
    program, network = program_of(model, 8), model.bind(8, training=True)
    program.loss_and_gradient(X, T, Pass())
    grads = model.grads.copy()
    network.loss_and_gradient(X, T, Pass())
    for block in model.layout.parameters:
        if block.lr_factor:
            place = model.layout.place(block)
            assert_close(grads[place], model.grads[place], "float64")
