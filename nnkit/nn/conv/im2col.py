"""im2col: windows as the columns of a matrix, so that a convolution is one matrix product.

Chellapilla, Puri & Simard 2006, *High performance convolutional neural networks for document
processing*. With samples last, each row of the matrix is copied in contiguous runs, each an output
row over all samples.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from nnkit.nn.arena import Buffers
from nnkit.nn.conv.windows import Windows
from nnkit.nn.params import Array


class Padded:
    """Pads inputs (C, *positions, N) in a buffer that it reuses."""

    def __init__(
        self,
        windows: Windows,
        channels: int,
        batch: int,
        dtype: np.dtype[Any],
        buffers: Buffers,
        around: float = 0.0,
    ) -> None:
        """Allocates the buffer.

        Args:
            windows: the windows over the inputs.
            channels: number of input channels, C.
            batch: the number of samples, N.
            dtype: data type of the inputs.
            buffers: allocates the buffer.
            around: the padding value.
        """
        self.inside = (slice(None), *windows.inside)
        self.buffer = buffers.full((channels, *windows.padded, batch), dtype, around)

    def __call__(self, X: Array) -> Array:
        """The padded X, (C, *padded positions, N)."""
        self.buffer[self.inside] = X
        return self.buffer


class Columns:
    """The im2col matrix of windows, (C · taps, positions · N), and its transpose, col2im.

    Row (c, i, j) holds, for every window and sample, entry (i, j) of channel c.
    """

    def __init__(
        self,
        windows: Windows,
        channels: int,
        batch: int,
        dtype: np.dtype[Any],
        buffers: Buffers,
        *,
        gathers: bool = True,
        scatters: bool = True,
    ) -> None:
        """Allocates the buffers.

        Args:
            windows: the windows over the inputs.
            channels: number of input channels, C.
            batch: the number of samples, N.
            dtype: data type of the inputs.
            buffers: allocates the buffers.
            gathers: whether `gather` will be called.
            scatters: whether `scatter` will be called.
        """
        self.windows, self.channels, self.batch = windows, channels, batch
        self.slices = [(slice(None), *entry) for entry in windows.slices()]
        self.shape = (channels * windows.taps, prod(windows.count) * batch)
        self.padded: Padded | None = None
        if gathers and not windows.are_points:
            self.matrix = buffers.empty(self.shape, dtype)
            if windows.is_padded:
                self.padded = Padded(windows, channels, batch, dtype, buffers)
        if scatters and windows.is_padded:
            # The padded input's gradient.
            self.around = buffers.empty((channels, *windows.padded, batch), dtype)

    def gather(self, X: Array) -> Array:
        """The im2col matrix of X (C, *positions, N), valid until the next call."""
        if self.windows.are_points:
            return X.reshape(self.shape)
        if self.padded is not None:
            X = self.padded(X)
        windows = self._split(self.matrix)
        for tap, places in enumerate(self.slices):
            windows[:, tap] = X[places]
        return self.matrix

    def scatter(self, matrix: Array, out: Array) -> None:
        """Writes col2im of a matrix into `out`, shaped like X: sums each input's entries."""
        if self.windows.are_points:
            out.reshape(self.shape)[...] = matrix
            return
        if not self.windows.is_padded:
            self._add_up(matrix, out)
            return
        self._add_up(matrix, self.around)
        out[...] = self.around[(slice(None), *self.windows.inside)]

    def _add_up(self, matrix: Array, out: Array) -> None:
        out.fill(0)
        windows = self._split(matrix)
        for tap, places in enumerate(self.slices):
            out[places] += windows[:, tap]

    def _split(self, matrix: Array) -> Array:
        """The matrix of windows as an array (C, taps, *positions, N)."""
        return matrix.reshape(self.channels, self.windows.taps, *self.windows.count, self.batch)
