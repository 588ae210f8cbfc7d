"""Compiles functions with numba, if it is installed and worth the time.

NumPy makes one pass over memory per operation, with half a microsecond of overhead per call; a
compiled kernel makes a single pass. Kernels are in modules beside the NumPy code that they replace,
such as `nn/layer_kernels.py`. They do the same operations in the same order, without fused multiply
and add, so parameters get the same bits from both, and a run can be resumed with or without numba.
Layers whose kernels differ, because they add in any order, set `LayerSpec.rounds_differently`.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import TypeVar

from nnkit.paths import cache_folder

# Multiplications per sample from which numba is worth its import, which takes half a second.
WORTHWHILE = 20_000

# Optimizations allowed in inexact kernels: those that respect NaN and infinity.
INEXACT = {"contract", "nsz", "reassoc"}

Kernel = TypeVar("Kernel", bound=Callable[..., object])


def worthwhile(multiplications: int) -> bool:
    """Whether to use compiled kernels for a model with this many multiplications per sample."""
    return multiplications >= WORTHWHILE and available()


@cache
def available() -> bool:
    """Whether numba can be imported and is not disabled by NNKIT_COMPILED=0.

    If numba is installed but cannot be imported, for instance because it does not support a newer
    NumPy, a warning is issued once.
    """
    if os.environ.get("NNKIT_COMPILED", "1") == "0" or find_spec("numba") is None:
        return False
    if _owns_process:
        _configure_numba()
    try:
        import_module("numba")
    except Exception as error:  # noqa: BLE001 (ImportError, SystemError, AttributeError and others)
        warnings.warn(
            f"numba cannot be imported, continuing with NumPy: {error}",
            RuntimeWarning,
            stacklevel=2,
        )
        return False
    return True


def compiled(function: Kernel, exact: bool = True) -> Kernel:
    """Compiles a function for the types it is called with; machine code is cached on disk.

    Args:
        function: a function in the subset of Python that numba supports.
        exact: whether to round as NumPy does; otherwise sums may be reordered, and a product and a
            sum may be fused.
    """
    return _compiled(function, exact)


@cache
def _compiled(function: Kernel, exact: bool) -> Kernel:
    import numba

    # With Python's error model, each division checks for zero, which prevents vectorization.
    result: Kernel = numba.njit(
        cache=True, error_model="numpy", nogil=True, fastmath=False if exact else INEXACT
    )(function)
    return result


def own_process() -> None:
    """Lets nnkit configure numba for the whole process, as the command line does at start.

    Machine code is then cached in nnkit's cache folder and uses the full width of AVX-512. In a
    program that imports nnkit as a library, numba's configuration is left to that program.
    """
    global _owns_process  # noqa: PLW0603 (a setting of the process)
    _owns_process = True


_owns_process = False


def _configure_numba() -> None:
    """Sets the environment variables that numba reads on import, unless the user has set them."""
    os.environ.setdefault("NUMBA_CACHE_DIR", str(cache_folder() / "numba"))
    try:
        import llvmlite.binding as llvm
    except Exception:  # noqa: BLE001 (importing numba will fail too, with a warning)
        return
    features = llvm.get_host_cpu_features()
    if features.get("avx512f") and "NUMBA_CPU_FEATURES" not in os.environ:
        # LLVM prefers half-width vectors by default, since full ones once lowered the clock rate.
        os.environ["NUMBA_CPU_NAME"] = llvm.get_host_cpu_name()
        os.environ["NUMBA_CPU_FEATURES"] = features.flatten() + ",-prefer-256-bit"


def vector_registers() -> tuple[int, int]:
    """The size in bytes of the vector registers used by kernels, and their number."""
    import llvmlite.binding as llvm
    import numba

    features = numba.config.CPU_FEATURES or llvm.get_host_cpu_features().flatten()
    if "+avx512f" in features:
        return (64, 32) if "-prefer-256-bit" in features else (32, 32)
    if "+avx" in features:
        return 32, 16
    return 16, 32 if llvm.get_process_triple().startswith(("aarch64", "arm64")) else 16


def kernels() -> str:
    """The numba version and vector width, on which the bits of inexact kernels depend."""
    import numba

    return f"numba {numba.__version__}, vectors of {8 * vector_registers()[0]} bits"
