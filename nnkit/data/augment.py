"""Augmentation: training samples changed at random each time they are seen, after preprocessing."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from nnkit.config.base import Component, Count, Tagged
from nnkit.data.dataset import Array
from nnkit.errors import SettingError


class Augmentation(Component):
    """A random change of images that leaves their targets right."""

    def check(self, shape: tuple[int, ...], index: int) -> None:
        """Whether samples of that shape can be changed so.

        Args:
            shape: of one sample.
            index: its own place in `data.augment`.

        Raises:
            SettingError: they are no images.
        """
        if len(shape) != 3:
            raise SettingError(
                ("data", "augment", index),
                f"'{self.tag()}' changes images (channels, height, width), "
                f"but each sample has shape {shape}",
            )

    @abstractmethod
    def apply(self, X: Array, rng: np.random.Generator) -> None:
        """Changes samples (N, *shape) in place."""


class Shift(Augmentation):
    """Moves each image by up to `pixels` in both directions; what comes into view is `fill`."""

    kind: Literal["shift"] = "shift"
    shorthand: ClassVar[str | None] = "pixels"
    pixels: Count = 1
    fill: float = 0.0

    def apply(self, X: Array, rng: np.random.Generator) -> None:
        moves = rng.integers(-self.pixels, self.pixels + 1, (len(X), 2))
        for down, right in np.unique(moves, axis=0):
            moved = np.flatnonzero((moves == (down, right)).all(axis=1))
            images = np.full_like(X[moved], self.fill)
            images[..., _to(down), _to(right)] = X[moved][..., _to(-down), _to(-right)]
            X[moved] = images


def _to(move: int) -> slice:
    """Along one axis, the places that a move by so many pixels fills."""
    return slice(move, None) if move > 0 else slice(None, move or None)


class Flip(Augmentation):
    """Mirrors each image left to right with probability `rate`."""

    kind: Literal["flip"] = "flip"
    shorthand: ClassVar[str | None] = "rate"
    rate: Annotated[float, Field(gt=0, le=1)] = 0.5

    def apply(self, X: Array, rng: np.random.Generator) -> None:
        mirrored = rng.random(len(X)) < self.rate
        X[mirrored] = X[mirrored][..., ::-1]


AnyAugmentation = Annotated[Shift | Flip, Tagged()]
