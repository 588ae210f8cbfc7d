"""Compiles the kernels in C for other systems, by Clang: `python -m tools.cross_compile`.

The compiler is that of the package ziglang, which brings the headers of all systems. A warning is
an error. Nothing is run or kept; the exit code is 1 if the sources do not compile for a target, or
to too large a library.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from nnkit.native.build import MOST_BYTES, build
from nnkit.native.platforms import BuildError

COMPILER = [sys.executable, "-m", "ziglang", "cc", "-target"]
TARGETS = (
    "x86_64-linux-gnu.2.17",
    "x86_64-linux-musl",
    "aarch64-linux-gnu.2.17",
    "aarch64-linux-musl",
    "x86_64-macos",
    "aarch64-macos",
    "x86_64-windows-gnu",
)


def main() -> None:
    """Compiles for the named targets, or all, and prints the size of each library."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"one of {', '.join(TARGETS)}")
    targets = parser.parse_args().targets or TARGETS
    if unknown := set(targets) - set(TARGETS):
        parser.error(f"unknown target {', '.join(sorted(unknown))}; use {', '.join(TARGETS)}")
    failed = False
    for target in targets:
        with tempfile.TemporaryDirectory() as folder:
            try:
                path = build(Path(folder), [*COMPILER, target], ["-Werror"])
                size = path.stat().st_size
                is_large = size >= MOST_BYTES
                print(f"{target}: {size:,} bytes{', too large' * is_large}", flush=True)
                failed |= is_large
            except BuildError as error:
                print(f"{target}: {error}", flush=True)
                failed = True
    sys.exit(failed)


if __name__ == "__main__":
    main()
