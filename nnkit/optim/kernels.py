"""Compiled one-pass updates, used where numba (the `speed` extra) is installed.

NumPy makes one pass over memory per operation, and a long update is bound by memory: Adam's ten
operations on 10⁵ parameters take four times as long as one compiled pass. Each kernel does its
NumPy twin's operations in the same order without fusing multiply and add, so both give the same
bits, and a run may be resumed with or without numba.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from math import sqrt
from typing import Any

from numpy.typing import NDArray

from nnkit.paths import cache_folder

# Importing numba takes half a second: only a model of this many parameters earns it back.
WORTHWHILE = 20_000

Kernel = Callable[..., None]


def adam(params: NDArray[Any]) -> Kernel | None:
    """The compiled Adam pass, or None where it is not installed or not worthwhile."""
    return _compile(_adam) if params.size >= WORTHWHILE and available() else None


def sgd(params: NDArray[Any]) -> Kernel | None:
    """The compiled plain SGD pass, or None likewise."""
    return _compile(_sgd) if params.size >= WORTHWHILE and available() else None


@cache
def available() -> bool:
    """Whether numba is installed and not switched off by NNKIT_COMPILED=0."""
    return os.environ.get("NNKIT_COMPILED", "1") != "0" and find_spec("numba") is not None


@cache
def _compile(function: Kernel) -> Kernel:
    """The function compiled for whatever types it is called with; machine code is kept on disk."""
    os.environ.setdefault("NUMBA_CACHE_DIR", str(cache_folder() / "numba"))
    import numba

    # Without NumPy's error model each division is tested for zero, which keeps it from vectorizing.
    compiled: Kernel = numba.njit(cache=True, error_model="numpy")(function)
    return compiled


def _sgd(p: Any, g: Any, lr: Any) -> None:
    for i in range(p.size):
        p[i] = p[i] - g[i] * lr


def _adam(p: Any, g: Any, m: Any, v: Any, beta1: Any, beta2: Any, rate: Any, eps: Any) -> None:
    for i in range(p.size):
        first = m[i] * beta1 + g[i]
        second = v[i] * beta2 + g[i] * g[i]
        m[i] = first
        v[i] = second
        p[i] = p[i] - first / (sqrt(second) + eps) * rate
