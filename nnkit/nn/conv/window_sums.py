"""Sums over the entries of windows."""

from __future__ import annotations

import numpy as np

from nnkit.nn.conv.window_buffers import WindowBuffers
from nnkit.nn.conv.windows import Windows
from nnkit.nn.layer import Binding
from nnkit.nn.params import Array


class WindowSums:
    """The sum of each window's entries, and its gradient."""

    def __init__(self, binding: Binding, windows: Windows) -> None:
        self.buffers = WindowBuffers(binding, windows)

    def forward(self, X: Array) -> Array:
        """Y (C, *windows, N) for X (C, *positions, N)."""
        X, Y = self.buffers.padded(X), self.buffers.Y
        first, *others = self.buffers.slices
        np.copyto(Y, X[first])
        for entry in others:
            np.add(Y, X[entry], out=Y)
        return Y

    def backward(self, dY: Array) -> Array:
        """The gradient dX (C, *positions, N) for dY (C, *windows, N)."""
        dX = self.buffers.cleared_gradient()
        for entry in self.buffers.slices:
            dX[entry] += dY
        return self.buffers.without_padding(dX)
