"""Measures what recurrent layers reach of the processor: `python -m benchmarks.recurrent_speed`.

The networks read images row by row, as `lstm-28x28` and the like of `benchmarks.speed` do; a pass
is the loss and its gradient. Processor time of one thread. `NNKIT_NATIVE=0` measures NumPy alone.
"""

from __future__ import annotations

from collections.abc import Callable
from time import thread_time

import numpy as np
from threadpoolctl import threadpool_limits

from nnkit.native.library import kernels, library
from nnkit.nn.architecture import Activations, Architecture, build_stages
from nnkit.nn.form import Form
from nnkit.nn.losses.cross_entropy import CrossEntropy
from nnkit.nn.model import Model
from nnkit.nn.numerics import numerics
from nnkit.nn.parallel.execution import Execution
from nnkit.nn.passes import Pass
from nnkit.nn.products import product_of_rows

GATES = {"lstm": 4, "gru": 3, "rnn": 1}
BATCHES = (128, 32)
ROWS, COLUMNS, UNITS, CLASSES = 28, 28, 128, 10
ROUNDS, REPETITIONS = 20, 4
PRODUCT = (1024, 256, 96)  # rows, inner, columns of a product that is fast by any kernels


def main() -> None:
    with threadpool_limits(1), numerics():
        peak = peak_of_products()
        print(f"kernels: {kernels()}; peak {peak / 1e9:.0f} GFLOP/s\n")
        print("| | batch | samples/s | of the peak |")
        print("|---|---:|---:|---:|")
        for kind in GATES:
            for samples in BATCHES:
                speed = samples / best_seconds(gradient_of(kind, samples))
                share = speed * operations(kind) / peak
                print(f"| {kind.upper()} | {samples} | {speed:,.0f} | {share:.0%} |", flush=True)


def operations(kind: str) -> int:
    """The additions and multiplications in the products of all gates for one sample."""
    gates = GATES[kind] * UNITS
    forward, backward = gates * (UNITS + COLUMNS), gates * UNITS
    return 2 * ROWS * (2 * forward + backward)  # the gradient of the weights is as large as forward


def peak_of_products() -> float:
    """The floating-point operations per second of a product of matrices."""
    rows, inner, columns = PRODUCT
    rng = np.random.default_rng(0)
    A, B = (rng.random(shape, dtype=np.float32) for shape in ((rows, inner), (inner, columns)))
    C, multiply = np.empty((rows, columns), np.float32), product_of_rows(A.dtype, threads=1)
    return 2 * rows * inner * columns / best_seconds(lambda: multiply(A, B, C))


def gradient_of(kind: str, samples: int) -> Callable[[], object]:
    """A function that computes the gradient of a network for one batch."""
    layers, loss = ["rows", {kind: {"units": UNITS}}, {"dense": CLASSES}], CrossEntropy()
    architecture = Architecture.model_validate({"layers": layers})
    stages = build_stages(architecture, Activations(), loss, Form(1, (ROWS, COLUMNS)))
    model = Model(stages, loss, 0, "float32")
    model.execution = Execution(threads=1, program=library() is not None)
    rng = np.random.default_rng(0)
    X = rng.random((1, ROWS, COLUMNS, samples), dtype=np.float32)
    T = np.eye(CLASSES, dtype=np.float32)[:, rng.integers(0, CLASSES, samples)]
    network = model.network(samples)
    return lambda: network.loss_and_gradient(X, T, Pass())


def best_seconds(work: Callable[[], object]) -> float:
    """The shortest processor time of some work."""
    work()  # warm up
    best = float("inf")
    for _ in range(ROUNDS):
        began = thread_time()
        for _ in range(REPETITIONS):
            work()
        best = min(best, (thread_time() - began) / REPETITIONS)
    return best


if __name__ == "__main__":
    main()
