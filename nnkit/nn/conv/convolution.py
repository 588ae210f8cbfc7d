"""Direct convolution, without im2col.

With samples last and stride 1, entry (c, i, j) of all windows of an output row, over all samples,
is one contiguous run of memory. A row of outputs is a weighted sum of such runs: this module
computes their offsets, and `nnkit.nn.conv.tiles` adds them up. Importing this module imports numba.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, product
from math import ceil, prod
from typing import Any

import numpy as np

from nnkit.compiled import compiled
from nnkit.nn.arena import Buffers
from nnkit.nn.conv import tiles
from nnkit.nn.conv.windows import Windows
from nnkit.nn.parallel.threads import side_by_side
from nnkit.nn.params import Array


class DirectConvolution:
    """The convolution of one group of channels, for batches of one size N.

    The stride must be 1 along each axis, and a row of outputs and of inputs, over all samples, must
    fill a tile (`is_possible`). Threads share the rows.
    """

    def __init__(
        self,
        windows: Windows,
        channels: int,
        filters: int,
        batch: int,
        dtype: np.dtype[Any],
        threads: int,
        buffers: Buffers,
    ) -> None:
        self.buffers = buffers
        *_, width = windows.padded
        area = prod(windows.padded) * batch
        self.kernel = (1, *windows.kernel)[-2:]
        self.dilation = (1, *windows.dilation)[-2:]
        self.before = (0, *windows.before)[-2:]
        self.size = (1, *windows.size)[-2:]
        self.count = (1, *windows.count)[-2:]
        self.channels, self.filters, self.batch = channels, filters, batch
        self.step = width * batch  # in X, between the runs of adjacent rows of outputs
        entries = self._entries(self.step, batch)
        self.offsets = np.array([c * area + entry for c in range(channels) for entry in entries])
        self.dtype, self.lanes = dtype, tiles.lanes(dtype)
        self.width = tiles.VECTORS * self.lanes
        # Tile sizes are passed to compiled code as tuples, whose lengths are known at compile time.
        self.for_Z = (0,) * tiles.block(filters, tiles.OUTPUTS)
        self.packed = self._packed(len(self.offsets), filters, self.for_Z)
        self.bands = bands(self.count[0], threads)
        self.bands_of_dX = bands(self.size[0], threads)
        self._pack, self._correlate = compiled(tiles.pack), compiled(tiles.correlate, exact=False)

    @staticmethod
    def is_possible(windows: Windows, batch: int, dtype: np.dtype[Any]) -> bool:
        """Whether direct convolution can compute these windows."""
        shortest = min(windows.count[-1], windows.size[-1]) * batch
        return set(windows.stride) == {1} and shortest >= tiles.VECTORS * tiles.lanes(dtype)

    def allocate_training(self, input_gradient: bool) -> None:
        """Allocates the buffers for the gradients."""
        taps = len(self.offsets)
        self.for_entries = (0,) * tiles.block(taps, tiles.ENTRIES)
        self.for_dW = (0,) * tiles.block(self.filters, tiles.PRODUCTS // len(self.for_entries))
        blocks = ceil(taps / len(self.for_entries)) * ceil(self.filters / len(self.for_dW))
        vectors = ceil(len(self.for_dW) * len(self.for_entries) / self.lanes)
        self.sums = [
            self.buffers.empty((blocks * vectors * self.lanes,), self.dtype) for _ in self.bands
        ]
        self.shares = self.buffers.empty((len(self.bands) - 1, self.filters, taps), self.dtype)
        self._multiply = compiled(tiles.multiply, exact=False)
        if input_gradient:
            self._allocate_input_gradient()

    def _allocate_input_gradient(self) -> None:
        rows, columns = self.count
        self.margin = (self.kernel[1] - 1) * self.dilation[1]
        shape = (self.filters, rows, columns + 2 * self.margin, self.batch)
        self.around = self.buffers.full(shape, self.dtype, 0)
        run = shape[2] * self.batch
        entries = np.array(self._entries(run, self.batch)).reshape(self.kernel)
        filters = np.arange(self.filters)[:, None] * (rows * run)
        # dX[y, x] is in the windows that begin i rows above and j columns before it: (i, f, j)
        self.back = (self.margin * self.batch + filters - entries[:, None]).reshape(-1)
        self.for_dX = (0,) * tiles.block(self.channels, tiles.OUTPUTS)
        self.packed_back = self._packed(len(self.back), self.channels, self.for_dX)
        self._pack_back = compiled(tiles.pack_back)
        self._correlate_back = compiled(tiles.correlate_back, exact=False)

    def forward(self, X: Array, W: Array, b: Array, Z: Array) -> None:
        """Writes Z (filters, *positions, N) = W ⋆ X + b for the padded X, (channels, …, N)."""
        X, Z = X.reshape(-1), Z.reshape(self.filters, self.count[0], -1)
        tile = self.for_Z, self.width
        self._pack(self.for_Z, W, self.packed)
        side_by_side(
            lambda band: self._correlate(
                *tile, *band, X, self.packed, b, self.offsets, self.step, Z
            ),
            self.bands,
        )

    def weight_gradient(self, X: Array, dZ: Array, dW: Array) -> None:
        """Writes dW (filters, channels · taps) for the padded X and dZ (filters, *positions, N)."""
        X, dZ = X.reshape(-1), dZ.reshape(self.filters, self.count[0], -1)
        tile = self.for_dW, self.for_entries, self.lanes
        side_by_side(
            lambda part: self._multiply(*tile, *part[0], X, dZ, self.offsets, self.step, *part[1:]),
            list(zip(self.bands, [dW, *self.shares], self.sums, strict=True)),
        )
        for share in self.shares:
            np.add(dW, share, out=dW)

    def input_gradient(self, W: Array, dZ: Array, dX: Array) -> None:
        """Writes dX (channels, *positions, N) without the padding."""
        rows, columns = self.count
        self.around[:, :, self.margin : self.margin + columns] = dZ.reshape(
            self.filters, rows, columns, self.batch
        )
        dX = dX.reshape(self.channels, self.size[0], -1)
        W = W.reshape(self.filters, self.channels, *self.kernel)
        tile = self.for_dX, self.width
        heights = self.kernel[0], self.dilation[0]
        self._pack_back(self.for_dX, W, self.packed_back)
        side_by_side(
            lambda band: self._correlate_back(
                *tile, *band, self.around, self.packed_back, self.back, *heights, self.before, dX
            ),
            self.bands_of_dX,
        )

    def _entries(self, row: int, column: int) -> list[int]:
        """Offsets of a window's entries, given the distances between rows and columns."""
        (height, width), (down, across) = self.kernel, self.dilation
        places = product(range(height), range(width))
        return [i * down * row + j * across * column for i, j in places]

    def _packed(self, terms: int, count: int, tile: Sequence[int]) -> Array:
        """Buffer for the weights of `count` outputs, tile by tile; the last tile may overlap."""
        room = ceil(count / len(tile)) * len(tile) * terms
        return self.buffers.empty((room,), self.dtype)


def bands(rows: int, threads: int) -> list[tuple[int, int]]:
    """Start and stop rows of each thread's share."""
    count = min(rows, threads)
    edges = [rows * i // count for i in range(count + 1)]
    return list(pairwise(edges))
