"""Activations of outputs that are probabilities of classes, or rates: exponentials."""

# No `from __future__ import annotations`, for the reason given in nnkit/config/spec.py.

from typing import ClassVar, Literal

import numpy as np

from nnkit.native.kernel_kinds import ActivationKind
from nnkit.native.program_layer import ProgramFunction
from nnkit.nn.activations.function import Array, Function

CHUNK = 1 << 17  # values that are computed together, which fit in the cache


class Exponential(Function):
    """f(z) = e^z: for outputs that are rates or counts, with the loss `poisson`; f′ = y."""

    elsewhere: ClassVar[tuple[str, ...]] = ("exp",)
    kind: Literal["exponential"] = "exponential"
    nonnegative: ClassVar[bool] = True

    def in_program(self) -> ProgramFunction:
        return ProgramFunction(ActivationKind.EXPONENTIAL)

    def forward(self, Z: Array, Y: Array) -> None:
        np.exp(Z, out=Y)

    def backward(self, saved: Array, dY: Array, work: Array) -> None:
        np.multiply(dY, saved, out=dY)


class Softmax(Function):
    """f(z)_k = e^{z_k} / Σ_j e^{z_j} over the units; dZ = y ⊙ (dY − Σ_j dY_j y_j)."""

    kind: Literal["softmax"] = "softmax"
    least_units: ClassVar[int] = 2
    nonnegative: ClassVar[bool] = True
    probability: ClassVar[bool] = True
    elementwise: ClassVar[bool] = False

    def in_program(self) -> ProgramFunction:
        return ProgramFunction(ActivationKind.SOFTMAX)

    def forward(self, Z: Array, Y: Array) -> None:
        np.subtract(Z, np.maximum.reduce(Z, axis=0), out=Y)
        np.exp(Y, out=Y)
        np.divide(Y, np.add.reduce(Y, axis=0), out=Y)

    def backward(self, saved: Array, dY: Array, work: Array) -> None:
        np.multiply(dY, saved, out=work)
        np.subtract(dY, np.add.reduce(work, axis=0), out=dY)
        np.multiply(dY, saved, out=dY)


def log_softmax(Z: Array) -> Array:
    """The logarithms of the softmax of Z (units, …, N), as a view of rows, (…·N, units).

    A few rows at a time stay in the cache until they are finished, which matters for large
    vocabularies; and so the largest of a column are found without a copy.
    """
    columns = Z.reshape(len(Z), -1)
    logs = np.empty(columns.shape[::-1], Z.dtype)
    size = max(1, CHUNK // len(Z))
    for start in range(0, len(logs), size):
        rows = logs[start : start + size]
        rows[...] = columns[:, start : start + size].T
        rows -= np.maximum.reduce(rows, axis=1, keepdims=True)
        rows -= np.log(np.add.reduce(np.exp(rows), axis=1, keepdims=True))
    return logs.T.reshape(Z.shape)


class LogSoftmax(Function):
    """f(z)_k = z_k − ln Σ_j e^{z_j} over the units; dZ = dY − e^y Σ_j dY_j."""

    kind: Literal["log_softmax"] = "log_softmax"
    log_probability: ClassVar[bool] = True
    least_units: ClassVar[int] = 2
    elementwise: ClassVar[bool] = False

    def in_program(self) -> ProgramFunction:
        return ProgramFunction(ActivationKind.LOG_SOFTMAX)

    def forward(self, Z: Array, Y: Array) -> None:
        np.subtract(Z, np.maximum.reduce(Z, axis=0), out=Y)
        np.subtract(Y, np.log(np.add.reduce(np.exp(Y), axis=0)), out=Y)

    def backward(self, saved: Array, dY: Array, work: Array) -> None:
        np.exp(saved, out=work)
        np.multiply(work, np.add.reduce(dY, axis=0), out=work)
        np.subtract(dY, work, out=dY)


AnyExponential = Exponential | Softmax | LogSoftmax
