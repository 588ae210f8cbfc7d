"""Tests of networks that write one symbol after another."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnkit.nn.architecture import Activations, Architecture, build_stages
from nnkit.nn.form import Form
from nnkit.nn.model import Model
from nnkit.nn.stepper import Stepper
from nnkit.random import generator
from tests.nn.examples import loss_of

SYMBOLS, SAMPLES, LENGTH = 5, 4, 6
WRITERS: list[list[Any]] = [
    ["one_hot", {"rnn": {"units": 4, "output": "all"}}, {"dense": SYMBOLS}],
    [
        {"embedding": 3},
        {"lstm": {"units": 4, "output": "all"}},
        {"dropout": 0.3},
        {"gru": {"units": 4, "output": "all", "initial_state": "trained"}},
        {"dense": 6},
        {"dense": SYMBOLS},
    ],
]


def model_of(layers: list[Any], loss: str = "cross_entropy") -> Model:
    architecture = Architecture.model_validate({"layers": layers, "bias_initializer": "normal"})
    objective, form = loss_of(loss), Form(SYMBOLS, (None,), ids=True)
    output = "softmax" if loss == "squared_error" else None
    activations = Activations.model_validate({"output": output})
    stages = build_stages(architecture, activations, objective, form)
    return Model(stages, objective, 0, "float64")


@pytest.mark.parametrize("layers", WRITERS, ids=["one layer", "several"])
@pytest.mark.parametrize("loss", ["cross_entropy", "negative_log_likelihood", "squared_error"])
def test_steps_give_what_the_whole_sequence_gives(layers: list[Any], loss: str) -> None:
    model = model_of(layers, loss)
    X = generator(0, "symbols").integers(SYMBOLS, size=(LENGTH, SAMPLES), dtype=np.int32)
    Y = model.bind(SAMPLES, training=False, positions=(LENGTH,)).forward(X)
    if loss != "negative_log_likelihood":
        Y = np.log(Y)
    stepper = Stepper(model)
    state = stepper.begin()
    for t, symbols in enumerate(X):
        logs, _, state = stepper.step(state, symbols)
        np.testing.assert_allclose(logs, Y[:, t], rtol=1e-10)


def test_selected_columns_go_on_as_they_would_alone() -> None:
    stepper = Stepper(model_of(WRITERS[1]))
    symbols, columns = np.array([1, 4, 0, 2]), np.array([2, 2, 0])
    _, _, state = stepper.step(stepper.begin(), symbols)
    before = {name: [S.copy() for S in vectors] for name, vectors in state.states.items()}
    every, _, _ = stepper.step(state, symbols)
    some, _, _ = stepper.step(state.select(columns), symbols[columns])
    np.testing.assert_allclose(some, every[:, columns], rtol=1e-12)
    for name, vectors in state.states.items():
        np.testing.assert_array_equal(vectors, before[name])


@pytest.mark.parametrize(
    "layer",
    [
        {"gru": {"units": 4, "output": "all", "bidirectional": True}},
        {"conv": {"filters": 4, "kernel": 3, "padding": "same"}},
        {"self_attention": {"heads": 1}},
    ],
)
def test_a_layer_that_needs_whole_sequences_is_named(layer: dict[str, Any]) -> None:
    model = model_of([{"embedding": 4}, layer, {"dense": SYMBOLS}])
    with pytest.raises(ValueError, match=r"^layers\.1 .* needs whole sequences"):
        Stepper(model)
