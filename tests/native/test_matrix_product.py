"""Matrix products by the compiled kernels, against NumPy's in double precision."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnkit.native.library import library
from nnkit.native.matrix_product import MatrixProduct
from nnkit.nn.params import Array
from nnkit.random import generator

pytestmark = pytest.mark.native


def product(dtype: str = "float32", threads: int = 1) -> MatrixProduct:
    """A product of the kernels in use."""
    loaded = library()
    assert loaded is not None
    return MatrixProduct(loaded, np.dtype(dtype), threads)


def matrix(rows: int, columns: int, dtype: str, transposed: bool = False) -> Array:
    """Random numbers, stored by row or by column."""
    numbers = generator(rows, f"matrix/{columns}").normal(size=(rows, columns)).astype(dtype)
    return np.asfortranarray(numbers) if transposed else numbers


@settings(max_examples=40, deadline=None)
@given(
    rows=st.integers(1, 40),
    inner=st.integers(1, 300),
    columns=st.sampled_from([1, 15, 16, 48, 80]),
    transposed=st.booleans(),
    dtype=st.sampled_from(["float32", "float64"]),
)
def test_gives_the_product(
    rows: int, inner: int, columns: int, transposed: bool, dtype: str
) -> None:
    A, B = matrix(rows, inner, dtype, transposed), matrix(inner, columns, dtype)
    C = np.full((rows, columns + 3), np.nan, dtype)
    found = product(dtype)(A, B, C[:, :columns])
    wanted = A.astype(np.float64) @ B.astype(np.float64)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=50 * np.finfo(dtype).eps * inner**0.5)
    assert np.isnan(C[:, columns:]).all()  # nothing beside it is written


def test_the_number_of_threads_changes_no_bit() -> None:
    A, B = matrix(1000, 200, "float32", transposed=True), matrix(200, 64, "float32")
    alone, together = (product(threads=count) for count in (1, 3))
    wanted = alone(A, B, np.empty((1000, 64), np.float32))
    for _ in range(4):  # how many threads work is tried out
        assert np.array_equal(together(A, B, np.empty_like(wanted)), wanted)
