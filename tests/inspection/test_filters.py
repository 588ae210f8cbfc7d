"""Tests of filter responses on a picture, compared with SciPy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import correlate

import nnkit
from nnkit.errors import UsageError
from nnkit.inference.trained_model import TrainedModel
from nnkit.inspection.filters import CLASSIC, correlated, filtered, first_filters
from nnkit.random import generator
from tests.training.configs import pictures

PICTURE = Path(__file__).parents[2] / "data" / "pictures" / "7.png"


@pytest.mark.parametrize("name", CLASSIC)
def test_as_scipy_correlates(name: str) -> None:
    pixels = generator(0, "picture").random((9, 7))
    weights = np.array(CLASSIC[name])
    (found,) = correlated(pixels, weights[None])
    np.testing.assert_allclose(found, correlate(pixels, weights, mode="nearest"), atol=1e-12)


def trained(tmp_path: Path, *layers: object) -> TrainedModel:
    return nnkit.train(
        pictures(tmp_path, architecture={"layers": [*layers, "flatten", {"dense": 3}]}),
        runs=tmp_path,
    ).load()


def test_colour_or_dense_networks_have_no_such_filters(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a convolution of grey pictures"):
        first_filters(trained(tmp_path, {"conv": {"filters": 2, "kernel": 3}}))


def test_a_sheet_of_them_all() -> None:
    sheet = filtered(PICTURE)
    assert sheet.captions == [*CLASSIC]
    identity = np.asarray(sheet.pictures[0])
    grey = Image.open(PICTURE).convert("L")
    assert abs(identity.mean() - np.asarray(grey).mean()) < 3
    assert {picture.size for picture in sheet.pictures} == {sheet.pictures[0].size}
