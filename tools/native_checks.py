"""Runs the tests of the kernels in C under sanitizers: `python -m tools.native_checks [NAME …]`.

Each check compiles the kernels with a sanitizer of GCC, in a copy of the package, and runs the
tests in `tests/native` there, for each instruction set of this processor. An error ends the tests
with the sanitizer's report. The exit code is 1 if any check fails.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from nnkit.native.build import build
from nnkit.native.library import SETTING, library, usable_kernels

ROOT = Path(__file__).parents[1]
COMPILER = "gcc"
FLAGS = ("-g", "-O1")  # with more optimization, compilation takes minutes


class Check(NamedTuple):
    """A sanitizer.

    Attributes:
        flags: the compiler's flags.
        runtime: the library that must be loaded before Python.
        variables: its settings.
        command: what starts Python.
    """

    flags: tuple[str, ...]
    runtime: str
    variables: Mapping[str, str]
    command: tuple[str, ...] = ()


CHECKS = {
    # Memory that is read or written out of bounds, and undefined behaviour. Python itself leaks.
    "address": Check(
        ("-fsanitize=address,undefined", "-fno-sanitize-recover=all"),
        "libasan.so",
        {"ASAN_OPTIONS": "detect_leaks=0"},
    ),
    # Memory that two threads use at once, one of them writing. The sanitizer needs fixed addresses.
    "thread": Check(
        ("-fsanitize=thread",),
        "libtsan.so",
        {"TSAN_OPTIONS": "halt_on_error=1 die_after_fork=0"},
        ("setarch", "--addr-no-randomize"),
    ),
}


def main() -> None:
    """Runs the named checks, or all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(CHECKS)}")
    names = parser.parse_args().names or list(CHECKS)
    if unknown := set(names) - set(CHECKS):
        parser.error(f"unknown check {', '.join(sorted(unknown))}; use {', '.join(CHECKS)}")
    compiled = library()
    if compiled is None:
        sys.exit("error: there are no compiled kernels to check: python -m nnkit.native.build")
    failed = False
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            _prepare(place, CHECKS[name])
            for kernels in usable_kernels(compiled.functions):
                print(f"{name}, {kernels}:", flush=True)
                failed |= _run(place, CHECKS[name], kernels) != 0
    sys.exit(failed)


def _prepare(place: Path, check: Check) -> None:
    """Copies the package and the tests, and compiles the kernels there."""
    ignored = shutil.ignore_patterns("__pycache__", "*.so")
    for name in ("nnkit", "tests"):
        shutil.copytree(ROOT / name, place / name, ignore=ignored)
    for name in ("data", "configs", "docs", "pyproject.toml"):
        (place / name).symlink_to(ROOT / name)
    build(place / "nnkit" / "native", [COMPILER], [*FLAGS, *check.flags])


def _run(place: Path, check: Check, kernels: str) -> int:
    """Runs the tests with the kernels for an instruction set; returns the exit code."""
    runtime = subprocess.run(
        [COMPILER, f"-print-file-name={check.runtime}"], capture_output=True, text=True, check=True
    )
    variables = {
        **check.variables,
        SETTING: kernels,
        "LD_PRELOAD": runtime.stdout.strip(),
        "PYTHONPATH": str(place),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    pytest = [
        sys.executable,
        "-m",
        "pytest",
        "-n",
        "0",
        "--capture=sys",
        "-m",
        "native and not slow",
        "tests/native",
    ]
    return subprocess.run(
        [*check.command, *pytest], cwd=place, env=os.environ | variables, check=False
    ).returncode


if __name__ == "__main__":
    main()
