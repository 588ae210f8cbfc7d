"""Products in blocks: the same numbers, within the limits of the kernels they are cut for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnkit.nn import products
from nnkit.nn.products import FEWEST_ROWS, LARGE, SMALL, blocks, product
from nnkit.random import generator

SHAPES = [(30, 784, 10), (128, 784, 32), (128, 32, 784), (784, 128, 32), (10, 1024, 128)]


@pytest.mark.parametrize("cut", [True, False])
@pytest.mark.parametrize("transposed", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
def test_equals_the_matrix_product(
    shape: tuple[int, int, int],
    dtype: str,
    transposed: bool,
    cut: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(products, "has_small_kernels", lambda: cut)  # whatever processor this is
    rows, inner, columns = shape
    rng = generator(0, "products")
    A = rng.normal(size=(rows, inner)).astype(dtype)
    B = rng.normal(size=(columns, inner)).astype(dtype).T
    out = np.empty((rows, columns), dtype)
    multiply = product(rows, inner, columns, out.dtype, transposed)
    multiply(A, B if transposed else np.ascontiguousarray(B), out)
    exact = A.astype("float64") @ B.astype("float64")
    np.testing.assert_allclose(out, exact, atol=1e-3 if dtype == "float32" else 1e-10)


sizes = st.integers(1, 2000)


@given(rows=sizes, inner=sizes, columns=sizes, transposed=st.booleans())
def test_blocks_fit_the_kernels(rows: int, inner: int, columns: int, transposed: bool) -> None:
    count = blocks(rows, inner, columns, transposed)
    assert rows % count == 0
    if count > 1:
        assert SMALL < rows * inner * columns <= LARGE
        assert rows // count * inner * columns <= SMALL
        assert rows // count >= FEWEST_ROWS


def test_the_first_layer_of_a_digit_reader_is_cut() -> None:
    assert blocks(128, 784, 32, transposed=True) == 4  # 37 rows at most make a small result
    assert blocks(128, 32, 784, transposed=False) == 4
