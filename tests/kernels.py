"""Runs kernels in tests as plain Python, or compiled by numba."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from nnkit import compiled

# Without numba, kernels still run as slow Python, so that their arithmetic is always tested.
INTERPRETED, COMPILED = "interpreted", "compiled"
WAYS = [INTERPRETED, *([COMPILED] if compiled.available() else [])]
ENGINES = [None, *WAYS]  # and NumPy


@contextmanager
def kernels(way: str | None) -> Iterator[list[str]]:
    """Uses kernels for any amount of computation, or only NumPy if `way` is None.

    Yields the names of the kernels called within the block, in order.
    """
    called: list[str] = []
    compile_with_numba = compiled._compiled

    def recorded(function: Callable[..., object], exact: bool) -> Callable[..., object]:
        kernel = compile_with_numba(function, exact) if way == COMPILED else function

        def call(*arguments: Any) -> object:
            called.append(function.__name__)
            return kernel(*arguments)

        return call

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "_compiled", recorded)
        patch.setattr(compiled, "WORTHWHILE", 0)
        patch.setattr(compiled, "available", lambda: way is not None)
        yield called
