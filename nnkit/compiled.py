"""Compiling with numba, where it is installed and worth the time.

NumPy makes one pass over memory per operation, at half a microsecond a call; a compiled kernel
makes one in all. Kernels stand beside the NumPy code that they replace, as `nn/layer_kernels.py`
does, and do its operations in the same order without fusing multiply and add, so that parameters
get the same bits from both, and a run may be resumed with or without numba. Layers whose kernels do
not, because they add in any order, say so: `LayerSpec.rounds_differently`.
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

# Importing numba takes half a second, which pays only above this many multiplications per sample.
WORTHWHILE = 20_000

# Optimizations allowed in inexact kernels: those that respect NaN and infinity.
INEXACT = {"contract", "nsz", "reassoc"}

Kernel = TypeVar("Kernel", bound=Callable[..., object])


def worthwhile(multiplications: int) -> bool:
    """Whether a model that multiplies so often for a sample shall use compiled kernels."""
    return multiplications >= WORTHWHILE and available()


@cache
def available() -> bool:
    """Whether numba can be imported, and is not switched off by NNKIT_COMPILED=0.

    A numba that is installed but does not import, as when it refuses a newer NumPy, is as good as
    none: a warning says so once.
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
    """The function compiled for whatever types it is called with; machine code is kept on disk.

    Args:
        function: plain Python that numba understands.
        exact: whether it shall round as NumPy does; else sums may be taken in any order, and a
            product and a sum be rounded at once.
    """
    return _compiled(function, exact)


@cache
def _compiled(function: Kernel, exact: bool) -> Kernel:
    import numba

    # Without NumPy's error model each division is tested for zero, which keeps it from vectorizing.
    result: Kernel = numba.njit(
        cache=True, error_model="numpy", nogil=True, fastmath=False if exact else INEXACT
    )(function)
    return result


def own_process() -> None:
    """Let nnkit configure numba for the whole process, as the command line does at its start.

    It keeps machine code in nnkit's cache folder and uses the full width of AVX-512. In a program
    that imports nnkit as a library, numba's configuration belongs to that program.
    """
    global _owns_process  # noqa: PLW0603 (a setting of the process)
    _owns_process = True


_owns_process = False


def _configure_numba() -> None:
    """Sets what numba reads when it is imported; what the user has set stays."""
    os.environ.setdefault("NUMBA_CACHE_DIR", str(cache_folder() / "numba"))
    try:
        import llvmlite.binding as llvm
    except Exception:  # noqa: BLE001 (numba will not import either, and is told of then)
        return
    features = llvm.get_host_cpu_features()
    if features.get("avx512f") and "NUMBA_CPU_FEATURES" not in os.environ:
        # LLVM prefers half-width vectors by default, since full ones once lowered the clock rate.
        os.environ["NUMBA_CPU_NAME"] = llvm.get_host_cpu_name()
        os.environ["NUMBA_CPU_FEATURES"] = features.flatten() + ",-prefer-256-bit"


def vector_registers() -> tuple[int, int]:
    """Bytes of a vector register that kernels are compiled for, and how many there are."""
    import llvmlite.binding as llvm
    import numba

    features = numba.config.CPU_FEATURES or llvm.get_host_cpu_features().flatten()
    if "+avx512f" in features:
        return (64, 32) if "-prefer-256-bit" in features else (32, 32)
    if "+avx" in features:
        return 32, 16
    return 16, 32 if llvm.get_process_triple().startswith(("aarch64", "arm64")) else 16


def kernels() -> str:
    """The compiled kernels, as far as the bits of those that round otherwise depend on them."""
    import numba

    return f"numba {numba.__version__}, vectors of {8 * vector_registers()[0]} bits"
