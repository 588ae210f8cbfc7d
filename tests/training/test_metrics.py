"""Figures, held against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from nnkit.random import generator
from nnkit.training.metrics import CLASSIFICATION, HIGHER_IS_BETTER, REGRESSION, names, score

seeds = st.integers(0, 1000)


@given(seeds, st.integers(1, 50))
def test_accuracy_as_scikit_learn_computes_it(seed: int, samples: int) -> None:
    targets, predicted = generator(seed, "classes").integers(3, size=(2, samples))
    figures = score(targets, np.zeros((samples, 3)), predicted)
    expected = sklearn_metrics.accuracy_score(targets, predicted)
    assert figures == {"accuracy": pytest.approx(expected, abs=1e-12)}


@given(seeds, st.integers(2, 50), st.integers(1, 3))
def test_regression_figures_as_scikit_learn_computes_them(
    seed: int, samples: int, outputs: int
) -> None:
    targets, predicted = generator(seed, "numbers").normal(size=(2, samples, outputs))
    assert score(targets, predicted, None) == pytest.approx(
        {
            "mae": sklearn_metrics.mean_absolute_error(targets, predicted),
            "rmse": np.sqrt(sklearn_metrics.mean_squared_error(targets, predicted)),
            "r2": sklearn_metrics.r2_score(targets, predicted),
        },
        rel=1e-12,
        abs=1e-12,
    )


def test_float32_outputs_are_scored_in_float64() -> None:
    targets = generator(0, "large").normal(loc=1e4, size=(1000, 1))
    outputs = targets.astype(np.float32)
    expected = sklearn_metrics.r2_score(targets, outputs.astype(np.float64))
    assert score(targets, outputs, None)["r2"] == pytest.approx(expected, rel=1e-12)


def test_targets_that_never_change_explain_nothing() -> None:
    assert score(np.ones((4, 1)), np.zeros((4, 1)), None)["r2"] == 0


@pytest.mark.parametrize("classification", [True, False])
def test_names_are_those_of_the_figures(classification: bool) -> None:
    targets = np.zeros(3) if classification else np.zeros((3, 1))
    figures = score(targets, np.zeros((3, 1)), np.zeros(3) if classification else None)
    assert names(classification=classification) == ("loss", *figures)
    assert set(CLASSIFICATION + REGRESSION) >= HIGHER_IS_BETTER
