"""Compiling with numba (the `speed` extra), where it is installed and worth the time.

NumPy makes one pass over memory per operation, at half a microsecond a call; a compiled kernel
makes one in all. Kernels stand beside the NumPy code that they replace, in a `kernels.py`, and do
its operations in the same order without fusing multiply and add, so that parameters get the same
bits from both, and a run may be resumed with or without numba. Layers whose kernels do not, because
they add in any order, say so: `LayerSpec.rounds_otherwise`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from typing import TypeVar

from nnkit.paths import cache_folder

# Importing numba takes half a second: only so many multiplications for a sample earn it back.
WORTHWHILE = 20_000

# What an inexact kernel may do: NaN and infinity stay what they are.
INEXACT = {"contract", "nsz", "reassoc"}

Kernel = TypeVar("Kernel", bound=Callable[..., object])


def worthwhile(multiplications: int) -> bool:
    """Whether a model that multiplies so often for a sample shall use compiled kernels."""
    return multiplications >= WORTHWHILE and available()


@cache
def available() -> bool:
    """Whether numba is installed and not switched off by NNKIT_COMPILED=0."""
    return os.environ.get("NNKIT_COMPILED", "1") != "0" and find_spec("numba") is not None


def compiled(function: Kernel, exact: bool = True) -> Kernel:
    """The function compiled for whatever types it is called with; machine code is kept on disk.

    Args:
        function: plain Python that numba understands.
        exact: whether it shall round as NumPy does; else sums may be taken in any order, and a
            product and a sum be rounded at once.
    """
    return _compiled(function, exact)


@cache
def _compiled(function: Kernel, exact: bool) -> Kernel:
    os.environ.setdefault("NUMBA_CACHE_DIR", str(cache_folder() / "numba"))
    _prefer_wide_vectors()
    import numba

    numba.config.reload_config()  # where it was imported before the variables were set
    # Without NumPy's error model each division is tested for zero, which keeps it from vectorizing.
    result: Kernel = numba.njit(
        cache=True, error_model="numpy", nogil=True, fastmath=False if exact else INEXACT
    )(function)
    return result


def vector_registers() -> tuple[int, int]:
    """Bytes of a vector register of the machine that is compiled for, and how many it has."""
    import llvmlite.binding as llvm

    _prefer_wide_vectors()
    features = os.environ.get("NUMBA_CPU_FEATURES", llvm.get_host_cpu_features().flatten())
    if "+avx512f" in features:
        return 64, 32
    if "+avx" in features:
        return 32, 16
    return 16, 32 if llvm.get_process_triple().startswith(("aarch64", "arm64")) else 16


def _prefer_wide_vectors() -> None:
    """Lets AVX-512 use its full width: LLVM prefers half of it, from the days when it ran hot."""
    import llvmlite.binding as llvm

    features = llvm.get_host_cpu_features()
    if features.get("avx512f") and "NUMBA_CPU_FEATURES" not in os.environ:
        os.environ["NUMBA_CPU_NAME"] = llvm.get_host_cpu_name()
        os.environ["NUMBA_CPU_FEATURES"] = features.flatten() + ",-prefer-256-bit"
