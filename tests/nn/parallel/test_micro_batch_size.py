"""Tests of the size of micro-batches, and of the memory that it is derived from."""

from __future__ import annotations

import pytest

from nnkit.nn.form import Form
from nnkit.nn.parallel.execution import Execution
from nnkit.nn.parallel.micro_batch_size import buffer_bytes, micro_batch_size
from tests.nn.examples import model_of


def test_attention_weights_limit_a_micro_batch() -> None:
    """A thousand positions have a million weights for each head and sample."""
    model = model_of([{"self_attention": 2}, {"dense": 3}], Form(4, (None,)))
    assert micro_batch_size(model, 64, True, Execution(), (10,)) == 64
    assert micro_batch_size(model, 64, True, Execution(), (1000,)) == 16
    block = model_of([{"residual": [{"self_attention": 2}]}, {"dense": 3}], Form(4, (None,)))
    assert micro_batch_size(block, 64, True, Execution(), (1000,)) == 16


@pytest.mark.parametrize(
    ("layer", "batch", "size"),
    [
        ({"lstm": 128}, 128, 64),
        ({"lstm": 128}, 32, 32),
        ({"gru": 128}, 128, 64),
        ({"rnn": 128}, 128, 128),
        ({"rnn": 512}, 32, 16),
        ({"rnn": 4}, 1000, 256),  # in parts only because of the cache
    ],
    ids=str,
)
def test_threads_share_a_recurrent_batch_only_if_their_steps_are_large(
    layer: dict[str, int], batch: int, size: int
) -> None:
    """Threads of Python wait for each other before and after each call of a step."""
    model = model_of(["rows", layer, {"dense": 10}], (1, 28, 28), dtype="float32")
    assert micro_batch_size(model, batch, True, Execution(threads=2)) == size


def test_buffers_grow_with_the_batch() -> None:
    model = model_of([{"dense": 4}, {"dense": 3}], (5,))
    assert buffer_bytes(model.stages, 20, 4) == 2 * buffer_bytes(model.stages, 10, 4) > 0


def test_the_layers_of_a_block_have_buffers_too() -> None:
    inside = [{"dense": 50}, "batch_norm", {"residual": [{"dense": 50}, {"dense": 50}]}]
    block, chained = model_of([{"residual": inside}], (5,)), model_of(inside, (5,))
    assert buffer_bytes(block.stages, 10, 4) > buffer_bytes(chained.stages, 10, 4)
