"""Tests of the messages about inputs that are not scaled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnkit.data.preprocessing.feature_scaling import MinMax, Rescale, Standardize
from nnkit.data.preprocessing.one_hot import OneHot
from nnkit.task.input_scales import scale_notices

GREY = np.tile(np.arange(256, dtype=np.float64), (3, 1)).reshape(3, 1, 16, 16)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (GREY, "the inputs reach 255 and are not scaled"),
        (np.array([[0.1, 2e4], [0.2, 3e4]]), "reach 3e+04 in column 'income', and their"),
        (
            np.array([[1.0, 150.0], [2.0, 151.0]]),
            "inputs reach 151 in column 'income', and",
        ),
        (np.array([[0.001, 1.0], [0.002, 2.0]]), "deviations differ by a factor of 1e+03"),
    ],
)
def test_what_is_not_scaled_is_said(inputs: Any, message: str) -> None:
    names = ("share", "income") if inputs.ndim == 2 else ()
    (notice,) = scale_notices(inputs, [OneHot()], names)
    assert message in notice
    for step in (Rescale(), MinMax(), Standardize()):
        assert list(scale_notices(inputs, [step], names)) == []


def test_inputs_near_one_are_fine() -> None:
    assert list(scale_notices(np.array([[0.0, 1.0, 5.0], [1.0, -1.0, 5.0]]), [], ())) == []
