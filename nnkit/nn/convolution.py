"""Kernels of convolution, in plain Python that `nnkit.compiled` compiles.

With samples last and windows next to each other, entry (c, i, j) of all windows of an output row,
over all samples, is one run of memory. These kernels add up such runs, several at a time, so that
a sum stays in registers for that long. Arrays are C-ordered:

    X   (channels · *padded positions · N), flat
    W   (filters, channels · taps)
    Z   (filters, rows, run), an output row a run
    offsets (channels · taps), where in X each entry's first run begins; `step` to the next row's
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import numpy as np

from nnkit.nn.params import Array
from nnkit.nn.windows import Windows


@dataclass(frozen=True, slots=True)
class Runs:
    """Where the runs of one group's channels lie.

    Attributes:
        rows: of the output.
        offsets: (channels · taps,).
        step: in the input, from one output row to the next.
        channels: how many.
        taps: of a window.
        area: of one channel in the padded input, all samples.
        longest: run.
    """

    rows: int
    offsets: Array
    step: int
    channels: int
    taps: int
    area: int
    longest: int

    @property
    def forward(self) -> tuple[Array, int]:
        """The arguments of `correlate` and `weight_gradient`."""
        return self.offsets, self.step

    @property
    def backward(self) -> tuple[Array, int, int, int]:
        """The arguments of `input_gradient`."""
        return self.offsets[: self.taps], self.step, self.channels, self.area


def runs(windows: Windows, channels: int, batch: int) -> Runs:
    """The runs of windows that stand one entry apart along the last axis."""
    assert windows.stride[-1] == 1
    *_, width = windows.padded
    area = prod(windows.padded) * batch
    strides = [width * batch, batch][-len(windows.kernel) :]
    entries = [
        sum(e * d * s for e, d, s in zip(entry, windows.dilation, strides, strict=True))
        for entry in product(*(range(k) for k in windows.kernel))
    ]
    offsets = np.array([c * area + entry for c in range(channels) for entry in entries])
    return Runs(
        rows=prod(windows.count[:-1]),
        offsets=offsets,
        step=windows.stride[0] * width * batch,
        channels=channels,
        taps=windows.taps,
        area=area,
        longest=windows.count[-1] * batch,
    )


def correlate(X: Any, W: Any, b: Any, offsets: Any, step: int, Z: Any, scratch: Any) -> None:
    """Writes Z[f, y] = b[f] + Σ_k W[f, k] · (run k of row y).

    Two filters and five runs at a time: as much as stays in registers, and five is a row of the
    commonest window. Where fewer are left, the last run is taken again with a weight of 0, and
    what would be the second filter goes into `scratch`, (run,).
    """
    filters, rows, length = Z.shape
    taps = offsets.size
    zero = W.dtype.type(0)
    for y in range(rows):
        for f in range(0, filters, 2):
            z, u = Z[f, y], scratch[:length]
            g, c = b[f], zero
            if f + 1 < filters:
                u, c = Z[f + 1, y], b[f + 1]
            for t in range(length):
                z[t] = g
                u[t] = c
            for k in range(0, taps, 5):
                i1, i2 = min(k + 1, taps - 1), min(k + 2, taps - 1)
                i3, i4 = min(k + 3, taps - 1), min(k + 4, taps - 1)
                base = y * step
                x0 = X[base + offsets[k] : base + offsets[k] + length]
                x1 = X[base + offsets[i1] : base + offsets[i1] + length]
                x2 = X[base + offsets[i2] : base + offsets[i2] + length]
                x3 = X[base + offsets[i3] : base + offsets[i3] + length]
                x4 = X[base + offsets[i4] : base + offsets[i4] + length]
                e = min(f + 1, filters - 1)
                w0, v0 = W[f, k], W[e, k]
                w1 = w2 = w3 = w4 = v1 = v2 = v3 = v4 = zero
                if k + 1 < taps:
                    w1, v1 = W[f, i1], W[e, i1]
                if k + 2 < taps:
                    w2, v2 = W[f, i2], W[e, i2]
                if k + 3 < taps:
                    w3, v3 = W[f, i3], W[e, i3]
                if k + 4 < taps:
                    w4, v4 = W[f, i4], W[e, i4]
                for t in range(length):
                    z[t] += w0 * x0[t] + w1 * x1[t] + w2 * x2[t] + w3 * x3[t] + w4 * x4[t]
                    u[t] += v0 * x0[t] + v1 * x1[t] + v2 * x2[t] + v3 * x3[t] + v4 * x4[t]


def weight_gradient(X: Any, dZ: Any, offsets: Any, step: int, dW: Any) -> None:
    """Writes dW[f, k] = Σ_y (dZ[f, y] · run k of row y), two filters and five runs at a time."""
    filters, rows, length = dZ.shape
    taps = offsets.size
    zero = dZ.dtype.type(0)
    dW[:] = 0
    for y in range(rows):
        base = y * step
        for k in range(0, taps, 5):
            i1, i2 = min(k + 1, taps - 1), min(k + 2, taps - 1)
            i3, i4 = min(k + 3, taps - 1), min(k + 4, taps - 1)
            x0 = X[base + offsets[k] : base + offsets[k] + length]
            x1 = X[base + offsets[i1] : base + offsets[i1] + length]
            x2 = X[base + offsets[i2] : base + offsets[i2] + length]
            x3 = X[base + offsets[i3] : base + offsets[i3] + length]
            x4 = X[base + offsets[i4] : base + offsets[i4] + length]
            for f in range(0, filters, 2):
                e = min(f + 1, filters - 1)
                d, h = dZ[f, y], dZ[e, y]
                s0 = s1 = s2 = s3 = s4 = r0 = r1 = r2 = r3 = r4 = zero
                for t in range(length):
                    s0 += d[t] * x0[t]
                    s1 += d[t] * x1[t]
                    s2 += d[t] * x2[t]
                    s3 += d[t] * x3[t]
                    s4 += d[t] * x4[t]
                    r0 += h[t] * x0[t]
                    r1 += h[t] * x1[t]
                    r2 += h[t] * x2[t]
                    r3 += h[t] * x3[t]
                    r4 += h[t] * x4[t]
                sums = (s0, s1, s2, s3, s4)
                others = (r0, r1, r2, r3, r4)
                for j in range(min(5, taps - k)):
                    dW[f, k + j] += sums[j]
                    if f + 1 < filters:
                        dW[f + 1, k + j] += others[j]


def input_gradient(
    W: Any,
    dZ: Any,
    entries: Any,
    step: int,
    channels: int,
    area: int,
    dX: Any,
    scratch: Any,
) -> None:
    """Writes dX = Σ_{f,k} W[f, k] · dZ[f], each run where it came from.

    Two channels and four filters at a time. dX is flat, (channels · area); `entries` are the
    offsets within one channel, and `scratch` takes what would be the second of two channels.
    """
    filters, rows, length = dZ.shape
    taps = entries.size
    zero = W.dtype.type(0)
    dX[:] = zero
    for c in range(0, channels, 2):
        pair = c + 1 < channels
        for y in range(rows):
            for k in range(taps):
                start = c * area + y * step + entries[k]
                z, u = dX[start : start + length], scratch[:length]
                p = c * taps + k
                q = p
                if pair:
                    u = dX[start + area : start + area + length]
                    q = p + taps
                for f in range(0, filters, 4):
                    f1, f2 = min(f + 1, filters - 1), min(f + 2, filters - 1)
                    f3 = min(f + 3, filters - 1)
                    d0, d1, d2, d3 = dZ[f, y], dZ[f1, y], dZ[f2, y], dZ[f3, y]
                    w0, v0 = W[f, p], W[f, q]
                    w1 = w2 = w3 = v1 = v2 = v3 = zero
                    if f + 1 < filters:
                        w1, v1 = W[f1, p], W[f1, q]
                    if f + 2 < filters:
                        w2, v2 = W[f2, p], W[f2, q]
                    if f + 3 < filters:
                        w3, v3 = W[f3, p], W[f3, q]
                    for t in range(length):
                        z[t] += w0 * d0[t] + w1 * d1[t] + w2 * d2[t] + w3 * d3[t]
                        u[t] += v0 * d0[t] + v1 * d1[t] + v2 * d2[t] + v3 * d3[t]
