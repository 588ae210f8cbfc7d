"""The buffers of layers that combine the entries of windows, such as their sum or maximum."""

from __future__ import annotations

import numpy as np

from nnkit.nn.conv.im2col import Padded
from nnkit.nn.conv.windows import Windows
from nnkit.nn.layer import Binding
from nnkit.nn.params import Array


class WindowBuffers:
    """The entries of all windows as slices of the inputs, and buffers for outputs and gradients.

    Attributes:
        slices: for each entry of a window, where it lies in the padded inputs (C, *positions, N).
        inside: the inputs in the padded ones.
        is_padded: whether there is padding.
        Y: the outputs (C, *windows, N).
    """

    def __init__(self, binding: Binding, windows: Windows, around: float = 0.0) -> None:
        """Allocates the buffers.

        Args:
            binding: the layer's binding.
            windows: the windows over the inputs.
            around: the padding value.
        """
        channels = binding.input_shape[0]
        self.slices = [(slice(None), *entry) for entry in windows.slices()]
        self.inside = (slice(None), *windows.inside)
        self.is_padded = windows.is_padded
        if self.is_padded:
            sizes = windows, channels, binding.batch, binding.dtype, binding.buffers
            self._padded = Padded(*sizes, around=around)
        self.Y = binding.buffer(channels, *windows.count)
        if binding.training:
            self._dX = binding.buffer(channels, *windows.padded)

    def padded(self, X: Array) -> Array:
        """The inputs X (C, *positions, N) with their padding, if there is any."""
        return self._padded(X) if self.is_padded else X

    def cleared_gradient(self) -> Array:
        """Zeros for the gradient of the padded inputs, to which each entry adds its own."""
        self._dX.fill(0)
        return self._dX

    def without_padding(self, dX: Array) -> Array:
        """The gradient (C, *positions, N) from that of the padded inputs."""
        return np.ascontiguousarray(dX[self.inside]) if self.is_padded else dX
