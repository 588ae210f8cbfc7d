"""Moves the pixels of images: source coordinates, and bilinear interpolation at them."""

from __future__ import annotations

from ctypes import addressof, c_void_p
from typing import Literal, NamedTuple

import numpy as np

from nnkit.data.dataset import Array
from nnkit.native.library import Library, library
from nnkit.native.structures import ResamplingStructure

Fill = float | Literal["edge"]


class Warp:
    """Source coordinates of each pixel of N images of equal size.

    For a pixel p, relative to the image's centre, they are A·p + t + d(p).

    Attributes:
        linear: A, (N, 2, 2); rows before columns.
        offset: t in pixels, (N, 2).
        displacement: d in pixels, (2, N, H, W); None for none.
    """

    def __init__(self, count: int) -> None:
        self.linear: Array = np.broadcast_to(np.eye(2), (count, 2, 2))
        self.offset: Array = np.zeros((count, 2))
        self.displacement: Array | None = None

    def of(self, images: slice) -> Warp:
        """The warp of some of the images."""
        part = Warp(0)
        part.linear, part.offset = self.linear[images], self.offset[images]
        if self.displacement is not None:
            part.displacement = self.displacement[:, images]
        return part

    def then_affine(self, linear: Array, offset: Array) -> None:
        """Composes with an affine map: pixel p is taken from where linear·p + offset was before."""
        self.offset = self.offset + np.matmul(self.linear, offset[:, :, None])[:, :, 0]
        self.linear = np.matmul(self.linear, linear)

    def then_displace(self, displacement: Array) -> None:
        """Adds displacements (2, N, H, W), in pixels of the original images."""
        if self.displacement is None:
            self.displacement = displacement
        else:
            self.displacement = self.displacement + displacement


def resample(X: Array, warp: Warp, fill: Fill) -> None:
    """Replaces every pixel of images X (N, C, H, W) by its source pixel in the warp, in place.

    Coordinates between pixels are interpolated bilinearly. Outside the image the value is `fill`
    or, for "edge", that of the nearest pixel.

    Args:
        X: the images.
        warp: the source coordinates.
        fill: the value outside the image.
    """
    P, lows, highs = _padded(X, fill)
    centre = (np.array(X.shape[2:]) - 1) / 2
    offset = warp.offset + centre + 1 - warp.linear @ centre
    linear, offset, lows, highs = (
        np.ascontiguousarray(a, dtype=X.dtype) for a in (warp.linear, offset, lows, highs)
    )
    places = _Places(linear, offset, warp.displacement, lows, highs)
    kernels = library()
    if kernels is not None and X.flags.c_contiguous:
        _interpolate_compiled(kernels, P, places, X)
    else:
        _interpolate(P, places, X)


class _Places(NamedTuple):
    """The coordinates in padded images that the pixels of N images are taken from.

    Attributes:
        linear: matrices (N, 2, 2) of the affine maps from pixels to coordinates.
        offset: translations (N, 2) of these maps.
        displacement: what is added, (2, N, H, W), or None.
        lows: the smallest coordinates (2,).
        highs: the largest coordinates (2,).
    """

    linear: Array
    offset: Array
    displacement: Array | None
    lows: Array
    highs: Array


def pick(X: Array, rows: Array, columns: Array, fill: Fill) -> None:
    """Takes pixel (i, j) of image n from (rows[n, i], columns[n, j]), integers, in place.

    Args:
        X: images (N, C, H, W).
        rows: row indices (N, H), possibly outside the image.
        columns: column indices (N, W), possibly outside the image.
        fill: the value outside the image, as for `resample`.
    """
    P, lows, highs = _padded(X, fill)
    rows = np.clip(rows + 1, lows[0], highs[0])
    columns = np.clip(columns + 1, lows[1], highs[1])
    at = _starts(P) + (rows * P.shape[3])[:, :, None] + columns[:, None]
    for c in range(len(P)):
        X[:, c] = np.take(P[c].reshape(-1), at)


def _padded(X: Array, fill: Fill) -> tuple[Array, Array, Array]:
    """Pads images by one pixel at the top and left and two at the bottom and right.

    Returns:
        The padded images (C, N, H + 3, W + 3), and the smallest and the largest coordinates in
        them, (2,) each, from which pixels may be taken.
    """
    size = np.array(X.shape[2:])
    at_edge = fill == "edge"
    P = np.full((X.shape[1], len(X), *(size + 3)), 0 if at_edge else fill, dtype=X.dtype)
    P[:, :, 1:-2, 1:-2] = np.swapaxes(X, 0, 1)
    # For "edge", coordinates end at the edge, so the border has no weight.
    return P, np.full(2, int(at_edge)), size + (not at_edge)


def _starts(P: Array) -> Array:
    """Offsets of the images in a channel of P, (N, 1, 1)."""
    return (np.arange(P.shape[1]) * (P.shape[2] * P.shape[3]))[:, None, None]


def _interpolate_compiled(kernels: Library, P: Array, places: _Places, X: Array) -> None:
    """Does the work of `_interpolate` by the compiled kernels, with the same bits."""
    linear, offset, D, lows, highs = places
    structure = ResamplingStructure(
        X=X.ctypes.data,
        P=P.ctypes.data,
        linear=linear.ctypes.data,
        offset=offset.ctypes.data,
        images=len(X),
        channels=X.shape[1],
        height=X.shape[2],
        width=X.shape[3],
        padded_height=P.shape[2],
        padded_width=P.shape[3],
        lows=tuple(lows),
        highs=tuple(highs),
    )
    if D is not None:
        if D.dtype != X.dtype or D.strides[3] != X.itemsize:  # the kernel reads whole rows
            D = np.ascontiguousarray(D, dtype=X.dtype)
        strides = (stride // X.itemsize for stride in D.strides[:3])
        structure.axis_stride, structure.image_stride, structure.row_stride = strides
        structure.displacement = D.ctypes.data
    kernel = kernels.function("resample", 8 * X.itemsize, None, c_void_p)
    kernel(addressof(structure))


def _interpolate(P: Array, places: _Places, X: Array) -> None:
    """Interpolates bilinearly, in NumPy.

    Args:
        P: padded images (C, N, H + 3, W + 3).
        places: the coordinates in P.
        X: receives the images (N, C, H, W).
    """
    linear, offset, D, lows, highs = places
    width = P.shape[3]
    rows, columns = (a.astype(X.dtype) for a in np.ogrid[: X.shape[2], : X.shape[3]])
    starts, parts = [], []
    for k in range(2):
        along = linear[:, k, :, None, None]
        place = (along[:, 0] * rows + offset[:, k, None, None]) + along[:, 1] * columns
        if D is not None:
            place += D[k]
        np.clip(place, lows[k], highs[k], out=place)
        whole = np.trunc(place)
        parts.append(np.subtract(place, whole, out=place))
        starts.append(whole.astype(np.intp))
    y, x = parts
    at = starts[0]
    at *= width
    at += starts[1]
    at += _starts(P)
    for c in range(len(P)):
        pixels = P[c].reshape(-1)
        above, below = (_between(pixels[row:], at, x) for row in (0, width))
        below -= above
        below *= y
        np.add(below, above, out=X[:, c])


def _between(pixels: Array, at: Array, x: Array) -> Array:
    """Interpolates linearly, with weight x, between pixels at `at` and their right neighbours."""
    left, right = (np.take(pixels[i:], at, mode="clip") for i in (0, 1))
    right -= left
    right *= x
    right += left
    return right
