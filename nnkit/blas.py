"""NumPy's BLAS: how many threads it takes, and whether it is quick at small products."""

from __future__ import annotations

from functools import cache

from threadpoolctl import ThreadpoolController

# The processors (as OpenBLAS names them) for which it has kernels that multiply without packing.
SMALL_KERNELS = {"SkylakeX", "Cooperlake", "SapphireRapids"}


@cache
def controller() -> ThreadpoolController:
    """What sets the number of threads."""
    return ThreadpoolController()


@cache
def has_small_kernels() -> bool:
    """Whether it is an OpenBLAS with kernels for small products on this processor."""
    found = controller().select(internal_api="openblas").info()
    return bool(found) and all(library["architecture"] in SMALL_KERNELS for library in found)
