"""Measures the machine's peak speed by a large matrix product: `python -m benchmarks.peak`."""

from __future__ import annotations

import os
import subprocess
import sys
from time import perf_counter

import numpy as np

from benchmarks.worker import ROOT, WorkerError, threads_limited

SIZE = 2048  # rows and columns
TIMES = 5


def measured_peaks() -> dict[str, float]:
    """Returns the peak on one thread and on one for each core, by the number of threads."""
    return {str(threads): measured_peak(threads) for threads in {1, os.cpu_count() or 1}}


def measured_peak(threads: int) -> float:
    """Returns NumPy's floating-point operations per second with a number of threads.

    The measurement runs in a separate process.

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
    """Returns the floating-point operations per second of the fastest of several products."""
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
