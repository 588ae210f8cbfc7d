"""Tests of sample weights: by class, by sample, and ignored classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

import nnkit
from nnkit.data.batches import Batches
from nnkit.errors import ConfigError, SettingError
from nnkit.inference.evaluation import evaluate
from nnkit.nn.loss import ClassLoss
from nnkit.nn.losses import AnyLoss
from nnkit.nn.losses.cross_entropy import CrossEntropy
from nnkit.nn.losses.regression_losses import SquaredError
from nnkit.nn.passes import Pass
from nnkit.task.class_weights import class_weights, counted, weights_of
from nnkit.task.config_loading import load_config
from nnkit.training.events import Evaluation
from tests.nn.examples import examples, name
from tests.training.configs import TABLES, diabetes, iris, trainer_for

CLASSES = ("ada", "bob", "eve")
TARGETS = np.array([0, 0, 0, 1, 2, 2])
CLASS_LOSSES: list[ClassLoss] = [x for x in examples(AnyLoss) if isinstance(x, ClassLoss)]


@pytest.mark.parametrize("loss", CLASS_LOSSES, ids=name)
def test_balanced_is_as_scikit_learn_has_it(loss: ClassLoss) -> None:
    balanced = loss.model_copy(update={"class_weights": "balanced"})
    expected = compute_class_weight("balanced", classes=np.arange(3), y=TARGETS)
    found = class_weights(balanced, CLASSES, TARGETS)
    assert found is not None
    np.testing.assert_allclose(found, expected)
    sums = np.bincount(TARGETS, found[TARGETS])  # every class has the same total weight
    assert sums == pytest.approx([2, 2, 2])


def test_a_class_without_samples_counts_nothing() -> None:
    found = class_weights(CrossEntropy(class_weights="balanced"), CLASSES, np.array([0, 0, 2]))
    assert found is not None
    np.testing.assert_allclose(found, [0.5, 0.0, 1.0])


def test_by_name_and_ignored() -> None:
    loss = CrossEntropy(class_weights={"bob": 2.5}, ignored="eve")
    np.testing.assert_array_equal(class_weights(loss, CLASSES, TARGETS), [1, 2.5, 0])
    assert class_weights(CrossEntropy(), CLASSES, TARGETS) is None
    assert class_weights(SquaredError(), CLASSES, TARGETS) is None


def test_a_samples_own_weight_times_that_of_its_class() -> None:
    own, by_class = np.array([1.0, 2, 3, 4, 5, 6]), np.array([1, 10, 0])
    dtype = np.dtype(np.float32)
    np.testing.assert_array_equal(weights_of(TARGETS, own, by_class, dtype), [1, 2, 3, 40, 0, 0])
    np.testing.assert_array_equal(weights_of(TARGETS, own, None, dtype), own)
    assert weights_of(TARGETS, None, None, dtype) is None


def test_figures_count_samples_by_their_own_weight_alone() -> None:
    targets, weights = np.array([0, 1, 2, 1]), np.array([1.0, 2.0, 0.5, 1.0])
    plain, balanced = CrossEntropy(), CrossEntropy(class_weights="balanced")
    for loss in (plain, balanced):
        assert counted(targets, None, loss, CLASSES) is None
        np.testing.assert_array_equal(counted(targets, weights, loss, CLASSES), weights)
    ignoring = CrossEntropy(ignored="bob")
    np.testing.assert_array_equal(counted(targets, weights, ignoring, CLASSES), [1, 0, 0.5, 0])
    np.testing.assert_array_equal(counted(targets, None, ignoring, CLASSES), [1, 0, 1, 0])


def test_weights_go_along_with_their_samples() -> None:
    X = np.arange(20.0).reshape(10, 2)
    batches = Batches(X, X[:, :1], 4, 0, X[:, 0])
    for inputs, _, weights, *_ in batches.epoch(0):
        np.testing.assert_array_equal(inputs[0], weights)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("class_weights: {setosa: 1, rosa: 2}", "3:62: loss.class_weights.rosa: unknown class"),
        ("class_weights: {setosa: -1}", "3:53: loss.class_weights.setosa: must be at least 0"),
        ("class_weights: balnced", "3:44: loss.class_weights: expected 'balanced', got 'balnced'"),
        ("ignored: rosa", "3:38: loss.ignored: unknown class 'rosa'; available: setosa"),
    ],
)
def test_an_unknown_class_is_an_error_at_its_place(
    tmp_path: Path, settings: str, message: str
) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(
        f"data: {{source: {{kind: csv, path: {TABLES / 'iris.csv'}, label: species}}}}\n"
        "architecture: {layers: [dense: 3]}\n"
        f"loss: {{kind: cross_entropy, {settings}}}\n"
    )
    with pytest.raises(ConfigError) as caught:
        nnkit.train(load_config(path), runs=tmp_path)
    (line,) = str(caught.value).splitlines()
    assert message in line


@pytest.mark.parametrize("setting", [{"class_weights": "balanced"}, {"ignored": "a"}])
def test_real_targets_have_no_classes(setting: dict[str, Any]) -> None:
    loss = CrossEntropy.model_validate(setting)
    with pytest.raises(SettingError, match="has no effect: the targets are real"):
        class_weights(loss, None, np.ones((3, 1)))


@pytest.mark.parametrize("loss", CLASS_LOSSES, ids=name)
def test_an_ignored_class_moves_nothing(tmp_path: Path, loss: ClassLoss) -> None:
    """Checks that samples of an ignored class change neither the gradient nor the loss."""
    settings = loss.model_dump() | {"ignored": "virginica"}
    trainer = trainer_for(iris(loss=settings, training={"batch_size": 200}), tmp_path)
    model = trainer.model
    (X, T, weights, *_), *_ = trainer.loop.batches.epoch(0)
    assert weights is not None
    network = model.bind(X.shape[-1], training=True)
    value = network.loss_and_gradient(X, T, Pass(), weights)
    grads = model.grads.copy()
    changed = X.copy()
    changed[:, weights == 0] += 1.0
    assert network.loss_and_gradient(changed, T, Pass(), weights) == pytest.approx(value, rel=1e-6)
    np.testing.assert_allclose(model.grads, grads, rtol=1e-4, atol=1e-6)
    assert (weights == 0).sum() == 35


@pytest.mark.parametrize("loss", CLASS_LOSSES, ids=name)
def test_the_training_loss_is_the_weighted_mean_of_the_epoch(
    tmp_path: Path, loss: ClassLoss
) -> None:
    """Compares with the weighted mean, not the mean of batch means, at a negligible rate."""
    config = iris(
        loss=loss.model_dump() | {"class_weights": {"setosa": 5.0, "virginica": 0.0}},
        optimizer={"kind": "sgd", "lr": 1e-30},
        training={"precision": "float64"},
    )
    trainer = trainer_for(config, tmp_path)
    expected = evaluate(trainer.model, trainer.sets["train"])["loss"]
    found = [event.train_loss for event in trainer.loop.run() if isinstance(event, Evaluation)]
    assert found == pytest.approx([expected] * 3, rel=1e-12)


def test_label_smoothing_applies_to_training_and_evaluation(tmp_path: Path) -> None:
    """Compares the loss with its minimum, the entropy of the smoothed targets."""
    smoothing = {"kind": "cross_entropy", "label_smoothing": 0.3}
    config = iris(loss=smoothing, optimizer={"kind": "adam", "lr": 0.1}, training={"epochs": 30})
    run = nnkit.train(config, runs=tmp_path)
    share = np.array([0.8, 0.1, 0.1])
    entropy = -(share * np.log(share)).sum()
    assert run.summary["results"]["train"]["loss"] >= entropy
    assert run.summary["results"]["train"]["loss"] < entropy + 0.1


def test_regression_takes_no_class_weights() -> None:
    with pytest.raises(ConfigError, match="class_weights"):
        diabetes(loss={"kind": "squared_error", "class_weights": "balanced"})
