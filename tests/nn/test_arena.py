"""Tests of the arena: networks for many batch sizes share memory without side effects."""

from __future__ import annotations

import tracemalloc
import weakref
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest

from nnkit.nn.arena import MOST_BOUND, Arena, Buffers
from nnkit.nn.batch_axis import batch_first
from nnkit.nn.layer_spec import LayerSpec
from nnkit.nn.layers import AnyLayer
from nnkit.nn.model import Model
from nnkit.nn.parallel import micro_batch_size
from nnkit.nn.parallel.execution import Execution
from nnkit.nn.parallel.micro_batches import MicroBatches
from nnkit.nn.params import Array
from nnkit.nn.passes import Pass
from tests.nn.examples import alone, batch_of, examples, input_form, model_of, name

FLOAT64 = np.dtype(np.float64)
SIZES = (5, 18, 5, 3, 18, 1, 40, 5)
PADDED: list[Any] = [
    {"conv": {"filters": 4, "kernel": 3, "padding": "same"}},
    {"max_pool": {"size": 3, "stride": 1, "padding": 1}},
    {"residual": [{"conv": {"filters": 6, "kernel": 3, "padding": "same"}}]},
    "flatten",
    {"dense": 3},
]


def test_buffers_are_parts_of_the_memory_on_cache_lines() -> None:
    memory = np.zeros(1024, np.uint8)
    buffers = Buffers(memory)
    parts = [buffers.empty((3, 5), FLOAT64), buffers.full((7,), np.dtype(np.float32), 2)]
    assert all(np.shares_memory(part, memory) for part in parts)
    assert not np.shares_memory(parts[0], parts[1])
    assert (parts[1].ctypes.data - parts[0].ctypes.data) % 64 == 0
    too_large = buffers.empty((200,), FLOAT64)
    assert not np.shares_memory(too_large, memory)
    assert buffers.size == 128 + 64 + 1600


class Numbers:
    """A buffer as an arena holds it."""

    def __init__(self, array: Array) -> None:
        self.array = array

    def release(self) -> None:
        pass


def filled(size: int, buffers: Buffers) -> Numbers:
    return Numbers(buffers.full((size,), FLOAT64, size))


def test_a_filled_buffer_holds_its_value_whenever_it_is_got() -> None:
    arena: Arena[int, Numbers] = Arena()
    for size in (4, 9, 4, 2, 9):
        bind = partial(filled, size)
        np.testing.assert_array_equal(arena.get(size, bind).array, size)
    assert arena.nbytes == 128  # nine numbers


def test_a_value_is_bound_once_while_the_memory_is_large_enough() -> None:
    arena: Arena[int, Numbers] = Arena()
    bound: list[int] = []

    def get(size: int) -> Numbers:
        def bind(buffers: Buffers) -> Numbers:
            bound.append(size)
            return Numbers(buffers.empty((size,), FLOAT64))

        return arena.get(size, bind)

    for size in (9, 4, 9, 4):
        get(size)
    assert bound == [9, 9, 4]  # the first time measures the memory needed
    for size in range(1, MOST_BOUND + 10):
        get(size)
    bound.clear()
    get(1)
    assert bound == [1]  # evicted long before


@pytest.mark.parametrize("layer", examples(AnyLayer), ids=name)
def test_a_layer_computes_as_if_it_had_the_memory_to_itself(layer: LayerSpec) -> None:
    shared, apart = (alone(layer, input_form(layer)) for _ in range(2))
    for step, size in enumerate(SIZES):
        X, T = batch_of(shared, size, seed=step)
        now = Pass(step=step)
        ours = shared.network(size).loss_and_gradient(X, T, now)
        assert ours == apart.bind(size, training=True).loss_and_gradient(X, T, now)
        np.testing.assert_array_equal(shared.grads, apart.grads)
        np.testing.assert_array_equal(shared.state, apart.state)
        with shared.lent(size) as network:
            loss, Y = network.evaluate(X, T)
            theirs, wanted = apart.bind(size, training=False).evaluate(X, T)
            assert loss == theirs
            np.testing.assert_array_equal(Y, wanted)


@pytest.mark.parametrize("threads", [1, 2])
def test_micro_batches_compute_as_if_they_had_the_memory_to_themselves(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(micro_batch_size, "CACHE", 1)
    models = [model_of(PADDED, (2, 6, 6)) for _ in range(2)]
    for model in models:
        model.execution = Execution(threads)
    for step, size in enumerate((70, 33, 128, 70, 20, 33)):
        X, T = batch_of(models[0], size, seed=step)
        models[1]._arena = Arena()  # a new arena for each batch
        networks = [model.network(size) for model in models]
        assert all(isinstance(network, MicroBatches) for network in networks)
        now = Pass(step=step)
        losses = {network.loss_and_gradient(X, T, now) for network in networks}
        assert len(losses) == len({model.grads.tobytes() for model in models}) == 1


def trained_memory(sizes: Any) -> tuple[int, Model]:
    """Returns the bytes kept after training and prediction with these batch sizes."""
    model = model_of([{"dense": 200}, {"dense": 10}], (300,))
    X, T = batch_of(model, max(sizes))
    tracemalloc.start()
    try:
        for size in sizes:
            model.network(size).loss_and_gradient(X[:, :size], T[:, :size], Pass())
            model.forward(batch_first(X[:, :size]))
        return tracemalloc.get_traced_memory()[0], model
    finally:
        tracemalloc.stop()


def test_dozens_of_batch_sizes_take_no_more_memory_than_the_largest() -> None:
    trained_memory([10])  # warms up imports and caches
    largest, model = trained_memory([1000])
    all_of_them, _ = trained_memory([*range(20, 1000, 20), 1000, *range(990, 10, -20)])
    assert largest > 1000 * 8 * 2 * 200
    assert all_of_them < 1.1 * largest
    assert len(model._pool) == 1


@pytest.mark.parametrize("layer", examples(AnyLayer), ids=name)
def test_inputs_are_not_kept_alive(layer: LayerSpec) -> None:
    """Else dozens of networks would each keep a batch, and a small one all samples around it."""
    model = alone(layer, input_form(layer))

    def is_kept(training: bool) -> bool:
        X, T = batch_of(model, 6)
        base = np.concatenate([X, X], -1)
        reference = weakref.ref(base)
        view = base[..., :6]
        if training:
            model.network(6).loss_and_gradient(view, T, Pass())
            model.network(4)
        else:
            model.forward(batch_first(view))
        del base, view
        return reference() is not None

    assert not is_kept(training=True)
    assert not is_kept(training=False)


CONVOLUTIONS: list[Any] = [
    {"conv": {"filters": 8, "kernel": 3, "padding": "same"}},
    {"max_pool": 2},
    {"conv": {"filters": 8, "kernel": 3, "padding": "same"}},
    "flatten",
    {"dense": 3},
]


@pytest.mark.parametrize("threads", [1, 2])
def test_no_batch_of_images_takes_more_memory_than_the_largest(threads: int) -> None:
    """The last micro-batch of a batch may be smaller; its network takes no memory of its own."""

    def arena_of(sizes: Sequence[int]) -> int:
        model = model_of(CONVOLUTIONS, (3, 12, 12), dtype="float32")
        model.execution = Execution(threads)
        for size in sizes:
            X, T = batch_of(model, size)
            model.network(size).loss_and_gradient(X, T, Pass())
        return model._arena.nbytes

    assert isinstance(model_of(CONVOLUTIONS, (3, 12, 12)).network(300), MicroBatches)
    assert arena_of([*range(20, 600, 41), 600]) <= arena_of([600])
