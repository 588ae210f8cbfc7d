"""Loads the compiled library, and chooses the kernels for this processor."""

from __future__ import annotations

import ctypes
import os
import platform
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from nnkit.native.build import BuildError, library_name, variants_of

SETTING = "NNKIT_NATIVE"  # 0 for NumPy alone, or the name of an instruction set


class Library(NamedTuple):
    """The loaded library.

    Attributes:
        functions: its functions, by name.
        variant: the instruction set whose kernels are used, such as `avx2`.
    """

    functions: ctypes.CDLL
    variant: str

    def function(
        self, name: str, bits: int, result: type[Any] | None, *arguments: type[Any]
    ) -> Callable[..., Any]:
        """A function of the chosen variant, for numbers of that many bits."""
        found = getattr(self.functions, f"nnkit_{name}_{self.variant}_f{bits}")
        found.restype, found.argtypes = result, arguments
        called: Callable[..., Any] = found
        return called


@cache
def library() -> Library | None:
    """The library, or None where there is none or `NNKIT_NATIVE=0` disables it.

    A library that does not load is reported once by a warning; NumPy then does the work. So is a
    value of `NNKIT_NATIVE` that names no instruction set of this processor.
    """
    wanted = os.environ.get(SETTING, "")
    path = Path(__file__).parent / library_name()
    if wanted == "0" or not path.exists():
        return None
    try:
        functions = ctypes.CDLL(str(path))
        usable = list(variants_of(platform.machine()))[: functions.nnkit_variants()]
    except (OSError, AttributeError, BuildError) as error:
        _warn(f"the compiled kernels cannot be loaded, continuing with NumPy: {error}")
        return None
    if wanted and wanted not in usable:
        _warn(f"{SETTING}={wanted} is not one of {', '.join(['0', *usable])}; it is ignored")
        wanted = ""
    return Library(functions, wanted or usable[-1])


def kernels() -> str:
    """The kernels in use, such as `avx2`, on which the bits of results depend; or `NumPy`."""
    loaded = library()
    return loaded.variant if loaded is not None else "NumPy"


def _warn(message: str) -> None:
    warnings.warn(message, RuntimeWarning, stacklevel=4)
