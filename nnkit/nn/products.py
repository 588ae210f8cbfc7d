"""Matrix products, split into blocks of rows where that is faster.

For products of up to a million multiplications OpenBLAS has kernels that read the matrices as they
are stored; its general kernels first copy both into packed order. A typical product here has a few
million multiplications: in blocks that suit those kernels, it takes between a half and nine tenths
of the time (`python -m benchmarks.products`; one thread, AVX-512). On processors without such
kernels blocks would be slower, so products are not split.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nnkit.blas import has_small_kernels
from nnkit.native.library import library
from nnkit.native.matrix_product import MatrixProduct
from nnkit.nn.params import Array

SMALL = 1_000_000  # multiplications in the largest product that those kernels accept
# With a transposed right factor they also require a small result and a long sum.
LARGEST_RESULT, SHORTEST_SUM = 1200, 32
# Beyond this many multiplications packing is worth its cost.
LARGE = 7_000_000
FEWEST_ROWS = 4  # in a block; with fewer, the call takes longer than the product

Product = Callable[[Array, Array, Array], Array]


def product(
    rows: int, inner: int, columns: int, dtype: np.dtype[Any], transposed: bool = False
) -> Product:
    """A function that writes A B into `out` and returns it, A (rows, inner), B (inner, columns).

    Args:
        rows: number of rows of A.
        inner: columns of A, rows of B.
        columns: number of columns of B.
        dtype: data type of all three.
        transposed: whether B is a transposed view, stored column by column.
    """
    if dtype != np.float32 or not has_small_kernels():
        return np.dot
    count = blocks(rows, inner, columns, transposed)
    if count == 1:
        return np.dot
    height = rows // count

    def in_blocks(A: Array, B: Array, out: Array) -> Array:
        blocks_of_A, blocks_of_out = A.reshape(count, height, -1), out.reshape(count, height, -1)
        np.matmul(blocks_of_A, B, out=blocks_of_out)
        return out

    return in_blocks


def product_of_rows(dtype: np.dtype[Any], threads: int) -> Product:
    """A function that writes A B into `out` and returns it, where A or B has many rows.

    Args:
        dtype: data type of all three.
        threads: the most threads of the compiled kernels.
    """
    loaded = library()
    return np.dot if loaded is None else MatrixProduct(loaded, dtype, threads)


def blocks(rows: int, inner: int, columns: int, transposed: bool) -> int:
    """The best number of blocks of equally many rows for a product; 1 for no split."""
    size = rows * inner * columns
    if not SMALL < size <= LARGE or (transposed and inner < SHORTEST_SUM):
        return 1
    for count in range(2, rows // FEWEST_ROWS + 1):
        height = rows // count
        fits = size // count <= SMALL and not (transposed and height * columns > LARGEST_RESULT)
        if rows % count == 0 and fits:
            return count
    return 1
