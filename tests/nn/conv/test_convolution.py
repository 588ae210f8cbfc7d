"""Tests of compiled convolution: when it is used, its tiling, and other processors."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnkit.nn.arena import Buffers
from nnkit.nn.conv import convolution
from nnkit.nn.conv.convolution import DirectConvolution
from nnkit.nn.conv.tiles import block
from nnkit.nn.conv.windows import windows
from nnkit.nn.layers import Conv
from nnkit.nn.layers.conv import BoundColumns, BoundDirect
from nnkit.nn.parallel.execution import Execution
from nnkit.nn.parallel.threads import side_by_side
from nnkit.nn.passes import Pass
from nnkit.task.config import config_from
from nnkit.task.task import build_model
from tests.nn.examples import alone, first_layer

FLOAT32 = np.dtype(np.float32)

# Machines with narrower or fewer registers than the one that runs the tests.
OLDER = (
    [("haswell", "+avx,+avx2,+fma"), ("x86-64", "+sse2")]
    if platform.machine() in ("x86_64", "AMD64")
    else [("generic", "")]
)


@pytest.mark.parametrize("most", [1, 4, 12])
@pytest.mark.parametrize("count", [*range(1, 30), 64, 288])
def test_blocks_cover_a_count_with_little_over(count: int, most: int) -> None:
    size = block(count, most)
    assert 1 <= size <= min(count, most)
    assert ceil(count / size) * size <= 1.2 * count + 1


@pytest.mark.parametrize(
    ("spec", "batch", "way"),
    [
        (Conv(filters=3, kernel=3), 16, BoundDirect),
        (Conv(filters=3, kernel=3, padding="same", dilation=2), 16, BoundDirect),
        (Conv(filters=3, kernel=3), 1, BoundColumns),  # rows shorter than a tile
        (Conv(filters=3, kernel=3, stride=2), 16, BoundColumns),
        (Conv(filters=3, kernel=1), 16, BoundColumns),  # a plain matrix product
    ],
)
def test_goes_straight_through_the_input_where_rows_are_runs(
    spec: Conv, batch: int, way: type
) -> None:
    model = alone(spec, (2, 9, 9), "float32")
    model.execution = Execution(compiled=True)
    assert type(first_layer(model.bind(batch, training=True))) is way


@pytest.mark.parametrize("threads", [1, 2, 9])
@pytest.mark.parametrize("count", [16, 17, 31, 32, 33])
def test_what_fills_no_vector_is_counted_too(count: int, threads: int) -> None:
    """Uses rows of any length, with integers, whose sums are exact in any order."""
    generator = np.random.default_rng(count)
    found = windows((6, 5), (3, 2), 1, "valid")
    direct = DirectConvolution(found, 2, 5, count, FLOAT32, threads, Buffers())
    direct.allocate_training(input_gradient=True)
    X = generator.integers(-3, 4, (2, 6, 5, count)).astype(np.float32)
    W = generator.integers(-3, 4, (5, 2, 3, 2)).astype(np.float32)
    dZ = generator.integers(-3, 4, (5, 4, 4, count)).astype(np.float32)
    Z, dW, dX = np.empty_like(dZ), np.empty((5, 12), np.float32), np.empty_like(X)
    direct.forward(X, W.reshape(5, -1), np.arange(5, dtype=np.float32), Z)
    direct.weight_gradient(X, dZ, dW)
    direct.input_gradient(W.reshape(5, -1), dZ, dX)
    seen = np.lib.stride_tricks.sliding_window_view(X, (3, 2), axis=(1, 2))  # (C, y, x, N, i, j)
    bias = np.arange(5)[:, None, None, None]
    np.testing.assert_array_equal(Z, np.einsum("fcij,cyxnij->fyxn", W, seen) + bias)
    np.testing.assert_array_equal(dW.reshape(W.shape), np.einsum("fyxn,cyxnij->fcij", dZ, seen))
    wide = np.pad(dZ, [(0, 0), (2, 2), (1, 1), (0, 0)])
    back = np.lib.stride_tricks.sliding_window_view(wide, (3, 2), axis=(1, 2))
    flipped = W[:, :, ::-1, ::-1]
    np.testing.assert_array_equal(dX, np.einsum("fcij,fyxnij->cyxn", flipped, back))


def test_threads_share_layers_where_samples_see_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Batch normalization needs the whole batch, so threads share the rows of a convolution."""
    shared: set[int] = set()

    def recorded(work: Any, parts: Sequence[Any]) -> Any:
        shared.add(len(parts))
        return side_by_side(work, parts)

    monkeypatch.setattr(convolution, "side_by_side", recorded)
    generator = np.random.default_rng(1)
    X = generator.standard_normal((1, 28, 28, 24)).astype(np.float32)
    T = np.eye(10, dtype=np.float32)[generator.integers(0, 10, 24)].T
    layers: list[Any] = [{"conv": {"filters": 7, "kernel": 3}}, "batch_norm", {"max_pool": 2}]
    layers += [{"conv": {"filters": 5, "kernel": 3}}, "global_avg_pool", {"dense": 10}]
    data = {"source": "mnist"}
    config = config_from({"data": data, "architecture": {"layers": layers}})
    found = []
    for threads in (1, 2):
        model = build_model(config, (1, 28, 28))
        model.execution = Execution(threads, compiled=True)
        shared.clear()
        loss = model.network(24).loss_and_gradient(X, T, Pass())
        assert shared == {threads}
        found.append((loss, model.grads.copy()))
    (loss, grads), (shared_loss, shared_grads) = found
    assert shared_loss == pytest.approx(loss, rel=1e-6)
    np.testing.assert_allclose(shared_grads, grads, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(("processor", "features"), OLDER)
def test_computes_the_same_on_other_processors(
    processor: str, features: str, tmp_path: Path
) -> None:
    environment = os.environ | {
        "NUMBA_CPU_NAME": processor,
        "NUMBA_CPU_FEATURES": features,
        "NUMBA_CACHE_DIR": str(tmp_path),
    }
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider"]
    cases = f"{__file__}::{test_what_fills_no_vector_is_counted_too.__name__}"
    done = subprocess.run(
        [*command, cases], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert any(tmp_path.rglob("*.nbc"))  # machine code is cached there
