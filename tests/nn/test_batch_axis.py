"""Tests of the conversion between samples first and samples last."""

from __future__ import annotations

import numpy as np
import pytest

from nnkit.nn.batch_axis import batch_first, batch_last


@pytest.mark.parametrize("shape", [(7, 5), (7, 2, 3), (7, 1, 4, 4)])
def test_batch_last_and_back_is_a_view(shape: tuple[int, ...]) -> None:
    X = np.arange(np.prod(shape)).reshape(shape)
    assert batch_last(X).shape == (*shape[1:], 7)
    assert np.shares_memory(batch_last(X), X)
    np.testing.assert_array_equal(batch_first(batch_last(X)), X)
