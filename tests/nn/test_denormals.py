"""Tests of flushing denormals to zero inside a block, and restoring the mode after it."""

from __future__ import annotations

import platform
import sys

import numpy as np
import pytest

from nnkit.nn.denormals import flushed_denormals


def halved(dtype: str) -> bool:
    """Whether half of the smallest normal number is greater than zero."""
    smallest = np.full(100, np.finfo(dtype).smallest_normal)
    return bool((smallest * 0.5 > 0).all())


@pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64", reason="nothing happens there"
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_denormals_are_zero_within_alone(dtype: str) -> None:
    assert halved(dtype)
    with flushed_denormals():
        assert not halved(dtype)
        with flushed_denormals():
            assert not halved(dtype)
        assert not halved(dtype)
    assert halved(dtype)


def test_they_are_back_after_an_error() -> None:
    with pytest.raises(ValueError, match="inside"), flushed_denormals():
        raise ValueError("inside")
    assert halved("float32")
