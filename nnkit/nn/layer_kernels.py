"""Kernels of activations, losses, pooling and normalization, in plain Python.

`nnkit.compiled` compiles them. The normalization kernels sum in a different order than NumPy.
"""

from __future__ import annotations

from math import log, sqrt
from typing import Any

import numpy as np


def relu_gradient(Y: Any, dY: Any) -> None:
    """Gradient of ReLU in place: dY ← dY · [y > 0], for C-ordered arrays of one shape."""
    y, d = Y.reshape(-1), dY.reshape(-1)
    on, off = d.dtype.type(1), d.dtype.type(0)
    for i in range(d.size):
        d[i] *= on if y[i] > off else off


def sigmoid_gradient(Y: Any, dY: Any) -> None:
    """Gradient of the sigmoid in place: dY ← dY · y(1 − y), for C-ordered arrays of one shape."""
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

    All are (classes, N), except for `largest`, which is scratch of shape (N,).
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


def max_pool_2x2(X: Any, Y: Any, chosen: Any) -> None:
    """Writes the maximum of each 2 × 2 window of X (C, H, W, N) into Y (C, H/2, W/2, N).

    The index of the maximum, 0 to 3 in row order, is written into `chosen`; in case of ties it is
    the first. NaN counts as the largest value.
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
    """Routes each gradient to the entry that was the maximum, and 0 to the other three."""
    channels, rows, columns, samples = dY.shape
    zero = dY.dtype.type(0)
    for c in range(channels):
        for i in range(rows):
            for j in range(columns):
                d, which = dY[c, i, j], chosen[c, i, j]
                for k in range(4):  # separate loops, which the compiler can vectorize
                    x = dX[c, 2 * i + k // 2, 2 * j + k % 2]
                    for n in range(samples):
                        x[n] = d[n] if which[n] == k else zero


def normalize_rows(
    X: Any, scale: Any, shift: Any, eps: float, Y: Any, mean: Any, variance: Any, spread: Any
) -> None:
    """Writes Y = scale · (x − μ)/√(σ² + ε) + shift, with μ and σ² computed over each row.

    X and Y are (rows, entries), the rest (rows,); μ, σ² and 1/√(σ² + ε) are written into `mean`,
    `variance` and `spread` in float64. Sums are taken over d = x − x₀ in float64, where x₀ is the
    first entry. Since Σ(x − μ)² ≥ (μ − x₀)², Σd² is at most entries + 1 times Σ(x − μ)², so the
    subtraction keeps enough digits for any mean. The part of μ that float32 cannot represent is
    added to the shift.
    """
    for c in range(X.shape[0]):
        x, y = X[c], Y[c]
        first = np.float64(x[0])
        total = squares = 0.0
        for i in range(x.size):
            d = x[i] - first
            total += d
            squares += d * d
        total /= x.size
        mean[c] = first + total
        variance[c] = squares / x.size - total * total
        spread[c] = 1 / sqrt(variance[c] + eps)
        slope = scale[c] * spread[c]
        centre, factor = X.dtype.type(mean[c]), X.dtype.type(slope)
        rest = X.dtype.type(shift[c] - slope * (mean[c] - centre))
        for i in range(x.size):
            y[i] = (x[i] - centre) * factor + rest


def normalize_rows_gradient(
    X: Any, mean: Any, spread: Any, scale: Any, dY: Any, dscale: Any, dshift: Any
) -> None:
    """Turns dE/dY into dE/dX in place, and writes the gradients of scale and shift.

    dX = scale · spread · (dY − mean(dY) − X̂ · mean(dY ⊙ X̂)), row by row. X̂ is recomputed from X,
    which takes no longer than reading it from memory.
    """
    for c in range(X.shape[0]):
        x, d = X[c], dY[c]
        centre = X.dtype.type(mean[c])
        left_out = mean[c] - centre
        total = along = 0.0
        for i in range(x.size):
            total += d[i]
            along += d[i] * (x[i] - centre)
        along = (along - left_out * total) * spread[c]
        dscale[c], dshift[c] = along, total
        share = along * spread[c] / x.size
        slope, rest = X.dtype.type(share), X.dtype.type(total / x.size - share * left_out)
        factor = X.dtype.type(scale[c] * spread[c])
        for i in range(x.size):
            d[i] = ((d[i] - rest) - (x[i] - centre) * slope) * factor


def rescale_rows(X: Any, mean: Any, factor: Any, shift: Any, Y: Any) -> None:
    """Writes Y = (x − mean) · factor + shift, row by row."""
    for c in range(X.shape[0]):
        x, y, centre, slope, rest = X[c], Y[c], mean[c], factor[c], shift[c]
        for i in range(x.size):
            y[i] = (x[i] - centre) * slope + rest


def normalize_columns(
    X: Any, scale: Any, shift: Any, eps: float, Y: Any, mean: Any, spread: Any
) -> None:
    """Writes Y = scale · (x − μ)/√(σ² + ε) + shift, with μ and σ² computed over each column.

    X and Y are (rows, columns), mean and spread (columns,), scale and shift (rows,).
    """
    rows, columns = X.shape
    first = X[0].astype(np.float64)
    total, squares = np.zeros(columns), np.zeros(columns)
    for k in range(rows):
        x = X[k]
        for n in range(columns):
            d = x[n] - first[n]
            total[n] += d
            squares[n] += d * d
    centre, factor, rest = np.empty_like(X[0]), np.empty_like(X[0]), np.empty_like(X[0])
    for n in range(columns):
        ahead = total[n] / rows
        mean[n] = first[n] + ahead
        spread[n] = 1 / sqrt(squares[n] / rows - ahead * ahead + eps)
        centre[n] = mean[n]
        factor[n] = spread[n]
        rest[n] = (centre[n] - mean[n]) * spread[n]
    for k in range(rows):
        x, y, slope, offset = X[k], Y[k], scale[k], shift[k]
        for n in range(columns):
            y[n] = ((x[n] - centre[n]) * factor[n] + rest[n]) * slope + offset


def normalize_columns_gradient(
    X: Any, mean: Any, spread: Any, scale: Any, dY: Any, dscale: Any, dshift: Any
) -> None:
    """Gradient of `normalize_columns`: dX = spread · (dX̂ − mean(dX̂) − X̂ · mean(dX̂ ⊙ X̂))."""
    rows, columns = X.shape
    centre, factor, rest = np.empty_like(X[0]), np.empty_like(X[0]), np.empty_like(X[0])
    for n in range(columns):
        centre[n] = mean[n]
        factor[n] = spread[n]
        rest[n] = (centre[n] - mean[n]) * spread[n]
    total, along = np.zeros(columns), np.zeros(columns)
    for k in range(rows):
        x, d, slope = X[k], dY[k], scale[k]
        over_row = along_row = 0.0
        for n in range(columns):
            product = d[n] * ((x[n] - centre[n]) * factor[n] + rest[n])
            over_row += d[n]
            along_row += product
            total[n] += d[n] * slope
            along[n] += product * slope
        dscale[k], dshift[k] = along_row, over_row
    share, offset = np.empty_like(X[0]), np.empty_like(X[0])
    for n in range(columns):
        share[n] = along[n] / rows
        offset[n] = total[n] / rows
    for k in range(rows):
        x, d, slope = X[k], dY[k], scale[k]
        for n in range(columns):
            normalized = (x[n] - centre[n]) * factor[n] + rest[n]
            d[n] = ((d[n] * slope - offset[n]) - normalized * share[n]) * factor[n]
