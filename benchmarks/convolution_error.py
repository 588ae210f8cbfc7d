"""Measures the rounding errors of 3 × 3 convolutions by the compiled kernels, against float64.

`python -m benchmarks.convolution_error` prints errors of direct sums, as in training, and of
Winograd's method, as in predictions, as multiples of the root mean square of the outputs.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nnkit.native.library import library
from nnkit.native.program import Program
from nnkit.nn.arena import Buffers
from nnkit.nn.model import Model
from nnkit.nn.params import Array
from nnkit.task.config_loading import config_from
from nnkit.task.task_loading import build_model

SIZES = (32, 32), (32, 64), (64, 64), (64, 128), (128, 128), (512, 512)  # channels, filters
SAMPLES, HEIGHT, WIDTH = 8, 14, 14


def main() -> None:
    print("| channels | filters | direct | largest | Winograd | largest |")
    print("|---:|---:|---:|---:|---:|---:|")
    for channels, filters in SIZES:
        rng = np.random.default_rng(0)
        X = np.maximum(rng.standard_normal((SAMPLES, channels, HEIGHT, WIDTH)), 0)
        X = X.astype(np.float32).reshape(SAMPLES, -1)
        weights = rng.standard_normal(filters * channels * 9) * np.sqrt(2 / (9 * channels))
        weights = weights.astype(np.float32)
        exact = outputs(model(channels, filters, "float64"), X, weights, training=True)
        size = np.sqrt(np.mean(exact**2))
        cells = []
        for training in (True, False):
            found = outputs(model(channels, filters, "float32"), X, weights, training)
            errors = np.abs(found - exact) / size
            cells += [f"{np.sqrt(np.mean(errors**2)):.1e}", f"{errors.max():.1e}"]
        print(f"| {channels} | {filters} | {' | '.join(cells)} |")


def model(channels: int, filters: int, precision: str) -> Model:
    """A single convolution with linear outputs."""
    conv: dict[str, Any] = {"filters": filters, "kernel": 3, "padding": "same", "bias": False}
    config = config_from(
        {
            "data": {"source": "mnist"},
            "architecture": {"layers": [{"conv": conv}, "flatten"]},
            "activation": {"output": "identity"},
            "loss": "squared_error",
            "training": {"precision": precision},
        }
    )
    return build_model(config, input_shape=(channels, HEIGHT, WIDTH))


def outputs(model: Model, X: Array, weights: Array, training: bool) -> Array:
    """The outputs of a model by its program for training, or by that for predictions."""
    kernels = library()
    assert kernels is not None
    assert model.program is not None
    model.params[...] = weights
    layers, loss = model.program
    program = Program(
        kernels,
        layers.training if training else layers.inference,
        loss,
        model.params,
        model.grads,
        model.state,
        SAMPLES,
        Buffers(),
        training=training,
    )
    return program.forward(X.astype(model.dtype)).astype(np.float64)


if __name__ == "__main__":
    main()
