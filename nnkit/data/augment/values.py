"""Augmentations that change pixel values: noise, brightness, contrast, and erasing a part."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from nnkit.config.spec import Positive
from nnkit.data.augment.augmentation import Range, Rate, Uninterpolated, log_uniform
from nnkit.data.dataset import Array


class Noise(Uninterpolated):
    """Adds Gaussian noise of mean 0 and standard deviation `std` to every value."""

    kind: Literal["noise"] = "noise"
    shorthand: ClassVar[str | None] = "std"
    std: Positive = Field(0.1, description="The standard deviation, in preprocessed units.")

    def apply(self, X: Array, rng: np.random.Generator) -> None:
        noise = rng.standard_normal(X.shape, dtype=X.dtype.type)
        noise *= self.std
        X += self.sometimes(noise, 0.0, rng)


class Brightness(Uninterpolated):
    """Adds a constant b, uniform in ±`by`, to all values of an image."""

    kind: Literal["brightness"] = "brightness"
    shorthand: ClassVar[str | None] = "by"
    elsewhere: ClassVar[tuple[str, ...]] = ("random_brightness",)
    by: Positive = Field(0.2, description="The largest change, in preprocessed units.")

    def apply(self, X: Array, rng: np.random.Generator) -> None:
        added = self.sometimes(rng.uniform(-self.by, self.by, len(X)), 0.0, rng)
        X += added.astype(X.dtype)[:, None, None, None]


class Contrast(Uninterpolated):
    """Scales each channel about its mean m, x ← m + f·(x − m), f log-uniform in `factor`."""

    kind: Literal["contrast"] = "contrast"
    shorthand: ClassVar[str | None] = "factor"
    elsewhere: ClassVar[tuple[str, ...]] = ("random_contrast",)
    factor: Range = Field((0.8, 1.25), description="The smallest and the largest factor.")

    def apply(self, X: Array, rng: np.random.Generator) -> None:
        drawn = log_uniform(self.factor, (len(X),), rng)
        factors = self.sometimes(drawn, 1.0, rng).astype(X.dtype)[:, None, None, None]
        deviations = X - X.mean(axis=(2, 3), keepdims=True)
        deviations *= factors - 1
        X += deviations


class Erase(Uninterpolated):
    """Covers a random rectangle with noise, by default in half of the images (Zhong et al. 2020).

    Its fraction of the area is uniform in `area`, its aspect ratio log-uniform in `aspect`; a
    rectangle larger than the image is truncated.

    Zhong, Zheng, Kang, Li & Yang 2020, *Random erasing data augmentation*, AAAI; the defaults are
    theirs.
    """

    kind: Literal["erase"] = "erase"
    shorthand: ClassVar[str | None] = "rate"
    elsewhere: ClassVar[tuple[str, ...]] = ("random_erasing", "cutout")
    rate: Rate = Field(0.5, description="The probability of transforming an image.")
    area: Range = Field(
        (0.02, 0.4), description="The smallest and the largest fraction of the area."
    )
    aspect: Range = Field(
        (0.3, 3.3), description="The smallest and the largest aspect ratio, height by width."
    )
    fill: float | Literal["noise"] = Field(
        "noise",
        description="The value inside: a number in preprocessed units, or `noise`, uniform "
        "between the smallest and the largest value of the image.",
    )

    @model_validator(mode="after")
    def _within_the_image(self) -> Self:
        if self.area[1] > 1:
            raise ValueError(
                f"a rectangle cannot cover {self.area[1]:g} times the area of the image"
            )
        return self

    def apply(self, X: Array, rng: np.random.Generator) -> None:
        size = X.shape[2] * X.shape[3]
        area = rng.uniform(*self.area, len(X)) * size
        aspect = log_uniform(self.aspect, (len(X),), rng)
        covered = [
            _stretch(length, np.sqrt(extent), rng)
            for length, extent in zip(X.shape[2:], (area * aspect, area / aspect), strict=True)
        ]
        rows, columns = covered
        mask = self.sometimes(rows[:, :, None] & columns[:, None], 0, rng)[:, None]
        np.copyto(X, self._content(X, rng), where=mask)

    def _content(self, X: Array, rng: np.random.Generator) -> Array:
        if self.fill != "noise":
            return np.asarray(self.fill, dtype=X.dtype)
        low, high = X.min(axis=(1, 2, 3), keepdims=True), X.max(axis=(1, 2, 3), keepdims=True)
        noise = rng.random(X.shape, dtype=X.dtype.type)
        noise *= high - low
        noise += low
        return noise


def _stretch(size: int, lengths: Array, rng: np.random.Generator) -> Array:
    """Draws a randomly placed segment of pixels for each length (N,).

    Returns:
        Masks (N, size) with at least one pixel each.
    """
    lengths = np.clip(np.rint(lengths), 1, size)
    starts = np.floor(rng.random(len(lengths)) * (size - lengths + 1))
    pixels = np.arange(size)
    return (pixels >= starts[:, None]) & (pixels < (starts + lengths)[:, None])
