"""The base class of augmentations."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated

import numpy as np
from pydantic import AfterValidator, Field

from nnkit.config.spec import Component, Listed
from nnkit.data.dataset import Array
from nnkit.errors import SettingError

Rate = Annotated[float, Field(gt=0, le=1)]


def _in_order(pair: tuple[float, float]) -> tuple[float, float]:
    low, high = pair
    if low > high:
        raise ValueError(f"the smaller bound must come first: [{high:g}, {low:g}]")
    return pair


Factor = Annotated[float, Field(ge=0.01, le=100)]
Range = Annotated[tuple[Factor, Factor], Listed, AfterValidator(_in_order)]


class Augmentation(Component):
    """A random transformation of training images that preserves their targets.

    A new transformation is drawn each time an image is used, after preprocessing. Consecutive
    geometric transformations with the same `fill` are combined into a single interpolation.
    """

    rate: Rate = Field(1.0, description="The probability of transforming an image.")

    def check(self, shape: tuple[int, ...], index: int) -> None:
        """Checks that samples of a shape can be augmented in this way.

        Args:
            shape: the shape of one sample.
            index: the augmentation's index in `data.augment`.

        Raises:
            SettingError: the samples are not images, or the settings do not fit them.
        """
        if len(shape) != 3:
            raise SettingError(
                ("data", "augment", index),
                f"'{self.tag()}' changes images (channels, height, width), "
                f"but each sample has shape {shape}",
            )

    def sometimes(self, amounts: Array, neutral: float, rng: np.random.Generator) -> Array:
        """Replaces amounts (N, …) in place by `neutral`, except with probability `rate`."""
        if self.rate < 1:
            amounts[rng.random(len(amounts)) >= self.rate] = neutral
        return amounts


class Uninterpolated(Augmentation):
    """An augmentation that needs no interpolation."""

    @abstractmethod
    def apply(self, X: Array, rng: np.random.Generator) -> None:
        """Augments images (N, C, H, W) in place."""


def log_uniform(
    bounds: tuple[float, float], shape: tuple[int, ...], rng: np.random.Generator
) -> Array:
    """Draws log-uniform numbers of a shape between two bounds."""
    low, high = np.log(bounds)
    return np.exp(rng.uniform(low, high, shape))
