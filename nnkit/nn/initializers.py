"""How weights and biases get their first values."""

from __future__ import annotations

from abc import abstractmethod
from math import sqrt
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from nnkit.config.base import Component, Positive, Tagged


class Initializer(Component):
    """Draws a block of parameters."""

    @abstractmethod
    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int
    ) -> NDArray[np.float64]:
        """Values of the given shape.

        Args:
            rng: where the randomness comes from.
            shape: of the block.
            fan_in: how many inputs feed one unit.
            fan_out: how many units one input feeds.
        """


class Zeros(Initializer):
    """All zeros: right for biases and for single-layer convex models, never for hidden weights."""

    kind: Literal["zeros"] = "zeros"

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int
    ) -> NDArray[np.float64]:
        return np.zeros(shape)


class Normal(Initializer):
    """Gaussian N(mean, std²)."""

    kind: Literal["normal"] = "normal"
    shorthand: ClassVar[str | None] = "std"
    std: Positive = 1.0
    mean: float = 0.0

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int
    ) -> NDArray[np.float64]:
        return rng.normal(self.mean, self.std, shape)


class Uniform(Initializer):
    """Uniform on [−bound, bound)."""

    kind: Literal["uniform"] = "uniform"
    shorthand: ClassVar[str | None] = "bound"
    bound: Positive = 0.05

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int
    ) -> NDArray[np.float64]:
        return rng.uniform(-self.bound, self.bound, shape)


class _VarianceScaling(Initializer):
    """Zero mean and a variance that keeps a signal's size from layer to layer."""

    distribution: Literal["normal", "uniform"] = "normal"

    @abstractmethod
    def variance(self, fan_in: int, fan_out: int) -> float:
        """Variance of one weight."""

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int
    ) -> NDArray[np.float64]:
        std = sqrt(self.variance(fan_in, fan_out))
        if self.distribution == "normal":
            return rng.normal(0.0, std, shape)
        return rng.uniform(-sqrt(3.0) * std, sqrt(3.0) * std, shape)


class He(_VarianceScaling):
    """Variance 2/fan_in, for ReLU and its kin (He et al. 2015, eq. 10)."""

    kind: Literal["he"] = "he"

    def variance(self, fan_in: int, fan_out: int) -> float:
        return 2.0 / fan_in


class Xavier(_VarianceScaling):
    """Variance 2/(fan_in + fan_out), for tanh and sigmoid (Glorot & Bengio 2010, eq. 12 and 16)."""

    kind: Literal["xavier"] = "xavier"

    def variance(self, fan_in: int, fan_out: int) -> float:
        return 2.0 / (fan_in + fan_out)


AnyInitializer = Annotated[Zeros | Normal | Uniform | He | Xavier, Tagged()]
