"""The platforms that the kernels are compiled for, and what they are compiled from."""

from __future__ import annotations

import platform
import sys
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from nnkit.errors import NnkitError

FOLDER = Path(__file__).parent
SOURCE = FOLDER / "source"

# Sums and products are not fused unless a kernel asks for it, so that results do not depend on the
# compiler. No exception passes through the kernels, so they need no tables for unwinding.
FLAGS = (
    "-std=c99",
    "-O3",
    "-g0",
    "-Wall",
    "-Wextra",
    "-fvisibility=hidden",
    "-ffp-contract=off",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fno-asynchronous-unwind-tables",
    "-fno-unwind-tables",
)

# No copies of loops and functions for special cases: loops are over vectors already. Where it pays
# to unroll a loop or to inline a function, the source says so.
FLAGS_OF_COMPILERS = {
    "gcc": (
        "-fno-split-loops",
        "-fno-unswitch-loops",
        "-fno-version-loops-for-strides",
        "-fno-ipa-cp-clone",
    ),
    "clang": ("-fno-unroll-loops", "-finline-hint-functions"),
}

PRECISIONS = (32, 64)  # bits of a number


class InstructionSet(NamedTuple):
    """An instruction set, for which all kernels are compiled.

    Attributes:
        vector: the size of a vector in bytes.
        flags: the compiler's flags.
        flags_of_64_bits: more flags for float64; it serves mostly for checks, so it is kept small.
    """

    vector: int
    flags: tuple[str, ...]
    flags_of_64_bits: tuple[str, ...] = ("-O2", "-falign-functions=1", "-falign-loops=1")

    def flags_for(self, bits: int) -> tuple[str, ...]:
        """The flags for numbers of that many bits."""
        return self.flags if bits == 32 else (*self.flags, *self.flags_of_64_bits)


# By processor, in the order in which `source/processor.c` counts them.
INSTRUCTION_SETS = {
    "x86_64": {
        "base": InstructionSet(
            16, ("-Os",), ("-Os",)
        ),  # for few processors: small rather than fast
        "avx2": InstructionSet(32, ("-mavx2", "-mfma", "-mtune=haswell")),
        "avx512": InstructionSet(
            64,
            (
                *("-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mavx2", "-mfma"),
                "-mprefer-vector-width=512",
            ),
        ),
    },
    "aarch64": {"base": InstructionSet(16, ())},
}


class BuildError(NnkitError):
    """The library cannot be compiled here."""


def instruction_sets(machine: str = "") -> dict[str, InstructionSet]:
    """The instruction sets of a kind of processor, by name.

    Args:
        machine: the processor, as `platform.machine` names it; by default that of this machine.

    Raises:
        BuildError: there are no kernels for it.
    """
    machine = machine or platform.machine()
    usual = {"AMD64": "x86_64", "arm64": "aarch64", "ARM64": "aarch64"}.get(machine, machine)
    if usual not in INSTRUCTION_SETS:
        raise BuildError(f"there are no compiled kernels for {machine}")
    return INSTRUCTION_SETS[usual]


def library_path(folder: Path = FOLDER, system: str = sys.platform) -> Path:
    """The library in a folder; `system` is the operating system, as `sys.platform` names it."""
    return folder / ("nnkit.dll" if system == "win32" else "libnnkit.so")


def sources_digest() -> int:
    """A number of 64 bits that changes with the sources and with the compiler's flags.

    The library holds that of the sources it was compiled from.
    """
    settings = (FLAGS, FLAGS_OF_COMPILERS, PRECISIONS, INSTRUCTION_SETS)
    digest = blake2b(repr(settings).encode(), digest_size=8)
    for path in sorted(SOURCE.glob("*.[ch]")):
        content = path.read_bytes()
        digest.update(f"{path.name} {len(content)} ".encode() + content)
    return int.from_bytes(digest.digest(), "big")
