"""Solutions of the shipped shallow models by scikit-learn, to high precision.

Every reference is nnkit's objective, the mean loss plus λ₁·Σ|w| + ½λ₂·Σw², at
scikit-learn's solution on the same columns. `python -m tests.training.shallow_references` trains
the configs and prints the table of docs/shallow.md.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import (
    ElasticNet,
    Lasso,
    LinearRegression,
    LogisticRegression,
    Ridge,
)
from sklearn.svm import LinearSVC

import nnkit
from nnkit.nn.params import Array
from tests.training.configs import TABLES

CONFIGS = Path(__file__).parents[2] / "configs"
EXACT: dict[str, Any] = {"tol": 1e-10, "max_iter": 1_000_000}


def table(name: str) -> tuple[Array, list[str]]:
    """Reads a table: columns (n, d) with mean 0 and variance 1, and the labels as text."""
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


def objective(run: nnkit.Run) -> float:
    """Returns the final objective of a run on its training set."""
    figures = run.summary["results"]["train"]
    return float(figures.get("objective", figures["loss"]))


def main() -> None:
    """Trains the configs and prints the table."""
    print("| config | nnkit | scikit-learn | relative difference |\n|---|---:|---:|---:|")
    for name, (reference, _) in REFERENCES.items():
        with TemporaryDirectory() as folder:
            config = nnkit.load_config(CONFIGS / f"{name}.yaml")
            ours, theirs = objective(nnkit.train(config, runs=folder)), reference()
        apart = max(abs(ours / theirs - 1), np.finfo(float).eps)
        print(f"| `{name}.yaml` | {ours:.9g} | {theirs:.9g} | {apart:.0e} |")


if __name__ == "__main__":
    main()
