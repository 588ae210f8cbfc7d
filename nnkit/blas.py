"""NumPy's BLAS: its threads, its kernels, and whether it is fast for small products."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from math import inf
from threading import Lock

import numpy  # noqa: F401, ICN001 (loads the BLAS, or threadpoolctl would not find it)
from threadpoolctl import LibController, ThreadpoolController

# Processors, as named by OpenBLAS, for which it has kernels that multiply without packing.
SMALL_KERNELS = {"SkylakeX", "Cooperlake", "SapphireRapids"}


@cache
def controller() -> ThreadpoolController:
    """The controller that sets the number of BLAS threads."""
    return ThreadpoolController()


_lock = Lock()
_limits: list[int] = []  # limits of all running `limited_threads` blocks
_before: list[int] = []  # the libraries' limits before the first of these blocks


@contextmanager
def limited_threads(count: int) -> Iterator[None]:
    """Limits BLAS to `count` threads within the block.

    Most libraries have one setting for the whole process. While several threads run such blocks,
    the smallest limit applies to all; after the last block, the previous setting is restored.
    """
    shared, own = _libraries()
    own_before = [library.num_threads for library in own]
    _set_threads(own, [count] * len(own))
    with _lock:
        if not _limits:
            _before[:] = [library.num_threads for library in shared]
        # Set only if it changes something: the call releases the GIL, and reacquiring it takes
        # longer than the call.
        if count < min(_limits, default=inf):
            _set_threads(shared, [count] * len(shared))
        _limits.append(count)
    try:
        yield
    finally:
        with _lock:
            _limits.remove(count)
            if count < min(_limits, default=inf):
                _set_threads(shared, [min(_limits)] * len(shared) if _limits else _before)
        _set_threads(own, own_before)


@cache
def _libraries() -> tuple[list[LibController], list[LibController]]:
    """The BLAS libraries with one setting per process, and those with one per thread."""
    found = [library for library in controller().lib_controllers if library.user_api == "blas"]
    own = [library for library in found if getattr(library, "threading_layer", "") == "openmp"]
    shared = [library for library in found if library not in own]
    for library in shared:
        # PyDLL keeps the GIL: the calls take nanoseconds, reacquiring the GIL takes longer.
        library.dynlib = ctypes.PyDLL(library.filepath)
    return shared, own


def _set_threads(libraries: Sequence[LibController], counts: Sequence[int]) -> None:
    for library, count in zip(libraries, counts, strict=True):
        library.set_num_threads(count)
        # Since threadpoolctl 3.8, the first thread that sets the number silently keeps all others
        # from doing so until it releases control; another thread may have to restore the setting.
        let_go = getattr(library, "clear_controlling_thread", None)
        if let_go is not None:
            let_go()


@cache
def kernels() -> str:
    """The BLAS and the processor that its kernels are chosen for, such as `openblas Haswell`.

    Kernels for another processor round products differently.
    """
    found = controller().select(user_api="blas").info()
    names = {f"{blas['internal_api']} {blas.get('architecture') or ''}".strip() for blas in found}
    return ", ".join(sorted(names)) or "unknown"


@cache
def has_small_kernels() -> bool:
    """Whether NumPy's BLAS is an OpenBLAS with kernels for small products on this processor."""
    found = controller().select(internal_api="openblas").info()
    return bool(found) and all(library["architecture"] in SMALL_KERNELS for library in found)
