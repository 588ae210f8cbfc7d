"""Tests of target scaling: as scikit-learn's scalers, undone exactly, fitted on training data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler

from nnkit.config.spec import members
from nnkit.data.dataset import Array, Samples
from nnkit.data.lazy import LazyArray
from nnkit.data.target_scaling import AnyTargetScaling, TargetScaler, TargetScaling
from nnkit.errors import SettingError

SCALINGS = members(AnyTargetScaling)
REFERENCES: dict[str, Any] = {
    "none": FunctionTransformer(),
    "standardize": StandardScaler(),
    "minmax": MinMaxScaler(),
    "log": make_pipeline(FunctionTransformer(np.log, np.exp), StandardScaler()),
}
PRICES = np.random.default_rng(0).lognormal([12, 0], [0.5, 2], size=(200, 2))


def scaling_of(kind: str) -> TargetScaling:
    found = SCALINGS[kind](kind=kind)
    assert isinstance(found, TargetScaling)
    return found


def fitted(kind: str, T: Any, **held_out: Any) -> TargetScaler:
    sets = {name: Samples(T, T) for name, T in {"train": T, **held_out}.items()}
    return TargetScaler.fit(scaling_of(kind), sets)


def test_every_kind_has_a_reference() -> None:
    assert REFERENCES.keys() == SCALINGS.keys()


@pytest.mark.parametrize("kind", SCALINGS)
def test_targets_are_scaled_as_by_scikit_learn(kind: str) -> None:
    reference = REFERENCES[kind].fit(PRICES[:150])
    scaler = fitted(kind, PRICES[:150], test=PRICES[150:])
    np.testing.assert_allclose(scaler.scale(PRICES), reference.transform(PRICES), rtol=1e-12)
    outputs = np.random.default_rng(1).normal(size=(50, 2))
    np.testing.assert_allclose(
        scaler.undo(outputs), reference.inverse_transform(outputs), rtol=1e-12
    )


@pytest.mark.parametrize("kind", SCALINGS)
def test_scaling_is_undone(kind: str) -> None:
    scaler = fitted(kind, PRICES)
    np.testing.assert_allclose(scaler.undo(scaler.scale(PRICES)), PRICES, rtol=1e-12)


@pytest.mark.parametrize("kind", SCALINGS)
def test_constant_targets_are_predicted_as_they_are(kind: str) -> None:
    constant = np.full((9, 1), 0.1)
    scaler = fitted(kind, constant)
    np.testing.assert_allclose(scaler.undo(scaler.scale(constant)), constant, rtol=1e-12)
    assert np.isfinite(scaler.scale(2 * constant)).all()


def test_statistics_of_targets_on_disk_are_those_of_the_whole() -> None:
    lazy = LazyArray(PRICES, np.arange(len(PRICES)))
    for name, value in fitted("log", PRICES).statistics.items():
        np.testing.assert_array_equal(fitted("log", lazy).statistics[name], value)


@pytest.mark.parametrize("name", ["train", "test"])
@pytest.mark.parametrize("value", [0.0, -3.5])
def test_log_names_the_row_of_a_target_that_is_not_positive(name: str, value: float) -> None:
    wrong: Array = PRICES.copy()
    wrong[4, 1] = value
    rows = np.arange(len(wrong)) * 10
    sets = {"train": Samples(PRICES, PRICES), name: Samples(wrong, wrong, origins=rows)}
    with pytest.raises(SettingError, match=f"positive targets, but row 40 has {value:g}") as caught:
        TargetScaler.fit(scaling_of("log"), sets)
    assert (caught.value.path, caught.value.exit_code) == (("data", "target"), 3)
