"""Kernels of activations and losses, in plain Python that `nnkit.compiled` compiles."""

from __future__ import annotations

from math import log
from typing import Any


def relu_gradient(Y: Any, dY: Any) -> None:
    """In place, dY · [y > 0], for C-ordered arrays of one shape."""
    y, d = Y.reshape(-1), dY.reshape(-1)
    on, off = d.dtype.type(1), d.dtype.type(0)
    for i in range(d.size):
        d[i] *= on if y[i] > off else off


def sigmoid_gradient(Y: Any, dY: Any) -> None:
    """In place, dY · y(1 − y), likewise."""
    y, d = Y.reshape(-1), dY.reshape(-1)
    one = d.dtype.type(1)
    for i in range(d.size):
        d[i] *= (one - y[i]) * y[i]


def squared_error(Y: Any, T: Any, dY: Any, scale: Any) -> float:
    """Writes scale · (y − t) into dY and returns Σ (y − t)²; all are (outputs, N)."""
    total = 0.0
    for k in range(Y.shape[0]):
        for n in range(Y.shape[1]):
            difference = Y[k, n] - T[k, n]
            total += difference * difference
            dY[k, n] = difference * scale
    return total


def shift_logits(Z: Any, T: Any, dZ: Any, largest: Any) -> float:
    """Writes z − max_k z into dZ, so that no exponential overflows, and returns Σ t · dZ.

    All are (classes, N) but `largest`, which is scratch, (N,).
    """
    wanted = 0.0
    for n in range(Z.shape[1]):
        largest[n] = Z[0, n]
    for k in range(1, Z.shape[0]):
        for n in range(Z.shape[1]):
            largest[n] = max(largest[n], Z[k, n])
    for k in range(Z.shape[0]):
        for n in range(Z.shape[1]):
            dZ[k, n] = Z[k, n] - largest[n]
            wanted += T[k, n] * dZ[k, n]
    return wanted


def softmax_gradient(E: Any, T: Any, scale: Any, totals: Any) -> float:
    """Turns exponentials E into scale · (E/Σ_k E − T) and returns Σ_n ln Σ_k E.

    E and T are (classes, N); `totals` is scratch, (N,).
    """
    sum_of_logs = 0.0
    for n in range(E.shape[1]):
        totals[n] = E[0, n]
    for k in range(1, E.shape[0]):
        for n in range(E.shape[1]):
            totals[n] += E[k, n]
    for n in range(E.shape[1]):
        sum_of_logs += log(totals[n])
    for k in range(E.shape[0]):
        for n in range(E.shape[1]):
            E[k, n] = (E[k, n] / totals[n] - T[k, n]) * scale
    return sum_of_logs
