"""Sums over the entries of windows."""

from __future__ import annotations

import numpy as np

from nnkit.nn.conv.im2col import Padded
from nnkit.nn.conv.windows import Windows
from nnkit.nn.layer import Binding
from nnkit.nn.params import Array


class WindowSums:
    """The sum of each window's entries, and its gradient."""

    def __init__(self, binding: Binding, windows: Windows) -> None:
        channels, N, dtype = binding.input_shape[0], binding.batch, binding.dtype
        self.slices = [(slice(None), *entry) for entry in windows.slices()]
        self.inside = (slice(None), *windows.inside)
        self.padded = None
        if windows.is_padded:
            self.padded = Padded(windows, channels, N, dtype, binding.buffers)
        self.Y = binding.buffer(channels, *windows.count)
        if binding.training:
            self.around = binding.buffer(channels, *windows.padded)

    def forward(self, X: Array) -> Array:
        """Y (C, *windows, N) for X (C, *positions, N)."""
        X = self.padded(X) if self.padded is not None else X
        first, *others = self.slices
        np.copyto(self.Y, X[first])
        for entry in others:
            np.add(self.Y, X[entry], out=self.Y)
        return self.Y

    def backward(self, dY: Array) -> Array:
        """The gradient dX (C, *positions, N) for dY (C, *windows, N)."""
        self.around.fill(0)
        for entry in self.slices:
            self.around[entry] += dY
        if self.padded is None:
            return self.around
        return np.ascontiguousarray(self.around[self.inside])
