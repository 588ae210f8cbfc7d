"""Memory and products of layers that take sequences step by step."""

from __future__ import annotations

import numpy as np

from nnkit.nn.layer import Binding
from nnkit.nn.params import Array, Shape
from nnkit.nn.products import Product, product
from nnkit.nn.recurrent.steps import RUN_COLUMNS


class StepMemory:
    """Allocates arrays for all steps or for one, and multiplies them.

    Attributes:
        length: the number of positions of the longest sequence, T.
        samples: the number of sequences, N.
    """

    def __init__(self, binding: Binding) -> None:
        """Allocates nothing yet.

        Args:
            binding: the layer's binding.
        """
        _, self.length = binding.input_shape
        self.samples = binding.batch
        self._binding = binding
        self._scratch_memory: dict[tuple[int, int], Array] = {}
        self._scratch: dict[tuple[Shape, int], Array] = {}
        self._products: dict[tuple[int, int, int], Product] = {}

    def memory(self, rows: int) -> Array:
        """Memory for an array (rows, n) at all steps."""
        shape = (rows * self.length * self.samples,)
        return self._binding.buffers.empty(shape, self._binding.dtype)

    def run_memory(self, rows: int) -> Array:
        """Memory for an array (rows, n) at the steps of one run."""
        columns = min(max(RUN_COLUMNS, self.samples), self.length * self.samples)
        return self._binding.buffers.empty((rows * columns,), self._binding.dtype)

    def scratch(self, shape: Shape, number: int = 0) -> Array:
        """One of several arrays for the numbers of one step; each call may return the same."""
        found = self._scratch.get((shape, number))
        if found is None:
            rows, columns = shape
            memory = self._scratch_memory.get((rows, number))
            if memory is None:
                memory = np.empty(rows * self.samples, self._binding.dtype)
                self._scratch_memory[rows, number] = memory
            found = memory[: rows * columns].reshape(rows, columns)
            self._scratch[shape, number] = found
        return found

    def multiply(self, A: Array, B: Array, out: Array) -> Array:
        """Writes A B into `out`, in the way that is the fastest for their sizes."""
        (rows, inner), columns = A.shape, B.shape[1]
        found = self._products.get((rows, inner, columns))
        if found is None:
            found = self._products[rows, inner, columns] = product(rows, inner, columns, A.dtype)
        return found(A, B, out)
