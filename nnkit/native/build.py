"""Compiles the C kernels into one shared library: `python -m nnkit.native.build [FOLDER]`.

Only the standard library is used, because the build hook of the package runs this file before
anything is installed.
"""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SOURCE = Path(__file__).parent / "source"
COMMON = ("processor.c", "team.c", "pace.c")  # compiled once, for any processor
PRECISIONS = (32, 64)  # bits of a number

WARNINGS = ("-Wall", "-Wextra", "-Werror")
# Sums and products are not fused unless a kernel asks for it, so that results do not depend on the
# compiler.
FLAGS = (
    "-std=c99",
    "-O3",
    "-fPIC",
    "-fvisibility=hidden",
    "-ffp-contract=off",
    "-fno-math-errno",
    "-fno-trapping-math",
)

# Instruction sets by name: the bytes of a vector, and the compiler's flags.
VARIANTS: dict[str, dict[str, tuple[int, tuple[str, ...]]]] = {
    "x86_64": {
        "base": (16, ("-march=x86-64", "-mtune=generic")),
        "avx2": (32, ("-mavx2", "-mfma", "-mtune=haswell")),
        "avx512": (
            64,
            (
                *("-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mavx2", "-mfma"),
                "-mprefer-vector-width=512",
            ),
        ),
    },
    "aarch64": {"base": (16, ())},
}


Job = tuple[Path, Path, tuple[str, ...]]  # source, object, flags


class BuildError(Exception):
    """The library cannot be compiled here."""


def library_name() -> str:
    """The file name of the library on this system."""
    return "nnkit.dll" if sys.platform == "win32" else "libnnkit.so"


def build(folder: Path, compiler: Sequence[str] | None = None, extra: Sequence[str] = ()) -> Path:
    """Compiles the library for all instruction sets of this kind of processor.

    Args:
        folder: where the library is written.
        compiler: the compiler's command; by default that of the environment variable CC, or `cc`.
        extra: more flags, such as those of a sanitizer.

    Returns:
        The library's path.

    Raises:
        BuildError: there is no compiler, or it fails; the message has its output.
    """
    command = list(compiler or shlex.split(os.environ.get("CC", "cc")))
    variants = variants_of(platform.machine())
    with tempfile.TemporaryDirectory() as place:
        objects = Path(place)
        jobs: list[Job] = [(SOURCE / name, objects / f"{name}.o", ()) for name in COMMON]
        for name, (width, flags) in variants.items():
            for bits in PRECISIONS:
                variant = f"{name}_f{bits}"
                defined = (f"-DVARIANT={variant}", f"-DREAL_BITS={bits}", f"-DVECTOR_BYTES={width}")
                jobs.append((SOURCE / "variant.c", objects / f"{variant}.o", (*flags, *defined)))
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(
                pool.map(
                    lambda job: _run([*command, *FLAGS, *WARNINGS, *extra, *job[2], "-c"], job),
                    jobs,
                )
            )
        library = folder / library_name()
        made = objects / library.name
        _call(
            [
                *(*command, "-shared", *extra, *(str(job[1]) for job in jobs), "-o", str(made)),
                *("-lm", *(() if sys.platform == "win32" else ("-pthread",))),
            ]
        )
        folder.mkdir(parents=True, exist_ok=True)
        scratch = library.with_name(f".{library.name}.{os.getpid()}")
        scratch.write_bytes(made.read_bytes())
        scratch.chmod(0o755)
        scratch.replace(library)  # a process that has loaded the old one keeps it
    return library


def variants_of(machine: str) -> dict[str, tuple[int, tuple[str, ...]]]:
    """The instruction sets to compile for on a machine, as `platform.machine` calls it.

    Raises:
        BuildError: the kernels do not know that machine.
    """
    usual = {"AMD64": "x86_64", "arm64": "aarch64", "ARM64": "aarch64"}.get(machine, machine)
    if usual not in VARIANTS:
        raise BuildError(f"there are no kernels for {machine}")
    return VARIANTS[usual]


def _run(command: list[str], job: Job) -> None:
    _call([*command, str(job[0]), "-o", str(job[1])])


def _call(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise BuildError(f"no C compiler: {error}") from None
    if done.returncode:
        raise BuildError(f"{shlex.join(command)}\n{done.stderr.strip()}")


if __name__ == "__main__":
    print(build(Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).parent))
