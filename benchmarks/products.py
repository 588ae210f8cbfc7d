"""Measures the gain of splitting matrix products into blocks: `python -m benchmarks.products`."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product as every
from statistics import median
from time import perf_counter

import numpy as np
from rich.console import Console
from rich.table import Table

from nnkit.blas import has_small_kernels
from nnkit.nn.numerics import numerics
from nnkit.nn.params import Array
from nnkit.nn.products import blocks, product

ROUNDS = 9
MULTIPLICATIONS = 3e7  # per measurement
LAYERS = [(64, 784), (128, 784), (256, 784), (512, 784), (256, 256), (512, 512), (10, 1024)]
BATCHES = (16, 32, 64, 128)


def main() -> None:
    rng = np.random.default_rng(0)

    def matrix(*shape: int) -> Array:
        return rng.normal(size=shape).astype(np.float32)

    table = Table("units × inputs, batch", "product", "blocks", "µs whole", "blocks ÷ whole")
    with numerics():
        for (units, inputs), N in every(LAYERS, BATCHES):
            W, Z, X = matrix(units, inputs), matrix(units, N), matrix(N, inputs)
            for name, A, B, out, transposed in (
                ("W Xᵀ", W, X.T, Z, True),
                ("W X", W, np.ascontiguousarray(X.T), Z, False),
                ("dZ X", Z, X, np.empty_like(W), False),
                ("Wᵀ dZ", W.T, Z, matrix(inputs, N), False),
            ):
                shapes = (A.shape[0], A.shape[1], B.shape[1])
                count = blocks(*shapes, transposed)
                if count > 1:
                    cut = product(*shapes, A.dtype, transposed)
                    whole, ratio = compare(np.dot, cut, A, B, out)
                    figures = (str(count), f"{whole * 1e6:.1f}", f"{ratio:.2f}")
                    table.add_row(f"{units} × {inputs}, {N}", name, *figures)
    Console().print(table)
    if not has_small_kernels():
        print("OpenBLAS has no small-matrix kernels for this processor, so products are not split.")


def compare(
    whole: Callable[..., Array], cut: Callable[..., Array], A: Array, B: Array, out: Array
) -> tuple[float, float]:
    """Returns the median time of `whole` in seconds, and the median ratio `cut` / `whole`."""
    times = max(3, int(MULTIPLICATIONS / (A.size * B.shape[1])))
    for multiply in (whole, cut):
        multiply(A, B, out)
    turns = [[_seconds(f, A, B, out, times) for f in (whole, cut)] for _ in range(ROUNDS)]
    return median(turn[0] for turn in turns), median(turn[1] / turn[0] for turn in turns)


def _seconds(multiply: Callable[..., Array], A: Array, B: Array, out: Array, times: int) -> float:
    began = perf_counter()
    for _ in range(times):
        multiply(A, B, out)
    return (perf_counter() - began) / times


if __name__ == "__main__":
    main()
