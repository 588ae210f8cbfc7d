"""Tests of the shipped shallow models against scikit-learn's solutions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, SGDClassifier

import nnkit
from nnkit.nn.params import Array
from nnkit.task.task_loading import load_task
from tests.training.configs import TABLES
from tests.training.shallow_references import (
    CONFIGS,
    EXACT,
    REFERENCES,
    classes,
    elastic_net_model,
    l1_logistic_model,
    lasso_model,
    objective,
    principal_components,
    signs,
    table,
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], nnkit.Run]:
    """Trains a shipped config, once per session."""
    runs = tmp_path_factory.mktemp("runs")

    @cache
    def train(name: str) -> nnkit.Run:
        return nnkit.train(nnkit.load_config(CONFIGS / f"{name}.yaml"), runs=runs)

    return train


Trained = Callable[[str], nnkit.Run]

LONG = {
    "l1-logistic",
    "linear-autoencoder",
    "pegasos",
}  # take a second or two to converge to full precision


def each(names: Iterable[str]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "name",
        [pytest.param(name, marks=pytest.mark.slow if name in LONG else []) for name in names],
    )


def weights(run: nnkit.Run) -> dict[str, Array]:
    model = run.load().model
    return model.layout.views(model.params)


@each(REFERENCES)
def test_the_objective_is_scikit_learns_optimum(trained: Trained, name: str) -> None:
    reference, tolerance = REFERENCES[name]
    assert objective(trained(name)) == pytest.approx(reference(), rel=tolerance)


MODELS: dict[str, Callable[[], Any]] = {
    "lasso": lasso_model,
    "elastic-net": elastic_net_model,
    "l1-logistic": l1_logistic_model,
}


@each(MODELS)
def test_the_same_weights_are_exactly_zero(trained: Trained, name: str) -> None:
    """Compares the zero weights, and the values of the others, so that none is 0 by rounding."""
    ours, theirs = weights(trained(name))["layers.0.W"], MODELS[name]().coef_.reshape(1, -1)
    np.testing.assert_array_equal(ours == 0, theirs == 0)
    np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-3)


@pytest.mark.slow
def test_stochastic_training_of_scikit_learn_ends_beside_the_same_svm(trained: Trained) -> None:
    """Compares with SGDClassifier (alpha = λ), which approaches the optimum only roughly."""
    X, t = signs("breast_cancer")
    strength = 0.1757469
    model = SGDClassifier(
        alpha=strength, fit_intercept=False, average=True, tol=None, max_iter=2000, random_state=0
    )
    w = model.fit(X, t).coef_[0]
    theirs = np.maximum(1 - t * (X @ w), 0).mean() + 0.5 * strength * float(w @ w)
    assert objective(trained("pegasos")) == pytest.approx(theirs, rel=1e-3)


def test_softmax_regression_is_the_multinomial_model(tmp_path: Path) -> None:
    """Compares with the multinomial model at C = 1/(nλ); the penalty makes the optimum unique."""
    X, numbers = classes("iris")
    strength = 0.01
    config = nnkit.load_config(
        CONFIGS / "iris-mlp.yaml",
        [
            "architecture.layers=[dense: 3]",
            "activation=null",
            "data.split={validation: 0, test: 0}",
            "optimizer={kind: lbfgs, lr: 1.0}",
            f"regularization={{l2: {strength}, early_stopping: null}}",
            "training={steps: 100, evaluate_every: 20, precision: float64}",
        ],
    )
    model = LogisticRegression(C=1 / (strength * len(X)), **EXACT).fit(X, numbers)
    P = model.predict_proba(X)
    reference = -np.log(P[np.arange(len(X)), numbers]).mean() + 0.5 * strength * float(
        (model.coef_**2).sum()
    )
    assert objective(nnkit.train(config, runs=tmp_path)) == pytest.approx(reference, rel=1e-8)


@pytest.mark.slow
def test_the_linear_autoencoder_spans_the_principal_components(trained: Trained) -> None:
    """Checks the largest angle between the subspaces, and the reconstruction of every digit."""
    X, _ = table("digits")
    components = principal_components()
    decoder, _ = np.linalg.qr(weights(trained("linear-autoencoder"))["layers.1.W"])
    cosines = np.linalg.svd(components.components_ @ decoder, compute_uv=False)
    assert np.arccos(np.clip(cosines.min(), 0, 1)) < 1e-3
    model = trained("linear-autoencoder").load()
    raw = np.loadtxt(TABLES / "digits.csv", delimiter=",", skiprows=1)[:, :-1]
    expected = components.inverse_transform(components.transform(X))
    np.testing.assert_allclose(model.predict(raw), expected, atol=1e-4)


@pytest.mark.slow
def test_the_nonlinear_autoencoder_comes_nearer_than_principal_components(
    trained: Trained,
) -> None:
    """Compares the error on held-out digits, with a code as wide as the number of components."""
    run = trained("autoencoder")
    task = load_task(run.load().config)
    train, test = (np.asarray(task.sets[name].inputs) / 16 for name in ("train", "test"))
    components = PCA(8, svd_solver="full").fit(train)
    restored = components.inverse_transform(components.transform(test))
    linear = float(np.sqrt(np.mean((restored - test) ** 2)))
    assert run.summary["results"]["test"]["rmse"] < 0.9 * linear
