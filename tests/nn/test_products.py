"""Tests of matrix products in blocks: exact, with blocks that OpenBLAS does not pack."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product as every_of

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnkit.nn import products
from nnkit.nn.params import Array
from nnkit.nn.passes import Pass
from nnkit.nn.products import blocks, product
from nnkit.random import generator
from tests.nn.examples import batch_of, model_of

FLOAT32 = np.dtype(np.float32)

# Products that are split: rows, inner size, columns, and whether the right factor is transposed.
# The first four are those of a dense layer on images of 784 pixels, in batches of 32 or 128.
CUT = [
    (32, 784, 128, False),
    (128, 784, 32, True),
    (128, 32, 784, False),
    (784, 128, 32, False),
    (30, 784, 100, True),
    (35, 300, 200, False),
    (10, 1024, 128, False),
]


@pytest.fixture(scope="module", autouse=True)
def _small_kernels() -> Iterator[None]:
    """Enables blocks on every processor."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(products, "has_small_kernels", lambda: True)
        yield


def integers(*shape: int) -> Array:
    """Draws small integers, for which sums of products are exact in float32, in any order."""
    return generator(0, "products").integers(-3, 4, shape).astype(np.float32)


def assert_exact(
    rows: int, inner: int, columns: int, transposed: bool, left_transposed: bool = False
) -> None:
    """Asserts that a product of integers equals the float64 product exactly."""
    A = integers(inner, rows).T if left_transposed else integers(rows, inner)
    B = integers(columns, inner).T if transposed else integers(inner, columns)
    around = np.full((rows + 2, columns), np.nan, np.float32)
    product(rows, inner, columns, FLOAT32, transposed)(A, B, around[1:-1])
    np.testing.assert_array_equal(around[1:-1], A.astype(np.float64) @ B.astype(np.float64))
    assert np.isnan(around[[0, -1]]).all()


@pytest.mark.parametrize("left_transposed", [False, True])
@pytest.mark.parametrize(("rows", "inner", "columns", "transposed"), CUT)
def test_a_product_in_blocks_is_the_matrix_product(
    rows: int, inner: int, columns: int, transposed: bool, left_transposed: bool
) -> None:
    assert product(rows, inner, columns, FLOAT32, transposed) is not np.dot
    assert_exact(rows, inner, columns, transposed, left_transposed)


# Most of the larger products can be split into this many blocks.
@given(
    count=st.integers(1, 12),
    height=st.integers(1, 40),
    inner=st.integers(1, 300),
    columns=st.integers(1, 300),
    transposed=st.booleans(),
)
def test_products_of_any_size_are_exact(
    count: int, height: int, inner: int, columns: int, transposed: bool
) -> None:
    assert_exact(count * height, inner, columns, transposed)


def needs_no_packing(rows: int, inner: int, columns: int, transposed: bool) -> bool:
    """Follows OpenBLAS's float32 rule (kernel/x86_64/sgemm_small_kernel_permit_skylakex.c)."""
    if transposed and (rows * columns > 1200 or inner < 32):
        return False
    return rows * inner * columns <= 100**3


@pytest.mark.parametrize("transposed", [False, True])
def test_openblas_multiplies_every_block_without_packing(transposed: bool) -> None:
    # Some halves or eighths are just beyond a limit, so that these must be split further.
    every = list(every_of((30, 128, 360, 784, 1024), (16, 31, 32, 100, 784), (10, 21, 100, 300)))
    cut = [sizes for sizes in every if blocks(*sizes, transposed) > 1]
    assert len(cut) > 10
    for rows, inner, columns in cut:
        height = rows // blocks(rows, inner, columns, transposed)
        assert not needs_no_packing(rows, inner, columns, transposed)
        assert needs_no_packing(height, inner, columns, transposed)


@pytest.mark.parametrize(("small_kernels", "dtype"), [(False, "float32"), (True, "float64")])
def test_a_product_is_left_whole_without_kernels_for_small_ones(
    small_kernels: bool, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(products, "has_small_kernels", lambda: small_kernels)
    for rows, inner, columns, transposed in CUT:
        assert product(rows, inner, columns, np.dtype(dtype), transposed) is np.dot


def test_a_network_that_multiplies_in_blocks_has_the_gradients_of_float64(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cut: list[int] = []

    def recorded(rows: int, inner: int, columns: int, transposed: bool) -> int:
        cut.append(blocks(rows, inner, columns, transposed))
        return cut[-1]

    monkeypatch.setattr(products, "blocks", recorded)
    layers = [{"dense": 64}, {"dense": 256}, {"dense": 10}]
    quick, exact = (model_of(layers, (256,), dtype=dtype) for dtype in ("float32", "float64"))
    exact.params[...] = quick.params
    X, T = batch_of(quick, 128)
    loss = quick.bind(128, training=True).loss_and_gradient(X, T, Pass())
    assert sum(count > 1 for count in cut) >= 3
    X, T = X.astype(np.float64), T.astype(np.float64)
    expected = exact.bind(128, training=True).loss_and_gradient(X, T, Pass())
    assert loss == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(quick.grads, exact.grads, rtol=1e-4, atol=1e-5)
