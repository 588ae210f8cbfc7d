"""Tests of the resampling of images: NumPy's bits, and nothing beyond the arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnkit.data.augment import resample as module
from nnkit.data.augment.resample import Fill, Warp, resample
from nnkit.data.dataset import Array
from nnkit.native.library import Library
from nnkit.random import generator
from tests.native.test_image_programs import VARIANTS, kernels

pytestmark = pytest.mark.native
# Rows shorter than a vector, as long, longer by a few pixels, and of several vectors; channels.
SHAPES = [(1, 1, 2), (2, 3, 5), (1, 4, 16), (3, 2, 19), (1, 28, 28)]


def images(shape: tuple[int, ...], dtype: str = "float32") -> Array:
    return generator(0, "images").normal(size=(7, *shape)).astype(dtype)


def warp(X: Array, displaced: bool = True) -> Warp:
    """A warp that reaches beyond the images on all sides."""
    rng, found = generator(0, "warp"), Warp(len(X))
    found.then_affine(np.eye(2) + rng.normal(0, 0.3, (len(X), 2, 2)), rng.normal(0, 3, (len(X), 2)))
    if displaced:
        found.then_displace(rng.normal(0, 2, (2, len(X), *X.shape[2:])).astype(X.dtype))
    return found


def resampled(X: Array, by: Warp, fill: Fill, with_kernels: Library | None) -> Array:
    """The images after resampling by the kernels of a variant, or by NumPy."""
    found = X.copy()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "library", lambda: with_kernels)
        resample(found, by, fill)
    return found


@pytest.mark.parametrize("displaced", [False, True], ids=["", "displaced"])
@pytest.mark.parametrize("fill", ["edge", -1.5])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_bits_are_those_of_numpy(
    variant: str, shape: tuple[int, ...], dtype: str, fill: Any, displaced: bool
) -> None:
    X = images(shape, dtype)
    by = warp(X, displaced)
    found = resampled(X, by, fill, kernels(variant))
    assert (found != X).any()
    assert found.tobytes() == resampled(X, by, fill, None).tobytes()


def test_displacements_lie_in_memory_in_any_order() -> None:
    X = images((2, 6, 19))
    by = warp(X)
    displacement = by.displacement
    assert displacement is not None
    found = []
    for order in [(0, 1, 2, 3), (2, 1, 0, 3), (3, 2, 1, 0)]:  # the last has no whole rows
        back = np.argsort(order)
        by.displacement = np.ascontiguousarray(displacement.transpose(order)).transpose(back)
        found.append(resampled(X, by, 0.0, kernels()).tobytes())
    assert found == [resampled(X, by, 0.0, None).tobytes()] * 3


def test_images_that_do_not_lie_side_by_side_are_left_to_numpy() -> None:
    X = images((1, 9, 20))
    by, wanted = warp(X), resampled(X, warp(X), 0.0, kernels())
    among_others = np.full((7, 1, 9, 40), np.nan, np.float32)
    part = among_others[..., ::2]
    part[...] = X
    resample(part, by, 0.0)
    np.testing.assert_array_equal(part, wanted)
    assert np.isnan(among_others[..., 1::2]).all()


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -1e30])
def test_places_that_are_no_numbers_read_nothing_outside(bad: float, variant: str) -> None:
    X = images((1, 5, 9))
    by = warp(X)
    assert by.displacement is not None
    by.displacement[:, :, 2] = bad
    found = resampled(X, by, 0.0, kernels(variant))
    assert np.abs(found).max() <= np.abs(X).max()
