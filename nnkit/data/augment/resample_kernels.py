"""The kernel of resampling, in plain Python, to be compiled by `nnkit.compiled`."""

from __future__ import annotations

from typing import Any

import numpy as np


def warp(P: Any, linear: Any, offset: Any, D: Any, lows: Any, highs: Any, X: Any) -> None:
    """Interpolates bilinearly, row by row, with the operations of `resample._interpolate`.

    Args:
        P: padded images (C, N, H + 3, W + 3).
        linear: matrices (N, 2, 2) of the affine maps from pixels of X to coordinates in P.
        offset: translations (N, 2) of these maps.
        D: displacements (2, N, H, W), or (2, 0, 0, 0) for none.
        lows: the smallest coordinates (2,).
        highs: the largest coordinates (2,).
        X: receives the images (N, C, H, W).
    """
    columns, stride, real = X.shape[3], P.shape[3], X.dtype.type
    planes = P.reshape(P.shape[0], P.shape[1], -1)
    (low_y, low_x), (high_y, high_x) = (lows[0], lows[1]), (highs[0], highs[1])
    # Separate loops over a row, which compile to vector instructions.
    y, x = np.empty(columns, X.dtype), np.empty(columns, X.dtype)
    at = np.empty(columns, np.int32)
    for n in range(X.shape[0]):
        for i in range(X.shape[2]):
            first_y = linear[n, 0, 0] * real(i) + offset[n, 0]
            first_x = linear[n, 1, 0] * real(i) + offset[n, 1]
            for j in range(columns):
                y[j] = first_y + linear[n, 0, 1] * real(j)
                x[j] = first_x + linear[n, 1, 1] * real(j)
            if D.shape[1] > 0:
                for j in range(columns):
                    y[j] += D[0, n, i, j]
                    x[j] += D[1, n, i, j]
            for j in range(columns):
                y[j] = min(max(y[j], low_y), high_y)
                x[j] = min(max(x[j], low_x), high_x)
                row, column = np.int32(y[j]), np.int32(x[j])
                y[j] -= real(row)
                x[j] -= real(column)
                at[j] = row * stride + column
            for c in range(X.shape[1]):
                plane = planes[c, n]
                for j in range(columns):
                    k = at[j]
                    above = (plane[k + 1] - plane[k]) * x[j] + plane[k]
                    k += stride
                    below = (plane[k + 1] - plane[k]) * x[j] + plane[k]
                    X[n, c, i, j] = (below - above) * y[j] + above
