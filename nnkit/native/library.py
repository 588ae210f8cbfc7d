"""Loads the compiled library, and chooses the kernels for this processor."""

from __future__ import annotations

import ctypes
import os
import platform
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from struct import unpack_from
from typing import Any, NamedTuple

from nnkit.errors import UsageError
from nnkit.native.platforms import BuildError, instruction_sets, library_path, sources_digest

SETTING = "NNKIT_NATIVE"  # 0 for NumPy alone, or the name of an instruction set
NUMPY = "NumPy"  # instead of an instruction set
COMPILE = "python -m nnkit.native.build"
ELF_MACHINES = {"x86_64": 62, "aarch64": 183}  # EM_X86_64 and EM_AARCH64 of elf.h


class Library(NamedTuple):
    """The loaded library.

    Attributes:
        functions: its functions, by name.
        quick_functions: the same, called without releasing the GIL.
        variant: the instruction set whose kernels are used, such as `avx2`.
    """

    functions: ctypes.CDLL
    quick_functions: ctypes.PyDLL
    variant: str

    def function(
        self,
        name: str,
        bits: int,
        result: type[Any] | None,
        *arguments: type[Any],
        keeps_gil: bool = False,
    ) -> Callable[..., Any]:
        """A function of the chosen variant, for numbers of that many bits.

        With `keeps_gil` other threads of Python wait for calls. This is faster for all of them if
        calls are short: to take the GIL again, a thread may wait longer than the call took.
        """
        functions = self.quick_functions if keeps_gil else self.functions
        found = getattr(functions, f"nnkit_{name}_{self.variant}_f{bits}")
        found.restype, found.argtypes = result, arguments
        called: Callable[..., Any] = found
        return called


class LibraryError(Exception):
    """The library cannot be used; the message says why, and what to do."""


@cache
def library() -> Library | None:
    """The library, or None where there is none or `NNKIT_NATIVE=0` disables it.

    A library that cannot be used is reported once by a warning; NumPy then does the work.

    Raises:
        UsageError: `NNKIT_NATIVE` asks for kernels that there are not.
    """
    wanted, path = os.environ.get(SETTING, ""), library_path()
    if wanted == "0":
        return None
    usable: list[str] = []
    functions = None
    if path.exists():
        try:
            functions = load(path)
            usable = usable_kernels(functions)
        except (LibraryError, BuildError) as error:
            message = f"the compiled kernels cannot be used, continuing with NumPy: {error}"
            warnings.warn(message, RuntimeWarning, stacklevel=2)
    if wanted and wanted not in usable:
        raise UsageError(f"{SETTING}={wanted}: use one of {', '.join(['0', *usable])}")
    if functions is None:
        return None
    return Library(functions, ctypes.PyDLL(str(path)), wanted or usable[-1])


def load(path: Path) -> ctypes.CDLL:
    """Loads a library and checks that it belongs to the sources beside it.

    Raises:
        LibraryError: it is damaged, for another system, or was compiled from other sources.
    """
    try:
        if fault := fault_of(path):
            raise LibraryError(f"{path} {fault}; compile it again: {COMPILE}")
        functions = ctypes.CDLL(str(path))
        functions.nnkit_sources_digest.restype = ctypes.c_uint64
        compiled_from = functions.nnkit_sources_digest()
        functions.nnkit_instruction_sets.restype = ctypes.c_int64
    except (OSError, AttributeError) as error:
        raise LibraryError(f"{error}; compile them again: {COMPILE}") from None
    if compiled_from != sources_digest():
        raise LibraryError(f"{path} was compiled from other sources; compile it again: {COMPILE}")
    return functions


def usable_kernels(functions: ctypes.CDLL) -> list[str]:
    """The instruction sets in a library that this processor has, from the most basic."""
    return list(instruction_sets())[: functions.nnkit_instruction_sets()]


def kernels() -> str:
    """The kernels in use, such as `avx2`, on which the bits of results depend; or `NumPy`."""
    loaded = library()
    return NUMPY if loaded is None else loaded.variant


def notices() -> list[str]:
    """Messages to a user who trains without compiled kernels and has not asked for it."""
    if os.environ.get(SETTING) or library_path().exists():
        return []
    try:
        instruction_sets()
    except BuildError as error:
        return [f"computing with NumPy, which is slower: {error}"]
    cause = "nnkit was installed without a C compiler"
    remedy = f"install one, then compile the kernels: {COMPILE}"
    return [f"computing with NumPy, which is slower: {cause}; {remedy}"]


def fault_of(path: Path) -> str:
    """Says why an ELF file cannot be loaded, as the end of a sentence; empty if it is no such file.

    These are faults that the system does not report: of a library for another processor, glibc says
    that there is no such file; and one that ends before its last table, the section headers, would
    end the process, because the system reads beyond the end.
    """
    with path.open("rb") as file:
        header = file.read(64)
    if len(header) < 64:
        return "is incomplete"
    if header[:6] != b"\x7fELF\x02\x01":  # of 64 bits, least significant byte first
        return ""
    (machine,) = unpack_from("<H", header, 0x12)
    if machine != ELF_MACHINES.get(platform.machine(), machine):
        return f"is not for this processor ({platform.machine()})"
    (start,) = unpack_from("<Q", header, 0x28)
    size, count = unpack_from("<HH", header, 0x3A)
    return "is incomplete" if path.stat().st_size < start + size * count else ""
