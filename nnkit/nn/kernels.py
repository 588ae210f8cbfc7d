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


def max_of_quarters(X: Any, Y: Any, chosen: Any) -> None:
    """The largest of each 2 × 2 window of X (C, H, W, N) into Y (C, H/2, W/2, N).

    Which of the four it was, 0 to 3 by rows and the first of equals, goes into `chosen`. A NaN
    counts as largest.
    """
    channels, rows, columns, samples = Y.shape
    for c in range(channels):
        for i in range(rows):
            for j in range(columns):
                x0, x1 = X[c, 2 * i, 2 * j], X[c, 2 * i, 2 * j + 1]
                x2, x3 = X[c, 2 * i + 1, 2 * j], X[c, 2 * i + 1, 2 * j + 1]
                y, which = Y[c, i, j], chosen[c, i, j]
                for n in range(samples):
                    best, k = x0[n], 0
                    if x1[n] > best or x1[n] != x1[n]:
                        best, k = x1[n], 1
                    if x2[n] > best or x2[n] != x2[n]:
                        best, k = x2[n], 2
                    if x3[n] > best or x3[n] != x3[n]:
                        best, k = x3[n], 3
                    y[n] = best
                    which[n] = k


def max_of_quarters_gradient(dY: Any, chosen: Any, dX: Any) -> None:
    """Each gradient to the entry that was chosen, 0 to the other three."""
    channels, rows, columns, samples = dY.shape
    zero = dY.dtype.type(0)
    for c in range(channels):
        for i in range(rows):
            for j in range(columns):
                d, which = dY[c, i, j], chosen[c, i, j]
                for k in range(4):  # a loop for each, or the compiler would not use vectors
                    x = dX[c, 2 * i + k // 2, 2 * j + k % 2]
                    for n in range(samples):
                        x[n] = d[n] if which[n] == k else zero
