"""Tests that every member of every union trains with `train`, and resumes after interruption."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import softmax

import nnkit
from nnkit.config.spec import Component
from nnkit.data.augment import AnyAugmentation
from nnkit.nn.activations import AnyActivation
from nnkit.nn.architecture import activation_named
from nnkit.nn.form import Form
from nnkit.nn.initializers import AnyInitializer
from nnkit.nn.layers import AnyLayer
from nnkit.nn.loss import Loss
from nnkit.nn.losses import AnyLoss
from nnkit.optim.averaging import AnyAveraging
from nnkit.optim.clipping import AnyClipping
from nnkit.optim.optimizers import AnyOptimizer
from nnkit.optim.optimizers.sgd import Pegasos
from nnkit.optim.schedules import AnySchedule
from nnkit.task.config import Config
from nnkit.task.config_loading import config_from
from tests.nn.examples import examples, input_form, name
from tests.training.configs import DIABETES, IRIS, laid_over, pictures, texts
from tests.training.resuming import resumes

Sections = dict[str, Any]


def dumped(component: Component) -> Sections:
    return component.model_dump(mode="json")


def with_optimizer(optimizer: Any) -> Sections:
    settings = dumped(optimizer)
    if optimizer.full_batch:
        return {"optimizer": settings, "training": {"batch_size": 32}}
    if isinstance(optimizer, Pegasos):
        settings["strength"] = 0.1
        return {"optimizer": settings, "regularization": {"l2": 0.1}}
    return {"optimizer": settings}


def by_adam(**settings: Any) -> Sections:
    return {"optimizer": {"kind": "adam", "lr": 0.01, **settings}}


def with_activation(activation: Any) -> Sections:
    if activation.trainable:
        return {"activation": {"hidden": dumped(activation)}}
    inference = {"output": "identity", "inference": dumped(activation)}
    return {"activation": inference, "loss": "squared_error"}


def with_layer(layer: Any, folder: Path) -> Config:
    """Returns a config with a layer: on iris after a dense layer, or on pictures."""
    settings = dumped(layer)
    if input_form(layer).ids:
        return texts(folder, architecture={"layers": [settings, {"rnn": 4}, {"dense": "auto"}]})
    if len(wanted := input_form(layer).shape) == 1:
        vectors = [{"dense": wanted[0]}, settings, "flatten", {"dense": 3}]
        return config({"architecture": {"layers": vectors}})
    if len(wanted) == 2:
        layers = ["rows", settings, "flatten", {"dense": 3}]
        return pictures(folder, architecture={"layers": layers})
    again = [{"conv": {"filters": 2, "kernel": 1}}, settings]
    if len(layer.output_form(Form(3, (6, 7))).positions) != 2:
        again = []
    layers = [settings, *again, "flatten", {"dense": 3}]
    return pictures(folder, architecture={"layers": layers})


def cases() -> Iterator[tuple[str, Sections]]:
    """Yields test ids, each with the sections of its config."""
    for optimizer in examples(AnyOptimizer):
        yield f"optimizer-{name(optimizer)}", with_optimizer(optimizer)
    for schedule in examples(AnySchedule):
        yield f"schedule-{name(schedule)}", by_adam(schedule=dumped(schedule))
    for clipping in examples(AnyClipping):
        yield f"clip-{name(clipping)}", by_adam(clip=dumped(clipping))
    for averaging in examples(AnyAveraging):
        yield f"averaging-{name(averaging)}", {"training": {"averaging": dumped(averaging)}}
    for loss in examples(AnyLoss):
        yield f"loss-{name(loss)}", {"loss": dumped(loss)}
    for activation in examples(AnyActivation):
        yield f"activation-{name(activation)}", with_activation(activation)
    for initializer in examples(AnyInitializer):
        if initializer.shape_error((3, 4)) is not None:  # only valid for a block of another shape
            continue
        architecture = {"initializer": dumped(initializer)}
        yield f"initializer-{name(initializer)}", {"architecture": architecture}


def config(sections: Sections) -> Config:
    """Returns a config for two short epochs on iris with the given sections."""
    short = laid_over(IRIS, {"training": {"epochs": 2, "batch_size": 32}})
    return config_from(laid_over(short, sections))


CASES = dict(cases())
# Families without a state of their own; that they resume is checked in `make test-all`.
STATELESS = ("activation", "initializer", "loss")


@pytest.mark.parametrize("layer", examples(AnyLayer), ids=name)
def test_a_network_with_it_resumes_to_the_last_bit(tmp_path: Path, layer: Any) -> None:
    resumes(with_layer(layer, tmp_path), tmp_path / "runs")


@pytest.mark.parametrize("case", [case for case in CASES if case.startswith(STATELESS)])
def test_trains_and_predicts(tmp_path: Path, case: str) -> None:
    nnkit.train(config(CASES[case]), runs=tmp_path).load().predict([[5.1, 3.5, 1.4, 0.2]])


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, marks=pytest.mark.slow if case.startswith(STATELESS) else [])
        for case in CASES
    ],
)
def test_trains_and_resumes_to_the_last_bit(tmp_path: Path, case: str) -> None:
    resumes(config(CASES[case]), tmp_path).load().predict([[5.1, 3.5, 1.4, 0.2]])


def test_batch_normalization_of_images_resumes_to_the_last_bit(tmp_path: Path) -> None:
    block = [{"conv": {"filters": 4, "kernel": 3, "padding": "same"}}, "batch_norm"]
    layers = [*block, {"max_pool": 2}, {"residual": [*block, *block]}, "global_avg_pool"]
    run = resumes(pictures(tmp_path, architecture={"layers": [*layers, {"dense": 3}]}), tmp_path)
    state = run.load().model.state
    assert np.isfinite(state).all()
    assert len(np.unique(state)) > len(state) // 2  # the running means and variances have changed


AUGMENTATIONS = examples(AnyAugmentation)


@pytest.mark.parametrize(
    "augmentations",
    [*([one] for one in AUGMENTATIONS), AUGMENTATIONS],
    ids=[*map(name, AUGMENTATIONS), "all"],
)
def test_augmented_pictures_are_the_same_in_a_resumed_run(
    tmp_path: Path, augmentations: list[Any]
) -> None:
    changed = pictures(tmp_path, data={"augment": [dumped(one) for one in augmentations]})
    trained = resumes(changed, tmp_path).load()
    X = np.load(tmp_path / "pictures.npz")["inputs"]  # prediction does not augment
    W, b = trained.model.layout.views(trained.model.params).values()
    expected = softmax(X.reshape(64, -1) @ W.T + b, axis=1)
    np.testing.assert_allclose(trained.outputs(X), expected, atol=1e-5)


@pytest.mark.parametrize("loss", [x for x in examples(AnyLoss) if x.coding == "number"], ids=name)
def test_regression_losses_train_on_numbers(tmp_path: Path, loss: Loss) -> None:
    """Includes losses that need positive outputs, with the matching activation."""
    assert activation_named(loss.output).trainable
    settings = laid_over(DIABETES, {"loss": dumped(loss), "training": {"epochs": 2}})
    if loss.tag() == "poisson":  # e^z would overflow for targets in the thousands
        settings = laid_over(settings, {"optimizer": {"lr": 1e-4}})
    run = nnkit.train(config_from(settings), runs=tmp_path)
    assert run.summary["outcome"] == "completed"
