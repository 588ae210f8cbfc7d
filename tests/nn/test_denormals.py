"""Tests of flushing denormals to zero inside a block, and restoring the mode after it."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable

import numpy as np
import pytest

from nnkit.nn import denormals
from nnkit.nn.denormals import (
    Arithmetic,
    arithmetic_of_kernels,
    arithmetic_of_system,
    flushed_denormals,
)

WAYS = [pytest.param(arithmetic_of_kernels, marks=pytest.mark.native, id="kernels")]
if sys.platform == "linux":
    WAYS += [pytest.param(arithmetic_of_system, id="system")]


def halved(dtype: str) -> bool:
    """Whether half of the smallest normal number is greater than zero."""
    smallest = np.full(100, np.finfo(dtype).smallest_normal)
    return bool((smallest * 0.5 > 0).all())


if platform.machine() in ("x86_64", "AMD64"):

    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_denormals_are_zero_within_alone(
        dtype: str, way: Callable[[], Arithmetic | None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(denormals, "_arithmetic", way)
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
