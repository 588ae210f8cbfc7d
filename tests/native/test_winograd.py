"""Tests of convolutions by Winograd's method: where it is used, its error, and its bits."""

from __future__ import annotations

from typing import Any
from weakref import ref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnkit.native.kernel_kinds import LayerKind
from nnkit.native.library import library
from nnkit.native.program import Program
from nnkit.native.winograd import is_worthwhile
from nnkit.nn.arena import Buffers
from nnkit.nn.model import Model
from nnkit.nn.parallel.execution import Execution
from nnkit.nn.params import Array, Shape
from nnkit.random import generator
from tests.nn.examples import model_of

pytestmark = pytest.mark.native
CONV: dict[str, Any] = {"filters": 24, "kernel": 3, "padding": "same", "activation": "identity"}
SHAPE = (32, 7, 8)


def model_with(conv: dict[str, Any], shape: Shape = SHAPE, dtype: str = "float32") -> Model:
    """A convolution, and linear outputs."""
    layers = [{"conv": CONV | conv}, "flatten", {"dense": 2}]
    return model_of(layers, shape, dtype=dtype, loss="squared_error")


def kinds(model: Model, training: bool = False) -> set[LayerKind]:
    assert model.program is not None
    layers, _ = model.program
    return {layer.kind for layer in (layers.training if training else layers.inference)}


def images(count: int, shape: Shape = SHAPE) -> Array:
    return generator(0, "images").standard_normal((count, *shape)).astype(np.float32)


def test_inference_in_float32_uses_it() -> None:
    assert LayerKind.WINOGRAD in kinds(model_with({}))
    assert LayerKind.CONV not in kinds(model_with({}))


def test_training_does_not_use_it() -> None:
    assert LayerKind.WINOGRAD not in kinds(model_with({}), training=True)


@pytest.mark.parametrize(
    ("conv", "shape", "dtype"),
    [
        ({}, SHAPE, "float64"),
        ({"kernel": 5}, SHAPE, "float32"),
        ({"kernel": [3, 1], "padding": [1, 0]}, SHAPE, "float32"),
        ({"stride": 2, "padding": 1}, SHAPE, "float32"),
        ({"dilation": 2}, SHAPE, "float32"),
        ({"groups": 2}, SHAPE, "float32"),
        ({"filters": 12}, SHAPE, "float32"),
        ({}, (12, 7, 8), "float32"),
        ({}, (32, 3, 3), "float32"),  # 64 multiplications instead of 81
    ],
)
def test_other_convolutions_do_not_use_it(conv: dict[str, Any], shape: Shape, dtype: str) -> None:
    assert LayerKind.WINOGRAD not in kinds(model_with(conv, shape, dtype))


def test_images_with_incomplete_tiles_gain_less() -> None:
    assert is_worthwhile(16, 16, 4, 4)
    assert not is_worthwhile(16, 16, 1, 100)  # half of each tile is left out


@settings(max_examples=8)
@given(
    channels=st.integers(16, 40),
    height=st.integers(4, 12),
    width=st.integers(4, 12),
    seed=st.integers(0, 1000),
)
def test_the_error_is_that_of_sums_in_float32(
    channels: int, height: int, width: int, seed: int
) -> None:
    """The norm of all errors, as a multiple of the norm of the outputs, computed in float64."""
    shape = channels, height, width
    model, exact = (model_with({}, shape, dtype) for dtype in ("float32", "float64"))
    model.params[...] = generator(seed, "weights").standard_normal(model.layout.size)
    exact.params[...] = model.params
    X = generator(seed, "images").standard_normal((3, *shape)).astype(np.float32)
    compiled = Execution(threads=1, program=True)
    wanted = exact.forward(X.astype(np.float64), execution=compiled)
    error = np.linalg.norm(model.forward(X, execution=compiled) - wanted)
    assert 0 < error < 1e-6 * np.linalg.norm(wanted)


def test_bits_depend_neither_on_the_batch_nor_on_threads() -> None:
    model, X = model_with({}), images(53)
    outputs = model.forward(X, execution=Execution(threads=1, program=True))
    for threads in (1, 2, 3):
        execution = Execution(threads=threads, program=True)
        for part in (slice(0, 1), slice(7, 8), slice(5, 38), slice(20, 53)):
            found = model.forward(X[part], execution=execution)
            np.testing.assert_array_equal(found, outputs[part])


class WatchedBuffers(Buffers):
    """Buffers in memory of their own, which know whether they are still there."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[ref[Array]] = []

    def empty(self, shape: Shape, dtype: np.dtype[Any]) -> Array:
        buffer = super().empty(shape, dtype)
        self.given.append(ref(buffer))
        return buffer


def program_of(model: Model, buffers: Buffers, threads: int = 1) -> Program:
    """A program for inference with up to 20 images."""
    kernels = library()
    assert model.program is not None
    assert kernels is not None
    layers, loss = model.program
    vectors = model.params, model.grads, model.state
    return Program(kernels, layers.inference, loss, *vectors, 20, buffers, threads, training=False)


def test_memory_is_for_as_many_threads_as_there_can_be() -> None:
    program = program_of(model_with({}), Buffers(), threads=1_000_000_000)
    assert program.structure.scratch_count == 64  # MOST_THREADS in team.c


def test_all_memory_lasts_as_long_as_the_program() -> None:
    model, buffers = model_with({}), WatchedBuffers()
    program = program_of(model, buffers)
    assert program.structure.scratch_count > 0
    assert all(buffer() is not None for buffer in buffers.given)


def test_weights_that_change_are_transformed_anew() -> None:
    model, X = model_with({}), images(40)
    execution = Execution(threads=2, program=True)
    model.forward(X, execution=execution)
    changed = model_with({})
    changed.params *= 3
    model.params[...] = changed.params
    np.testing.assert_array_equal(
        model.forward(X, execution=execution), changed.forward(X, execution=execution)
    )
