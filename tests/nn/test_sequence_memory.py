"""Tests of the memory of training on sequences of many different lengths."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from nnkit.nn.arena import MOST_BOUND
from nnkit.nn.form import Form
from nnkit.nn.parallel.execution import Execution
from nnkit.nn.passes import Pass
from nnkit.random import generator
from tests.nn.examples import model_of

SYMBOLS, LONGEST, SAMPLES = 7, 160, 4
SOME, MANY = range(LONGEST, LONGEST - MOST_BOUND, -1), range(LONGEST, 0, -1)


@pytest.mark.slow
@pytest.mark.parametrize("program", [False, True])
def test_a_step_takes_no_more_memory_after_many_lengths(program: bool) -> None:
    """Networks are views of the memory that the longest has needed, and only some are kept."""
    layers = [{"embedding": 4}, {"gru": {"units": 8, "output": "all"}}, {"dense": SYMBOLS}]

    def peak(lengths: range) -> int:
        model = model_of(layers, Form(SYMBOLS, (None,), ids=True), dtype="float32")
        model.execution = Execution(program=program)
        rng = generator(0, "memory")
        tracemalloc.start()
        for length in lengths:
            X = rng.integers(SYMBOLS, size=(length, SAMPLES)).astype(np.int32)
            network = model.network(SAMPLES, (length,))
            network.loss_and_gradient(X, X, Pass(lengths=np.full(SAMPLES, length)))
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(SOME)  # allocates what is allocated once
    assert peak(MANY) < 1.1 * peak(SOME)
