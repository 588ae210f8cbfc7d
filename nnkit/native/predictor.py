"""Predictions by a program: one call of the compiled kernels from inputs to outputs."""

from __future__ import annotations

from ctypes import addressof, c_char, c_double, c_int64, c_void_p
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnkit.native.program import Program
from nnkit.native.structures import PaceStructure

Array = NDArray[Any]
BYTES = np.dtype(np.uint8)
# A pass that takes less keeps the GIL, which costs less than to wait for it afterwards.
QUICK = 20e-6  # seconds
LENGTHS = 16  # of numbers of samples, in bits; larger numbers count among the largest


class Predictor:
    """Predicts with a program, batches of any size, one at a time.

    How fast one thread and several are is measured apart for few and for many samples.
    """

    def __init__(self, program: Program) -> None:
        self._program = program  # keeps the buffers alive
        self._address = addressof(program.structure)
        self._inputs, self._width = program.inputs, program.outputs.shape[1]
        self._dtype = program.outputs.dtype
        self._paces = [PaceStructure() for _ in range(LENGTHS)]
        self._pace_addresses = [addressof(pace) for pace in self._paces]
        inputs, outputs, execution = (
            (c_void_p, c_int64, c_double, c_int64),
            (c_void_p, c_int64),
            (c_int64, c_void_p),
        )
        signature = "predict", program.bits, c_int64, c_void_p, *inputs, *outputs, *execution
        self._predict = program.library.function(*signature)
        self._quick_predict = program.library.function(*signature, keeps_gil=True)

    def outputs(
        self, X: Array, threads: int, factor: float = 1.0, checks: bool = False
    ) -> tuple[Array, bool]:
        """The outputs, in memory of their own, and whether everything is finite.

        Args:
            X: inputs (n, *input_shape), C-ordered, of the program's type or of uint8.
            threads: the most threads to use.
            factor: a factor on the inputs.
            checks: whether to find out if all inputs and outputs are finite.

        Returns:
            The outputs, (n, outputs), and False if something was found that is not finite.

        Raises:
            ValueError: the samples have another size.
        """
        samples = len(X)
        if X.size != samples * self._inputs:
            raise ValueError(f"inputs of shape {X.shape}; {self._inputs} numbers a sample expected")
        outputs = np.empty((samples, self._width), self._dtype)
        if samples == 0:
            return outputs, True
        length = min(samples.bit_length(), LENGTHS - 1)
        quick = 0 < self._paces[length].alone * samples < QUICK
        is_finite = (self._quick_predict if quick else self._predict)(
            self._address,
            address_of(X),
            X.dtype == BYTES,
            factor,
            samples,
            address_of(outputs),
            checks,
            threads,
            self._pace_addresses[length],
        )
        return outputs, bool(is_finite)

    def release(self) -> None:
        """Does nothing, because no reference to inputs is kept."""


def address_of(array: Array) -> int:
    """The address of a C-ordered array's memory; faster than `array.ctypes.data` if writable."""
    if array.flags.writeable:
        return addressof(c_char.from_buffer(array.data))
    return array.ctypes.data
