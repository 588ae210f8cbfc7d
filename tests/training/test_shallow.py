"""Shallow models as networks: the shipped configs, trained, against scikit-learn's solutions.

Each reference is scikit-learn's estimator solved to high precision on the same columns; what is
compared is the objective that nnkit writes: the mean loss plus λ₁·Σ|w| + ½λ₂·Σw².
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import (
    ElasticNet,
    Lasso,
    LinearRegression,
    LogisticRegression,
    Ridge,
    SGDClassifier,
)
from sklearn.svm import LinearSVC

import nnkit
from nnkit.nn.params import Array
from nnkit.training.task import prepare
from tests.training.configs import TABLES

CONFIGS = Path(__file__).parents[2] / "configs"
EXACT: dict[str, Any] = {"tol": 1e-10, "max_iter": 1_000_000}


def table(name: str) -> tuple[Array, list[str]]:
    """The columns (n, d) with mean 0 and variance 1, and the labels as they are written."""
    with (TABLES / f"{name}.csv").open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    X = np.array([[float(cell) for cell in row[:-1]] for row in rows])
    deviation = X.std(axis=0)
    return (X - X.mean(axis=0)) / np.where(deviation > 0, deviation, 1), [row[-1] for row in rows]


def classes(name: str) -> tuple[Array, Array]:
    X, labels = table(name)
    return X, np.unique(labels, return_inverse=True)[1]


def signs(name: str) -> tuple[Array, Array]:
    X, numbers = classes(name)
    return X, 2.0 * numbers - 1


def diabetes() -> tuple[Array, Array]:
    X, labels = table("diabetes")
    return X, np.array(labels, dtype=float)


def squares(model: Any, X: Array, y: Array) -> float:
    return 0.5 * float(np.mean((model.predict(X) - y) ** 2))


def linear_regression() -> float:
    X, y = diabetes()
    return squares(LinearRegression().fit(X, y), X, y)


def ridge() -> float:
    X, y = diabetes()
    model = Ridge(alpha=0.1 * len(X)).fit(X, y)
    return squares(model, X, y) + 0.05 * float(model.coef_ @ model.coef_)


def lasso_model() -> Any:
    return Lasso(alpha=2.0, **EXACT).fit(*diabetes())


def lasso() -> float:
    model = lasso_model()
    return squares(model, *diabetes()) + 2.0 * float(np.abs(model.coef_).sum())


def elastic_net_model() -> Any:
    return ElasticNet(alpha=0.5, l1_ratio=0.8, **EXACT).fit(*diabetes())


def elastic_net() -> float:
    model = elastic_net_model()
    w = model.coef_
    return squares(model, *diabetes()) + 0.4 * float(np.abs(w).sum()) + 0.05 * float(w @ w)


def adaline() -> float:
    X, numbers = classes("iris")
    model = LinearRegression().fit(X, np.eye(3)[numbers])
    return 3 * squares(model, X, np.eye(3)[numbers])


def logistic() -> float:
    X, t = signs("breast_cancer")
    w = LogisticRegression(C=1.0, fit_intercept=False, **EXACT).fit(X, t).coef_[0]
    return float(np.logaddexp(0, -t * (X @ w)).mean() + w @ w / (2 * len(X)))


@cache
def l1_logistic_model() -> Any:
    model = LogisticRegression(C=0.1, l1_ratio=1.0, solver="saga", tol=1e-9, max_iter=100_000)
    return model.fit(*signs("breast_cancer"))


def l1_logistic() -> float:
    X, t = signs("breast_cancer")
    model = l1_logistic_model()
    losses = np.logaddexp(0, -t * model.decision_function(X))
    return float(losses.mean() + np.abs(model.coef_).sum() / (0.1 * len(X)))


def svm(C: float, power: int = 1) -> float:
    X, t = signs("breast_cancer")
    loss = "hinge" if power == 1 else "squared_hinge"
    w = LinearSVC(C=C, loss=loss, dual=True, fit_intercept=False, **EXACT).fit(X, t).coef_[0]
    hinges = np.maximum(1 - t * (X @ w), 0) ** power
    return float(hinges.mean() + w @ w / (2 * C * len(X)))


def one_vs_rest_svm() -> float:
    X, numbers = classes("wine")
    W = LinearSVC(C=0.1, loss="hinge", fit_intercept=False, **EXACT).fit(X, numbers).coef_
    T = 2 * np.eye(3)[numbers] - 1
    hinges = np.maximum(1 - T * (X @ W.T), 0).sum(axis=1)
    return float(hinges.mean() + (W**2).sum() / (0.2 * len(X)))


def multiclass_svm() -> float:
    X, numbers = classes("wine")
    model = LinearSVC(C=0.1, multi_class="crammer_singer", fit_intercept=False, **EXACT)
    W = model.fit(X, numbers).coef_
    scores, rows = X @ W.T, np.arange(len(X))
    excess = 1 + scores - scores[rows, numbers][:, None]
    excess[rows, numbers] = 0
    return float(excess.max(axis=1).mean() + (W**2).sum() / (0.2 * len(X)))


def principal_components() -> Any:
    return PCA(8, svd_solver="full").fit(table("digits")[0])


def linear_autoencoder() -> float:
    X, _ = table("digits")
    model = principal_components()
    restored = model.inverse_transform(model.transform(X))
    return 0.5 * float(((restored - X) ** 2).sum(axis=1).mean())


REFERENCES: dict[str, tuple[Callable[[], float], float]] = {
    "linear-regression": (linear_regression, 1e-10),
    "ridge": (ridge, 1e-10),
    "lasso": (lasso, 1e-10),
    "elastic-net": (elastic_net, 1e-10),
    "adaline": (adaline, 1e-4),
    "logistic": (logistic, 1e-4),
    "l1-logistic": (l1_logistic, 1e-6),
    "linear-svm": (lambda: svm(1.0), 1e-4),
    "pegasos": (lambda: svm(0.01), 1e-4),
    "squared-hinge-svm": (lambda: svm(1.0, power=2), 1e-5),
    "one-vs-rest-svm": (one_vs_rest_svm, 1e-4),
    "multiclass-svm": (multiclass_svm, 1e-4),
    "linear-autoencoder": (linear_autoencoder, 1e-8),
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], nnkit.Run]:
    """A shipped config's training, done once."""
    runs = tmp_path_factory.mktemp("runs")

    @cache
    def train(name: str) -> nnkit.Run:
        return nnkit.train(nnkit.load_config(CONFIGS / f"{name}.yaml"), runs=runs)

    return train


Trained = Callable[[str], nnkit.Run]


def objective(run: nnkit.Run) -> float:
    figures = run.summary["results"]["train"]
    return float(figures.get("objective", figures["loss"]))


def weights(run: nnkit.Run) -> dict[str, Array]:
    model = run.load().model
    return model.layout.views(model.params)


@pytest.mark.parametrize("name", REFERENCES)
def test_the_objective_is_scikit_learns_optimum(trained: Trained, name: str) -> None:
    reference, tolerance = REFERENCES[name]
    assert objective(trained(name)) == pytest.approx(reference(), rel=tolerance)


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("lasso", lasso_model),
        ("elastic-net", elastic_net_model),
        ("l1-logistic", l1_logistic_model),
    ],
)
def test_the_same_weights_are_exactly_zero(
    trained: Trained, name: str, model: Callable[[], Any]
) -> None:
    """And the others agree, so that none is 0 because it is small."""
    ours, theirs = weights(trained(name))["layers.0.W"], model().coef_.reshape(1, -1)
    np.testing.assert_array_equal(ours == 0, theirs == 0)
    np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-3)


def test_stochastic_training_of_scikit_learn_ends_beside_the_same_svm(trained: Trained) -> None:
    """SGDClassifier's alpha is λ. It is stochastic, so its own optimum is only approached."""
    X, t = signs("breast_cancer")
    strength = 0.1757469
    model = SGDClassifier(
        alpha=strength, fit_intercept=False, average=True, tol=None, max_iter=2000, random_state=0
    )
    w = model.fit(X, t).coef_[0]
    theirs = np.maximum(1 - t * (X @ w), 0).mean() + 0.5 * strength * float(w @ w)
    assert objective(trained("pegasos")) == pytest.approx(theirs, rel=1e-3)


def test_softmax_regression_is_the_multinomial_model(tmp_path: Path) -> None:
    """With its penalty the optimum is unique; C = 1/(nλ)."""
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


def test_the_linear_autoencoder_spans_the_principal_components(trained: Trained) -> None:
    """The largest angle between the two subspaces, and every digit's reconstruction."""
    X, _ = table("digits")
    components = principal_components()
    decoder, _ = np.linalg.qr(weights(trained("linear-autoencoder"))["layers.1.W"])
    cosines = np.linalg.svd(components.components_ @ decoder, compute_uv=False)
    assert np.arccos(np.clip(cosines.min(), 0, 1)) < 1e-3
    model = trained("linear-autoencoder").load()
    raw = np.loadtxt(TABLES / "digits.csv", delimiter=",", skiprows=1)[:, :-1]
    expected = components.inverse_transform(components.transform(X))
    np.testing.assert_allclose(model.predict(raw), expected, atol=1e-4)


def test_the_nonlinear_autoencoder_comes_nearer_than_principal_components(
    trained: Trained,
) -> None:
    """By the error on digits it has not seen, as many numbers between as components."""
    run = trained("autoencoder")
    task = prepare(run.load().config)
    train, test = (np.asarray(task.sets[name].inputs) / 16 for name in ("train", "test"))
    components = PCA(8, svd_solver="full").fit(train)
    restored = components.inverse_transform(components.transform(test))
    linear = float(np.sqrt(np.mean((restored - test) ** 2)))
    assert run.summary["results"]["test"]["rmse"] < 0.9 * linear
