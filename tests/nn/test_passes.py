"""Tests of observers: they receive every output and gradient, and change no result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnkit.nn.layer_spec import Stage
from nnkit.nn.model import Model
from nnkit.nn.parallel.execution import Execution
from nnkit.nn.parallel.micro_batches import MicroBatches
from nnkit.nn.passes import Observer, Pass, Recorder
from nnkit.task.config_loading import load_config
from nnkit.task.task_loading import build_model
from tests.nn.examples import batch_of, model_of

LENET = Path(__file__).parents[2] / "configs" / "lenet.yaml"


def lenet() -> Model:
    return build_model(load_config(LENET), (1, 28, 28), "float64")


def residual() -> Model:
    conv = {"conv": {"filters": 4, "kernel": 3, "padding": "same"}}
    wider = {"conv": {"filters": 6, "kernel": 3, "padding": "same"}}
    block = {"residual": [conv, {"residual": [conv]}, wider]}
    return model_of([conv, block, "global_avg_pool", {"dense": 3}], (4, 6, 6))


def vectors() -> Model:
    return model_of([{"dense": 6}, {"dense": 3}], (5,), loss="squared_error")


MODELS = {"lenet": lenet, "residual": residual, "vectors": vectors}
every = pytest.mark.parametrize("model", [make() for make in MODELS.values()], ids=list(MODELS))


def names(stages: Any, prefix: str = "") -> list[str]:
    """Returns the names of layers in the order of computation."""
    found = []
    for stage in stages:
        assert isinstance(stage, Stage)
        found += [*names(stage.parts, f"{prefix}{stage.name}."), prefix + stage.name]
    return found


@every
def test_an_observer_gets_every_layer(model: Model) -> None:
    seen = Recorder()
    X, T = batch_of(model, 6)
    model.bind(6, training=True, input_gradient=True).loss_and_gradient(X, T, Pass(observer=seen))
    assert list(seen.outputs) == names(model.stages)
    assert set(seen.gradients) == set(seen.outputs)
    for layer, Y in seen.outputs.items():
        assert seen.gradients[layer].shape == Y.shape
        assert np.isfinite(seen.gradients[layer]).all()


def test_the_layers_of_a_block_are_named_within_it() -> None:
    assert {"layers.1", "layers.1.layers.0", "layers.1.shortcut"} <= set(names(residual().stages))


@every
def test_gradients_are_those_of_the_parameters_above(model: Model) -> None:
    """Checks the chain rule for the last dense layer: dE/dW = dE/dZ Xᵀ and dE/db = Σ dE/dZ."""
    seen = Recorder()
    X, T = batch_of(model, 6)
    model.bind(6, training=True).loss_and_gradient(X, T, Pass(observer=seen))
    before, last = [s.name for s in model.stages if s.spec.tag() != "dropout"][-3:-1]
    grads = model.layout.views(model.grads)
    dZ = seen.gradients[last]
    np.testing.assert_allclose(grads[f"{last}.W"], dZ @ seen.outputs[before].T, atol=1e-14)
    np.testing.assert_allclose(grads[f"{last}.b"], dZ.sum(axis=1), atol=1e-14)


@every
def test_the_output_and_its_gradient_are_told_where_the_loss_is_computed_from_logits(
    model: Model,
) -> None:
    seen = Recorder()
    X, T = batch_of(model, 6)
    network = model.bind(6, training=True)
    network.loss_and_gradient(X, T, Pass(observer=seen))
    dY = np.empty_like(seen.outputs["output"])
    model.loss(seen.outputs["output"], T, dY)
    np.testing.assert_allclose(seen.gradients["output"], dY, rtol=1e-12)


@every
def test_nothing_changes_for_being_observed(model: Model) -> None:
    X, T = batch_of(model, 40)
    losses, gradients = [], []
    for observer in (None, Observer(), Recorder()):
        losses.append(model.network(40).loss_and_gradient(X, T, Pass(observer=observer)))
        gradients.append(model.grads.tobytes())
    assert len({*losses}) == len({*gradients}) == 1


@pytest.mark.parametrize("threads", [1, 2])
def test_observers_get_the_whole_batch_of_micro_batches(threads: int) -> None:
    model = residual()
    X, T = batch_of(model, 150)
    model.execution = Execution(threads)
    cut = model.network(150)
    assert isinstance(cut, MicroBatches)
    pieces, whole = Recorder(), Recorder()
    cut.loss_and_gradient(X, T, Pass(observer=pieces))
    model.bind(150, training=True).loss_and_gradient(X, T, Pass(observer=whole))
    assert list(pieces.outputs) == list(whole.outputs)
    for name, Y in whole.outputs.items():
        np.testing.assert_allclose(pieces.outputs[name], Y, atol=1e-12, err_msg=name)
        found, dY = pieces.gradients[name], whole.gradients[name]
        np.testing.assert_allclose(found, dY, atol=1e-14, err_msg=name)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("batch", [6, 150])
@every
def test_outside_training_the_same_outputs_are_told(model: Model, batch: int, threads: int) -> None:
    X, T = batch_of(model, batch)
    evaluated, predicted, alone = Recorder(), Recorder(), Recorder()
    with model.lent(batch, Execution(threads)) as network:
        network.evaluate(X, T, now=Pass(training=False, observer=evaluated))
        network.forward(X, Pass(training=False, observer=predicted))
    model.bind(batch, training=False).forward(X, Pass(training=False, observer=alone))
    assert list(evaluated.outputs) == list(predicted.outputs) == names(model.stages)
    for layer, Y in alone.outputs.items():
        np.testing.assert_allclose(evaluated.outputs[layer], Y, atol=1e-12)
        np.testing.assert_array_equal(predicted.outputs[layer], evaluated.outputs[layer])


def test_each_piece_of_a_step_draws_its_own_random_numbers() -> None:
    keys = {Pass(step=step, micro_batch=piece).key for step in range(50) for piece in range(50)}
    assert len(keys) == 2500
    assert Pass(step=7).key == 7  # an undivided batch uses the step as its key


@pytest.mark.parametrize(
    "layer", [{"dropout": 0.5}, {"spatial_dropout": 0.5}, {"noise": 0.3}], ids=str
)
def test_samples_of_a_rank_get_the_draws_of_the_whole_batch(layer: Any) -> None:
    model = model_of([layer, "flatten", {"dense": 2}], (2, 3, 3))
    X, _ = batch_of(model, 9)
    whole = model.bind(9, training=True).forward(X, Pass(step=3)).copy()
    part = model.bind(4, training=True).forward(X[..., 2:6], Pass(step=3, before=2, after=3))
    np.testing.assert_allclose(part, whole[..., 2:6], rtol=1e-13)
