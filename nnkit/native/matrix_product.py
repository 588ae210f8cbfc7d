"""Matrix products by the compiled kernels, for layers whose other parts NumPy computes."""

from __future__ import annotations

from ctypes import addressof, c_int64, c_void_p, pointer
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnkit.native.library import Library
from nnkit.native.row_sizes import LINE
from nnkit.native.structures import MatrixProductStructure, PaceStructure

Array = NDArray[Any]


class MatrixProduct:
    """Writes A B into C, for A (rows, inner), B (inner, columns) and C (rows, columns).

    It suits a B that stays in the cache, and sums over many rows; it does not arrange B anew, as
    the products of a BLAS do.
    """

    def __init__(self, library: Library, dtype: np.dtype[Any], threads: int) -> None:
        """Makes the product.

        Args:
            library: the compiled kernels.
            dtype: the type of numbers.
            threads: the most threads, which divide the rows of A.
        """
        self._threads = threads
        self._pace = PaceStructure()
        self._structure = MatrixProductStructure(pace=pointer(self._pace))
        self._address = addressof(self._structure)
        bits = 8 * dtype.itemsize
        self._multiply = library.function("multiply", bits, None, c_void_p, c_int64)

    def __call__(self, A: Array, B: Array, C: Array) -> Array:
        """Writes A B into C and returns it; if the kernels cannot read B or write C, by NumPy."""
        size = A.itemsize
        if B.shape[1] % LINE or B.strides[1] != size or C.strides[1] != size:
            return np.matmul(A, B, out=C)
        product = self._structure
        (product.rows, product.count), product.columns = A.shape, B.shape[1]
        product.A, product.B, product.C = A.ctypes.data, B.ctypes.data, C.ctypes.data
        product.A_row, product.A_step = A.strides[0] // size, A.strides[1] // size
        product.B_row, product.C_row = B.strides[0] // size, C.strides[0] // size
        self._multiply(self._address, self._threads)
        return C
