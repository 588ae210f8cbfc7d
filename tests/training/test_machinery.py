"""Tests of training features: freezing, accumulation, noise, running statistics, L-BFGS."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnkit
from nnkit.errors import ConfigError, dotted
from nnkit.inference.saving import versions
from nnkit.native.library import kernels
from nnkit.nn.batch_axis import batch_last
from nnkit.nn.numerics import numerics
from nnkit.nn.params import Array
from nnkit.nn.passes import INFERENCE, Pass
from nnkit.runs.checkpoint import read_checkpoint
from nnkit.task.config import Config
from nnkit.training.trainer import Trainer
from tests.nn.examples import first_layer
from tests.training.configs import diabetes, iris, pictures, trainer_for
from tests.training.test_loop import advance, state

OPTIMIZERS: list[dict[str, Any]] = [{"kind": "adam", "lr": 0.05}, {"kind": "lbfgs"}]
ENGINES = [*OPTIMIZERS, {"kind": "lbfgs", "engine": "scipy", "iterations": 3}]
NORMALIZED: dict[str, Any] = {"layers": [{"dense": 8}, "batch_norm", {"dense": 3}]}


def iris_by(optimizer: dict[str, Any], **sections: Any) -> Config:
    """Returns a config for iris, without batch size for full-batch optimizers."""
    if optimizer["kind"] == "lbfgs":
        sections["training"] = {"batch_size": 32, **sections.get("training", {})}
    return iris(optimizer=optimizer, **sections)


def trained(config: Config, folder: Path) -> Trainer:
    trainer = trainer_for(config, folder)
    advance(trainer.loop, trainer.loop.steps)
    return trainer


def blocks(trainer: Trainer) -> dict[str, Array]:
    return trainer.model.layout.views(trainer.model.params)


# Freezing


@pytest.mark.parametrize("optimizer", ENGINES, ids=str)
@pytest.mark.parametrize("frozen", [0, 1])
def test_a_frozen_layer_keeps_its_bits_and_others_learn(
    tmp_path: Path, optimizer: dict[str, Any], frozen: int
) -> None:
    layers: list[dict[str, Any]] = [{"kind": "dense", "units": units} for units in (8, 8, 3)]
    layers[frozen]["lr_factor"] = 0.0
    bounded = {} if optimizer["kind"] == "lbfgs" else {"max_norm": 0.05}  # not supported by L-BFGS
    config = iris_by(
        optimizer, architecture={"layers": layers}, regularization={"l2": 0.01, **bounded}
    )
    start, end = blocks(trainer_for(config, tmp_path)), blocks(trained(config, tmp_path))
    for name, block in end.items():
        same = block.tobytes() == start[name].tobytes()
        assert same == name.startswith(f"layers.{frozen}.")


def test_nothing_below_a_frozen_stack_is_backpropagated(tmp_path: Path) -> None:
    frozen = {"kind": "dense", "units": 8, "lr_factor": 0.0}
    trainer = trainer_for(iris(architecture={"layers": [frozen, frozen, {"dense": 3}]}), tmp_path)
    (X, T, *_), *_ = trainer.loop.batches.epoch(0)
    network = trainer.model.bind(X.shape[-1], training=True)
    trainer.model.grads.fill(np.nan)
    network.loss_and_gradient(X, T, Pass())
    written = trainer.model.layout.views(trainer.model.grads)
    assert {name for name, block in written.items() if np.isfinite(block).all()} == {
        "layers.2.W",
        "layers.2.b",
    }


def test_a_layers_rate_scales_its_first_step(tmp_path: Path) -> None:
    def moved(factor: float) -> Array:
        first = {"kind": "dense", "units": 8, "lr_factor": factor}
        config = iris(
            architecture={"layers": [first, {"dense": 3}]},
            optimizer={"kind": "sgd", "lr": 0.1},
            training={"precision": "float64", "epochs": None, "steps": 1},
        )
        start, end = blocks(trainer_for(config, tmp_path)), blocks(trained(config, tmp_path))
        return end["layers.0.W"] - start["layers.0.W"]

    np.testing.assert_allclose(moved(0.5), 0.5 * moved(1.0), rtol=1e-9, atol=1e-15)


def test_a_layer_without_decay_has_no_penalty(tmp_path: Path) -> None:
    def penalty(decay: bool) -> float:
        first = {"kind": "dense", "units": 8, "decay": decay}
        config = iris(architecture={"layers": [first, {"dense": 3}]}, regularization={"l2": 2.0})
        trainer = trainer_for(config, tmp_path)
        decayed = trainer.model.params[trainer.model.layout.decayed]
        return trainer.loop.regularization.penalty(decayed)

    views = blocks(trainer_for(iris(), tmp_path))
    squares = {name: float((block.astype(float) ** 2).sum()) for name, block in views.items()}
    assert penalty(True) == pytest.approx(squares["layers.0.W"] + squares["layers.1.W"])
    assert penalty(False) == pytest.approx(squares["layers.1.W"])


# Bounds


def filters_of(trainer: Trainer, name: str) -> Array:
    """Returns the filter of each weight in the first layer: the output map that it changes."""
    network = trainer.model.bind(1, training=False)
    W = blocks(trainer)[name].reshape(-1)
    X = np.random.default_rng(0).normal(size=(*trainer.model.input_shape, 1))
    before = first_layer(network).forward(X, INFERENCE).copy()
    leads = []
    for weight, value in enumerate(W.copy()):
        W[weight] = value + 1
        moved = np.flatnonzero(
            (first_layer(network).forward(X, INFERENCE) != before).any(axis=(1, 2, 3))
        )
        W[weight] = value
        leads.append(moved.item())
    return np.array(leads)


@pytest.mark.parametrize("limit", [0.3, 0.8])
@pytest.mark.parametrize(
    "first",
    [
        {"conv": {"filters": 4, "kernel": 3}},
        {"conv": {"filters": 6, "kernel": [2, 3], "groups": 3}},
        {"conv": {"filters": 4, "kernel": 3, "connections": [[0], [0, 1], [2], [0, 1, 2]]}},
        {"conv_transpose": {"filters": 4, "kernel": 2, "stride": 2}},
        {"conv_transpose": {"filters": 6, "kernel": [2, 3], "groups": 3, "bias": False}},
    ],
    ids=str,
)
def test_max_norm_bounds_the_weights_that_lead_to_each_filter(
    tmp_path: Path, first: dict[str, Any], limit: float
) -> None:
    def after_a_step(max_norm: float | None) -> Trainer:
        config = pictures(
            tmp_path,
            architecture={"layers": [first, "flatten", {"dense": 3}]},
            optimizer={"kind": "sgd", "lr": 0.1},
            regularization={"max_norm": max_norm},
            training={"precision": "float64", "epochs": None, "steps": 1},
        )
        return trained(config, tmp_path)

    free, bounded = after_a_step(None), after_a_step(limit)
    W, found = (blocks(trainer)["layers.0.W"].ravel() for trainer in (free, bounded))
    filters = filters_of(free, "layers.0.W")
    lengths = [np.linalg.norm(W[filters == f]) for f in range(filters.max() + 1)]
    assert max(lengths) > 0.3
    for f, length in enumerate(lengths):
        expected = W[filters == f] * min(1, limit / length)
        np.testing.assert_allclose(found[filters == f], expected, rtol=1e-12)


# Accumulation


@pytest.mark.parametrize("weights", [None, "balanced", {"setosa": 3.0, "virginica": 0.0}])
def test_batches_accumulated_are_one_batch(tmp_path: Path, weights: Any) -> None:
    """Compares k batches of n with one of k·n, with sample weights; the last batch is shorter."""

    def trainer(accumulate: int, batch_size: int) -> Trainer:
        return trained(
            iris(
                loss={"kind": "cross_entropy", "class_weights": weights},
                optimizer={"kind": "adam", "lr": 0.01},
                regularization={"l2": 0.01},
                training={
                    "precision": "float64",
                    "batch_size": batch_size,
                    "accumulate": accumulate,
                },
            ),
            tmp_path,
        )

    few, many = trainer(1, 24), trainer(4, 6)
    assert few.loop.steps == many.loop.steps
    np.testing.assert_allclose(many.model.params, few.model.params, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("stop", [2, 5, 7])
def test_accumulating_resumes_to_the_last_bit(tmp_path: Path, stop: int) -> None:
    config = iris(training={"batch_size": 10, "accumulate": 3}, regularization={"dropout": 0.25})
    assert_resumes(config, tmp_path, stop)


def test_an_epoch_is_an_epoch_whatever_is_accumulated(tmp_path: Path) -> None:
    run = nnkit.train(iris(training={"batch_size": 10, "accumulate": 4}), runs=tmp_path)
    assert (run.summary["steps"], run.summary["epochs"]) == (9, 3)


def assert_resumes(config: Config, folder: Path, stop: int) -> None:
    whole = trained(config, folder)
    first = trainer_for(config, folder)
    advance(first.loop, stop)
    first.directory.create(config.to_yaml())
    first.save()
    second = trainer_for(config, folder)
    second.restore(read_checkpoint(first.directory.last))
    assert second.model.state.tobytes() == first.model.state.tobytes()
    advance(second.loop, second.loop.steps)
    assert state(second) == state(whole)
    assert second.model.state.tobytes() == whole.model.state.tobytes()


# Plateau schedule


@pytest.mark.parametrize("stop", [3, 8, 14, 20])
def test_a_plateau_is_found_and_resumed(tmp_path: Path, stop: int) -> None:
    """Uses steps too large to improve, so that the rate decreases at each evaluation."""
    schedule = {"kind": "plateau", "patience": 0, "gamma": 0.5, "warmup": 0.1}
    config = iris(optimizer={"kind": "adam", "lr": 2.0, "schedule": schedule})
    trainer = trainer_for(config, tmp_path)
    advance(trainer.loop, trainer.loop.steps)
    assert trainer.loop.progress.plateau.factor < 1
    assert trainer.loop.learning_rate(20) == 2.0 * trainer.loop.progress.plateau.factor
    assert_resumes(config, tmp_path, stop)


# Noise


@pytest.mark.parametrize("kind", ["weight_noise", "input_noise"])
def test_noise_is_reproducible_and_in_training_only(tmp_path: Path, kind: str) -> None:
    config = iris(regularization={kind: 0.3})
    noisy = trained(config, tmp_path)
    assert state(noisy) == state(trained(config, tmp_path))
    assert state(noisy) != state(trained(iris(), tmp_path))
    assert_resumes(config, tmp_path, 5)
    plain = trainer_for(iris(), tmp_path)
    plain.model.params[...] = noisy.model.params
    with numerics():
        assert dict(noisy.loop.evaluate()) == pytest.approx(dict(plain.loop.evaluate()))


def test_weight_noise_is_gone_when_the_gradient_is_taken(tmp_path: Path) -> None:
    config = iris(
        regularization={"weight_noise": 0.3},
        optimizer={"kind": "sgd", "lr": 1e-12},
        training={"precision": "float64"},
    )
    start, trainer = trainer_for(config, tmp_path), trained(config, tmp_path)
    np.testing.assert_allclose(trainer.model.params, start.model.params, atol=1e-9)


def test_weight_noise_takes_the_gradient_where_it_says(tmp_path: Path) -> None:
    config = iris(
        regularization={"weight_noise": 0.3},
        optimizer={"kind": "sgd", "lr": 1.0},
        training={"precision": "float64", "epochs": None, "steps": 1},
    )
    trainer, other = trainer_for(config, tmp_path), trainer_for(config, tmp_path)
    assert other.loop.noisy is not None
    (X, T, *_), *_ = other.loop.batches.epoch(0)
    before = other.model.params.copy()
    with numerics(), other.loop.noisy.at(0):
        assert np.std(other.model.params - before) == pytest.approx(0.3, rel=0.3)
        other.model.bind(X.shape[-1], training=True).loss_and_gradient(X, T, Pass())
    advance(trainer.loop, 1)
    np.testing.assert_allclose(trainer.model.params, before - other.model.grads, rtol=1e-12)


# Running means


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
@pytest.mark.parametrize("stop", [1, 3])
def test_batch_normalization_resumes_to_the_last_bit(
    tmp_path: Path, optimizer: dict[str, Any], stop: int
) -> None:
    config = iris_by(optimizer, architecture=NORMALIZED, training={"epochs": None, "steps": 6})
    assert_resumes(config, tmp_path, stop)


@pytest.mark.parametrize("part", ["blas", "kernels"])
def test_resuming_on_another_processor_or_kernels_says_that_results_may_differ(
    part: str, tmp_path: Path
) -> None:
    first = trainer_for(iris(), tmp_path)
    first.directory.create(first.config.to_yaml())
    first.save()
    now = versions()[part]
    for saved, told in ((now, []), ("another", [f"another → {now}"])):
        checkpoint = read_checkpoint(first.directory.last)
        checkpoint.header["versions"][part] = saved
        second = trainer_for(iris(), tmp_path)
        second.restore(checkpoint)
        assert [notice.partition(f"{part} ")[2] for notice in second.notices] == told


@pytest.mark.native
@pytest.mark.parametrize(
    ("sections", "unknown"),
    [
        ({"architecture": {"layers": [{"rbf": 4}, {"dense": 3}]}}, "'rbf' (layers.0)"),
        (
            {"architecture": {"layers": [{"residual": [{"dense": 4}, "noise"]}, {"dense": 3}]}},
            "'noise' (layers.0.layers.1)",
        ),
        ({"activation": {"hidden": "maxout"}}, "'maxout' (layers.0.activation)"),
        ({"loss": "cosine"}, "the loss 'cosine' of 'identity'"),
        ({}, None),
    ],
)
def test_what_the_kernels_do_not_know_is_said(
    sections: dict[str, Any], unknown: str | None, tmp_path: Path
) -> None:
    trainer = trainer_for(iris(**sections), tmp_path)
    told = [x.partition("do not know ")[2] for x in trainer.notices if "layer by layer" in x]
    assert told == ([] if unknown is None else [unknown])
    both = f"NumPy and {kernels()}"
    assert trainer.summary()["computed_by"] == (kernels() if unknown is None else both)


def test_running_means_are_saved_and_answer_at_inference(tmp_path: Path) -> None:
    config = iris(architecture=NORMALIZED, training={"precision": "float64"})
    run = nnkit.train(config, runs=tmp_path)
    model = run.load()
    running = model.model.state_layout.views(model.model.state)
    assert sorted(running) == ["layers.1.mean", "layers.1.variance"]
    assert (running["layers.1.variance"] != 1).all()
    raw = np.asarray(trainer_for(config, tmp_path / "again").task.sets["test"].inputs)
    P = model.model.layout.views(model.model.params)
    X = batch_last(model.preprocessor(raw, np.dtype("float64")))
    Z = P["layers.0.W"] @ X + P["layers.0.b"][:, None]
    mean, variance = (running[f"layers.1.{what}"][:, None] for what in ("mean", "variance"))
    scale, shift = (P[f"layers.1.{what}"][:, None] for what in ("scale", "shift"))
    H = np.maximum(scale * (Z - mean) / np.sqrt(variance + 1e-5) + shift, 0)
    E = np.exp(P["layers.2.W"] @ H + P["layers.2.b"][:, None])
    np.testing.assert_allclose(model.outputs(raw), (E / E.sum(axis=0)).T, rtol=1e-10)
    assert model.outputs(raw[:1])[0] == pytest.approx(
        model.outputs(raw)[0]
    )  # also for a single sample


# L-BFGS, from config to prediction


@pytest.mark.parametrize("optimizer", ENGINES[1:], ids=str)
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_lbfgs_trains_iris_and_its_model_loads(
    tmp_path: Path, optimizer: dict[str, Any], precision: str
) -> None:
    config = iris_by(
        optimizer,
        regularization={"l2": 1e-3},
        training={"precision": precision, "epochs": None, "steps": 25},
    )
    run = nnkit.train(config, runs=tmp_path)
    assert run.summary["results"]["train"]["accuracy"] > 0.97
    assert run.summary["batch_size"] == run.summary["samples"]["train"]
    assert run.load().evaluate("test")["accuracy"] > 0.9


@pytest.mark.parametrize("optimizer", ENGINES[1:], ids=str)
@pytest.mark.parametrize("stop", [1, 4, 13])
def test_lbfgs_resumes_to_the_last_bit(
    tmp_path: Path, optimizer: dict[str, Any], stop: int
) -> None:
    """Interrupts before and after the L-BFGS memory is full."""
    config = iris_by(optimizer, regularization={"l2": 1e-3}, training={"epochs": None, "steps": 16})
    assert_resumes(config, tmp_path, stop)


def test_lbfgs_finds_the_optimum_of_ridge_regression(tmp_path: Path) -> None:
    """Compares with the closed form w = (XᵀX/n + λ)⁻¹ Xᵀt/n; the bias has no penalty."""
    config = diabetes(
        architecture={"layers": [{"dense": 1}]},
        optimizer="lbfgs",
        regularization={"l2": 0.1},
        training={"precision": "float64", "epochs": None, "steps": 40},
    )
    trainer = trained(config, tmp_path)
    X, T = np.asarray(trainer.sets["train"].inputs), trainer.sets["train"].targets[:][:, 0]
    centred, shifted = X - X.mean(axis=0), T - T.mean()
    gram = centred.T @ centred / len(X) + 0.1 * np.eye(X.shape[1])
    wanted = np.linalg.solve(gram, centred.T @ shifted / len(X))
    np.testing.assert_allclose(blocks(trainer)["layers.0.W"][0], wanted, rtol=1e-5, atol=1e-5)


# Settings that would train nothing, or not what they specify


@pytest.mark.parametrize(
    ("sections", "path", "message"),
    [
        (
            {"training": {"batch_size": 1}},
            "training.batch_size",
            "each batch would have only one",
        ),
        (
            {"training": {"batch_size": 149}, "data": {"split": {"validation": 0, "test": 0}}},
            "training.batch_size",
            "the last batch of 150 samples would have only one",
        ),
    ],
)
def test_batch_norm_needs_several_samples(
    sections: dict[str, Any], path: str, message: str
) -> None:
    layers = {"layers": [{"dense": 8}, "batch_norm", {"dense": 3}]}
    config = iris(architecture=layers, **sections)
    with pytest.raises(ConfigError, match=message) as caught, config.locating():
        trainer_for(config)
    assert dotted(caught.value.problems[0].path) == path


def test_a_set_of_which_no_sample_counts_is_refused() -> None:
    weights = dict.fromkeys(("setosa", "versicolor", "virginica"), 0.0)
    config = iris(loss={"kind": "cross_entropy", "class_weights": weights})
    with (
        pytest.raises(ConfigError, match=r"all samples of the \w+ set have weight 0"),
        config.locating(),
    ):
        trainer_for(config)


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        (
            {"optimizer": {"kind": "adamw", "lr": 1.0, "weight_decay": 3.0}},
            "must be below 1, but is 3",
        ),
        ({"regularization": {"weight_decay": 1e4}}, "must be below 1, but is 10"),
        ({"optimizer": {"kind": "lbfgs", "engine": "scipy", "lr": 0.1}}, "remove lr and schedule"),
        ({"optimizer": {"kind": "lbfgs", "iterations": 3}}, "iterations is a setting of"),
        (
            {"activation": {"output": "sigmoid", "inference": "sign"}, "loss": "squared_error"},
            "never negative",
        ),
        ({"activation": {"output": "softplus"}, "loss": "hinge"}, "never negative"),
    ],
)
def test_settings_that_cannot_work_together(sections: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        iris(**sections)


def test_weights_from_before_an_average_are_not_the_best(tmp_path: Path) -> None:
    averaging = {"kind": "swa", "start": 0.9}
    stopping = {"early_stopping": {"patience": 1}}
    training = {"averaging": averaging, "epochs": 20}
    run = nnkit.train(
        iris(training=training, regularization=stopping, data={"split": {"validation": 0.2}}),
        runs=tmp_path,
    )
    steps = run.summary["steps"]
    assert run.summary["best"]["step"] > 0.9 * steps
