"""Tests of gradient clipping: PyTorch's values, and the bound of each kind."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from math import prod
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from nnkit.nn.params import Array
from nnkit.optim.clipping import AnyClipping, Clipping
from nnkit.random import generator
from tests.golden import case_name, torch_vectors
from tests.nn.examples import examples, name

every = pytest.mark.parametrize("clipping", examples(AnyClipping), ids=name)


def cut(flat: Array, shapes: Sequence[tuple[int, ...]]) -> list[Array]:
    """Returns consecutive views of the given shapes."""
    ends = accumulate(map(prod, shapes), initial=0)
    return [flat[a:b].reshape(s) for (a, b), s in zip(pairwise(ends), shapes, strict=True)]


@pytest.mark.parametrize("case", torch_vectors("clippings"), ids=case_name)
def test_as_pytorch_clips(case: dict[str, Any]) -> None:
    """Compares to 1e-6 of the norm, because PyTorch adds 1e-6 to it."""
    clipping: Clipping = TypeAdapter(AnyClipping).validate_python(case["spec"])
    gradients = [np.array(gradient) for gradient in case["gradients"]]
    flat = np.concatenate([gradient.ravel() for gradient in gradients])
    blocks = cut(flat, [gradient.shape for gradient in gradients])
    clipping.clip(flat, blocks)
    for block, clipped in zip(blocks, case["clipped"], strict=True):
        np.testing.assert_allclose(block, clipped, rtol=2e-6)


@every
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_short_gradients_stay_to_the_bit(clipping: Clipping, dtype: str) -> None:
    flat = (0.1 * clipping.limit * generator(0, "clip").normal(size=20) / 20).astype(dtype)
    before = flat.copy()
    clipping.clip(flat, cut(flat, [(3, 4), (8,)]))
    np.testing.assert_array_equal(flat, before)
    assert flat.dtype == dtype


@every
def test_long_gradients_are_bounded(clipping: Clipping) -> None:
    flat = 1e6 * generator(0, "clip").normal(size=20)
    blocks = cut(flat, [(3, 4), (8,)])
    clipping.clip(flat, blocks)
    sizes = {
        "value": np.abs(flat).max(),
        "norm": max(np.linalg.norm(block.ravel()) for block in blocks),
        "global_norm": np.linalg.norm(flat),
    }
    assert sizes[clipping.tag()] == pytest.approx(clipping.limit)


@every
def test_gradients_whose_squares_overflow_keep_their_direction(clipping: Clipping) -> None:
    signs = np.array([1, -1, 1, 1, -1], np.float32)
    flat = np.float32(1e25) * signs
    clipping.clip(flat, [flat])
    np.testing.assert_array_equal(np.sign(flat), signs)
    assert np.abs(flat).max() <= clipping.limit
