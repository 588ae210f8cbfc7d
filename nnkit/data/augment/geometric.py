"""Augmentations that move pixels: shift, flip, rotate, scale, shear and elastic distortion."""

from __future__ import annotations

from abc import abstractmethod
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from nnkit.config.spec import Count
from nnkit.data.augment.augmentation import Augmentation, Range, Rate, Uninterpolated, log_uniform
from nnkit.data.augment.resample import Fill, Warp, pick
from nnkit.data.dataset import Array
from nnkit.errors import SettingError

TRUNCATE = 4.0  # standard deviations at which a Gaussian is truncated, as in scipy.ndimage


class Movement(Augmentation):
    """A random change of where pixels are."""

    @abstractmethod
    def bend(
        self, warp: Warp, shape: tuple[int, ...], dtype: np.dtype[Any], rng: np.random.Generator
    ) -> None:
        """Adds the movement of images of shape (N, C, H, W) to the warp."""


class Affine(Movement):
    """A movement that keeps straight lines straight."""

    @abstractmethod
    def source(self, count: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """The affine maps A·p + t to the source of each pixel p, relative to the image's centre.

        Returns:
            A (N, 2, 2) and t (N, 2), rows before columns.
        """

    def bend(
        self, warp: Warp, shape: tuple[int, ...], dtype: np.dtype[Any], rng: np.random.Generator
    ) -> None:
        warp.then_affine(*self.source(shape[0], rng))


class Filled(Movement):
    """A movement that brings pixels from outside the image into view."""

    fill: Fill = Field(
        "edge",
        description="The value of pixels from outside the image: a number in preprocessed units, "
        "or `edge`, the value of the nearest pixel.",
    )


class Shift(Affine, Filled, Uninterpolated):
    """Shifts each image by up to `pixels` whole pixels along each axis."""

    kind: Literal["shift"] = "shift"
    shorthand: ClassVar[str | None] = "pixels"
    elsewhere: ClassVar[tuple[str, ...]] = ("translate", "translation", "random_translation")
    pixels: Count = Field(1, description="The largest shift along each axis.")

    def check(self, shape: tuple[int, ...], index: int) -> None:
        super().check(shape, index)
        if self.pixels >= min(shape[1:]):
            raise SettingError(
                ("data", "augment", index, "pixels"),
                f"moves images of {shape[1]} × {shape[2]} pixels out of view",
            )

    def apply(self, X: Array, rng: np.random.Generator) -> None:
        down, right = self._moves(len(X), rng).T[..., None]
        pick(X, np.arange(X.shape[2]) - down, np.arange(X.shape[3]) - right, self.fill)

    def source(self, count: int, rng: np.random.Generator) -> tuple[Array, Array]:
        return _unchanged(count), -self._moves(count, rng).astype(np.float64)

    def _moves(self, count: int, rng: np.random.Generator) -> Array:
        """Random displacements in pixels, down and right, (N, 2)."""
        return self.sometimes(rng.integers(-self.pixels, self.pixels + 1, (count, 2)), 0, rng)


class Flip(Affine, Uninterpolated):
    """Mirrors images left to right, by default half of them."""

    kind: Literal["flip"] = "flip"
    shorthand: ClassVar[str | None] = "rate"
    elsewhere: ClassVar[tuple[str, ...]] = ("mirror", "horizontal_flip", "random_flip")
    rate: Rate = Field(0.5, description="The probability of transforming an image.")

    def apply(self, X: Array, rng: np.random.Generator) -> None:
        mirrored = self._signs(len(X), rng) < 0
        X[mirrored] = X[mirrored][..., ::-1]

    def source(self, count: int, rng: np.random.Generator) -> tuple[Array, Array]:
        linear = _unchanged(count)
        linear[:, 1, 1] = self._signs(count, rng)
        return linear, np.zeros((count, 2))

    def _signs(self, count: int, rng: np.random.Generator) -> Array:
        """Random signs (N,): −1 for images to be mirrored, otherwise 1."""
        return self.sometimes(np.full(count, -1.0), 1.0, rng)


class Angled(Affine, Filled):
    """An affine movement by an angle φ, uniform between ∓`degrees`."""

    shorthand: ClassVar[str | None] = "degrees"
    degrees: float = 10.0

    @abstractmethod
    def linear(self, angles: Array) -> Array:
        """The matrices A (N, 2, 2) of `source` for angles (N,) in radians."""

    def source(self, count: int, rng: np.random.Generator) -> tuple[Array, Array]:
        degrees = self.sometimes(rng.uniform(-self.degrees, self.degrees, count), 0.0, rng)
        return self.linear(np.radians(degrees)), np.zeros((count, 2))


class Rotate(Angled):
    """Rotates each image about its centre by an angle φ, uniform in ±`degrees`."""

    kind: Literal["rotate"] = "rotate"
    elsewhere: ClassVar[tuple[str, ...]] = ("rotation", "random_rotation")
    degrees: Annotated[float, Field(gt=0, le=180)] = Field(
        10.0, description="The largest angle, in either direction."
    )

    def linear(self, angles: Array) -> Array:
        cos, sin = np.cos(angles), np.sin(angles)
        return np.array([[cos, -sin], [sin, cos]]).transpose(2, 0, 1)


class Scale(Affine, Filled):
    """Scales each image about its centre by a factor f, log-uniform in the range `factor`."""

    kind: Literal["scale"] = "scale"
    shorthand: ClassVar[str | None] = "factor"
    elsewhere: ClassVar[tuple[str, ...]] = ("zoom", "random_zoom")
    factor: Range = Field((0.9, 1.1), description="The smallest and the largest factor.")
    proportional: bool = Field(True, description="Whether height and width share one factor.")

    def source(self, count: int, rng: np.random.Generator) -> tuple[Array, Array]:
        factors = log_uniform(self.factor, (count, 1 if self.proportional else 2), rng)
        linear = _unchanged(count)
        linear[:, (0, 1), (0, 1)] = 1 / self.sometimes(factors, 1.0, rng)
        return linear, np.zeros((count, 2))


class Shear(Angled):
    """Slants each image: each row moves tan φ pixels against the next, φ uniform in ±`degrees`."""

    kind: Literal["shear"] = "shear"
    elsewhere: ClassVar[tuple[str, ...]] = ("skew", "slant")
    degrees: Annotated[float, Field(gt=0, le=85)] = Field(
        10.0, description="The largest angle of a vertical line, in either direction."
    )

    def linear(self, angles: Array) -> Array:
        slanted = _unchanged(len(angles))
        slanted[:, 1, 0] = np.tan(angles)
        return slanted


class Elastic(Filled):
    """Elastic distortion d = α · G(σ) ∗ u, u uniform in (−1, 1) (Simard et al. 2003, §2).

    Each pixel is displaced by d, with an independent field u for each axis. The Gaussian G is
    truncated at 4σ, and u is 0 outside the image, so that the border moves less.

    Simard, Steinkraus & Platt 2003, *Best practices for convolutional neural networks applied to
    visual document analysis*, ICDAR; α = 34 and σ = 4 are theirs for handwritten digits.
    """

    kind: Literal["elastic"] = "elastic"
    shorthand: ClassVar[str | None] = "alpha"
    elsewhere: ClassVar[tuple[str, ...]] = ("elastic_transform", "elastic_distortion")
    alpha: Annotated[float, Field(gt=0, le=10_000)] = Field(
        34.0, description="Strength: d has a standard deviation of about 0.16 α/σ pixels."
    )
    sigma: Annotated[float, Field(gt=0, le=1000)] = Field(4.0, description="Smoothness, in pixels.")

    def bend(
        self, warp: Warp, shape: tuple[int, ...], dtype: np.dtype[Any], rng: np.random.Generator
    ) -> None:
        count, _, height, width = shape
        # The row axis is first and the column axis last, so each smoothing is one matrix product.
        u = rng.random((height, 2, count, width), dtype=dtype.type)
        u *= 2
        u -= 1
        along_columns = gaussian(height, self.sigma, dtype) @ u.reshape(height, -1)
        along_rows = gaussian(width, self.sigma, dtype) * dtype.type(self.alpha)
        d = (along_columns.reshape(-1, width) @ along_rows).reshape(u.shape)
        warp.then_displace(self.sometimes(d.transpose(2, 1, 0, 3), 0.0, rng).swapaxes(0, 1))


@lru_cache(maxsize=8)
def gaussian(size: int, sigma: float, dtype: np.dtype[Any]) -> Array:
    """The symmetric matrix (size, size) that smooths a vector, with zeros beyond its ends."""
    radius = int(TRUNCATE * sigma + 0.5)
    bell = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    bell /= bell.sum()
    distances = np.abs(np.subtract.outer(np.arange(size), np.arange(size)))
    return np.where(distances <= radius, bell[radius - np.minimum(distances, radius)], 0).astype(
        dtype
    )


def _unchanged(count: int) -> Array:
    """The identity matrix for each image, (N, 2, 2)."""
    return np.tile(np.eye(2), (count, 1, 1))
