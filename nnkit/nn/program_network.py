"""A network that runs as a program of the compiled kernels."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import numpy as np

from nnkit.native.layer_buffers import BLOCK
from nnkit.native.program import Program
from nnkit.native.program_layer import ProgramLayer, is_image
from nnkit.nn.arena import Buffers
from nnkit.nn.network import Network
from nnkit.nn.params import Array
from nnkit.nn.passes import INFERENCE, Pass

CACHE = 1 << 20  # bytes, of a processor's core
SHARED_CACHE = 1 << 24  # bytes, of a processor
SEQUENCES = 1 << 24  # bytes of the sequences that are processed at a time, outside training


class ProgramNetwork:
    """A `Network` that runs as a program of the compiled kernels.

    Whatever a program cannot do, such as calling an observer, is done by the NumPy network.

    Attributes:
        program: the program.
    """

    def __init__(
        self,
        program: Program,
        samples: int,
        buffers: Buffers,
        numpy_network: Callable[[], Network],
    ) -> None:
        """Divides batches into parts that the program takes at once.

        Args:
            program: the program.
            samples: the number of samples of a batch, N.
            buffers: allocates the buffers.
            numpy_network: binds the same network on NumPy, with its own memory.
        """
        self.program = program
        part, outputs = program.samples, program.outputs
        self._samples = samples
        self._parts = [slice(at, at + part) for at in range(0, samples, part)]
        self._outputs = buffers.empty((samples, outputs.shape[1]), outputs.dtype)
        self._numpy_network = numpy_network

    def forward(self, X: Array, now: Pass = INFERENCE) -> Array:
        """The output Y (outputs, N) for X (*input shape, N)."""
        if now.observer is not None:
            return self._numpy_network().forward(X, now)
        rows = self._rows(X)
        if len(self._parts) == 1:
            return self.program.forward(rows).T
        for part in self._parts:
            self._outputs[part] = self.program.forward(rows[part])
        return self._outputs.T

    def evaluate(
        self, X: Array, T: Array, weights: Array | None = None, now: Pass = INFERENCE
    ) -> tuple[float, Array]:
        """The mean loss against targets T, and the output Y, outside training."""
        if now.observer is not None:
            return self._numpy_network().evaluate(X, T, weights, now)
        rows, loss = self._rows(X), 0.0
        total = len(rows) if weights is None else max(float(np.add.reduce(weights)), 1e-30)
        for part in self._parts:
            own = None if weights is None else weights[part]
            count = len(rows[part]) if own is None else float(np.add.reduce(own))
            of_part, Y = self.program.evaluate(rows[part], T.T[part], own)
            self._outputs[part] = Y
            loss += of_part * (count / total)
        return loss, self._outputs.T

    def loss_and_gradient(
        self, X: Array, T: Array, now: Pass, weights: Array | None = None, share: float = 1.0
    ) -> float:
        """Returns the mean loss and writes the parameters' gradients into the model's `grads`.

        Arguments and shapes are those of `Network.loss_and_gradient`.
        """
        if now.observer is not None:
            return self._numpy_network().loss_and_gradient(X, T, now, weights, share)
        self.program.set_draws(now.key, now.before, now.after)
        return self.program.gradient(self._rows(X), T.T, weights, share)

    def _rows(self, X: Array) -> Array:
        """Inputs (*shape, N) with a row for each sample, (N, k)."""
        self._check_size(X)
        return X.T if X.ndim == 2 else X.reshape(-1, X.shape[-1]).T

    def _check_size(self, X: Array) -> None:
        """Checks the number of samples, which layers on NumPy find out by themselves.

        Raises:
            ValueError: it is not the one that the network is bound to.
        """
        if X.shape[-1] != self._samples:
            raise ValueError(f"{X.shape[-1]} samples; the network is bound to {self._samples}")

    def release(self) -> None:
        """Drops the reference to the last input, which may be large."""
        self.program.release()

    def first_nonfinite(self, X: Array, T: Array, now: Pass) -> str | None:
        """The name of the first layer whose output holds a NaN or infinity, or None."""
        return self._numpy_network().first_nonfinite(X, T, now)


def samples_in_cache(layers: Sequence[ProgramLayer], itemsize: int) -> int:
    """The number of samples, a multiple of 16, whose images around a layer fit into the cache.

    Outside training, larger batches of images are processed in parts of that size. If there is room
    in the cache that cores share, it is at least two blocks, so that each of two threads has one:
    the few rows of small images cannot be divided evenly. Sequences are in parts that are larger,
    because each part needs the weights in order.
    """
    of_one = max(layer.inputs + layer.outputs for layer in layers) * itemsize
    if any(is_image(layer.output_shape) for layer in layers):
        two = min(SHARED_CACHE // of_one // BLOCK, 2)
        return max(CACHE // of_one // BLOCK, two, 1) * BLOCK
    if any(layer.recurrences for layer in layers):
        return max(SEQUENCES // of_one // BLOCK, 1) * BLOCK
    return sys.maxsize  # vectors are small
