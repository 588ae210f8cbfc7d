"""Predictions by a program: one call of the compiled kernels from inputs to outputs."""

from __future__ import annotations

from ctypes import addressof, c_char, c_int64, c_void_p, pointer
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnkit.native.program import Program
from nnkit.native.structures import PaceStructure

Array = NDArray[Any]
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
        self._settings: tuple[int, int, np.dtype[Any], float] | None = None  # of the structure
        arguments = c_void_p, c_void_p, c_int64, c_void_p, c_int64
        signature = "predict", program.bits, c_int64, *arguments
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
            ValueError: the samples have another size, or are not C-ordered.
            TypeError: they are of another type.
        """
        samples = len(X)
        if X.size != samples * self._inputs:
            raise ValueError(f"inputs of shape {X.shape}; {self._inputs} numbers a sample expected")
        outputs = np.empty((samples, self._width), self._dtype)
        if samples == 0:
            return outputs, True
        length = min(samples.bit_length(), LENGTHS - 1)
        settings = threads, length, X.dtype, factor
        if settings != self._settings:  # to set them takes as long as to predict a sample
            self._set(*settings)
        quick = 0 < self._paces[length].alone * samples < QUICK
        is_finite = (self._quick_predict if quick else self._predict)(
            self._address, address_of(X), samples, address_of(outputs), checks
        )
        return outputs, bool(is_finite)

    def _set(self, threads: int, length: int, dtype: np.dtype[Any], factor: float) -> None:
        """Sets how the next batches are predicted; batches of a length are equally fast."""
        if dtype not in (np.uint8, self._dtype):
            raise TypeError(f"inputs of type {dtype}; {self._dtype} or uint8 expected")
        structure = self._program.structure
        structure.threads, structure.pace = threads, pointer(self._paces[length])
        structure.inputs_are_bytes, structure.input_scale = dtype == np.uint8, factor
        self._settings = threads, length, dtype, factor

    def release(self) -> None:
        """Does nothing, because no reference to inputs is kept."""


def address_of(array: Array) -> int:
    """The address of a C-ordered array's memory; faster than `array.ctypes.data` if writable.

    Raises:
        ValueError: the array is not C-ordered.
    """
    memory: Any = array  # NumPy declares arrays as buffers from Python 3.12 on
    try:
        return addressof(c_char.from_buffer(memory))
    except TypeError:  # it is read-only, or not in one piece
        if not array.flags.c_contiguous:
            raise ValueError("the samples are not C-ordered") from None
        return array.ctypes.data
