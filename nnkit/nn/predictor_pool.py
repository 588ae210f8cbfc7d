"""Predictions by the compiled kernels, for several threads of Python at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nnkit.native.predictor import Predictor
from nnkit.native.program_layer import ProgramLayer
from nnkit.nn.arena import Arena, Buffers
from nnkit.nn.network_binding import bind_program
from nnkit.nn.parallel.pool import Pool
from nnkit.nn.parameterized_chain import ParameterizedChain
from nnkit.nn.params import Array
from nnkit.nn.program_network import samples_in_cache

MOST_SAMPLES = 4096  # that are predicted at a time: to pack weights takes less than a hundredth
FEW_SAMPLES = 64  # that any predictor has room for


class PredictorPool:
    """The predictors of a chain that the compiled kernels know, each lent to one thread at a time.

    They have room for few samples or for more, as the batches need it.
    """

    def __init__(self, chain: ParameterizedChain) -> None:
        """Prepares for predictions.

        Args:
            chain: the layers and their parameters; inputs and outputs have a fixed size.
        """
        assert chain.program is not None
        known, self._loss = chain.program
        self._chain = chain
        self._layers: Sequence[ProgramLayer] = known.inference
        self._most = min(samples_in_cache(self._layers, chain.dtype.itemsize), MOST_SAMPLES)
        self._fewest = min(FEW_SAMPLES, self._most)
        self._arenas: Pool[Arena[int, Predictor]] = Pool(Arena)

    def outputs(
        self, X: Array, threads: int, factor: float = 1.0, checks: bool = False
    ) -> tuple[Array, bool]:
        """Computes outputs; several threads of Python may call this at once.

        Args:
            X: inputs (n, *input_shape), C-ordered, of the type of the parameters or of uint8.
            threads: the most threads to use.
            factor: a factor on the inputs.
            checks: whether to find out if all inputs and outputs are finite.

        Returns:
            The outputs (n, *output_shape), and False if something was found that is not finite.
        """
        capacity = self._fewest
        if len(X) > capacity:
            capacity = min(1 << (len(X) - 1).bit_length(), self._most)
        arena = self._arenas.take()
        try:
            predictor = arena.get(capacity, lambda buffers: self._bind(capacity, buffers))
            return predictor.outputs(X, threads, factor, checks)
        finally:
            self._arenas.give_back(arena)

    def forward(self, X: Array, threads: int) -> Array:
        """Computes the outputs (n, *output_shape) for inputs of any type and order.

        Args:
            X: inputs (n, *input_shape), converted in parts if need be.
            threads: the most threads to use.
        """
        chain = self._chain
        if X.dtype == chain.dtype and X.flags.c_contiguous:
            return self.outputs(X, threads)[0]
        outputs = np.empty((len(X), *chain.output_shape), chain.dtype)
        for start in range(0, len(X), MOST_SAMPLES):
            part = np.ascontiguousarray(X[start : start + MOST_SAMPLES], chain.dtype)
            outputs[start : start + len(part)] = self.outputs(part, threads)[0]
        return outputs

    def _bind(self, capacity: int, buffers: Buffers) -> Predictor:
        """A predictor with room for a number of samples."""
        program = bind_program(
            self._chain, self._layers, self._loss, capacity, buffers, training=False
        )
        return Predictor(program)
