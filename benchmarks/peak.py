"""What the machine can do at most: `python -m benchmarks.peak` times a large matrix product."""

from __future__ import annotations

import subprocess
import sys
from time import perf_counter

import numpy as np

from benchmarks.worker import ROOT, WorkerError, threads_limited

SIZE = 2048  # rows and columns
TIMES = 5


def measured_peak(threads: int) -> float:
    """Floating-point operations a second of NumPy in a process of its own, with so many threads.

    Raises:
        WorkerError: the process failed.
    """
    command = [sys.executable, "-m", "benchmarks.peak"]
    environment = threads_limited(threads)
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise WorkerError(done.stderr.strip())
    return float(done.stdout)


def best_product() -> float:
    """Floating-point operations a second of the quickest of some products in float32."""
    A, B = np.random.default_rng(0).normal(size=(2, SIZE, SIZE)).astype(np.float32)
    out = A @ B
    best = float("inf")
    for _ in range(TIMES):
        began = perf_counter()
        np.matmul(A, B, out=out)
        best = min(best, perf_counter() - began)
    return 2 * SIZE**3 / best


if __name__ == "__main__":
    print(best_product())
