"""Initial values of weights and biases."""

from __future__ import annotations

from abc import abstractmethod
from math import prod, sqrt
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from nnkit.config.spec import Component, Count, Listed, Positive
from nnkit.config.tagged_union import Tagged


class Initializer(Component):
    """Initial values of a parameter array."""

    @abstractmethod
    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int
    ) -> NDArray[np.float64]:
        """Draws initial values of the given shape.

        Args:
            rng: the random generator.
            shape: the shape of the block.
            fan_in: number of inputs that feed one unit.
            fan_out: number of units that one input feeds.
        """

    def shape_error(self, shape: tuple[int, ...]) -> str | None:
        """The reason why the initializer can't fill a block of that shape; None if it can."""
        return None


class Zeros(Initializer):
    """All zeros: for biases and convex single-layer models, but never for hidden weights."""

    elsewhere: ClassVar[tuple[str, ...]] = ("zero",)
    kind: Literal["zeros"] = "zeros"

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int
    ) -> NDArray[np.float64]:
        return np.zeros(shape)


class Constant(Initializer):
    """All the same number, `value`."""

    elsewhere: ClassVar[tuple[str, ...]] = ("ones",)
    kind: Literal["constant"] = "constant"
    shorthand: ClassVar[str | None] = "value"
    value: float

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int
    ) -> NDArray[np.float64]:
        return np.full(shape, self.value)


class Normal(Initializer):
    """Gaussian N(mean, std²), std the standard deviation."""

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


class TruncatedNormal(Initializer):
    """Gaussian N(mean, std²), redrawn if more than two standard deviations from the mean."""

    kind: Literal["truncated_normal"] = "truncated_normal"
    shorthand: ClassVar[str | None] = "std"
    std: Positive = 0.05
    mean: float = 0.0

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int
    ) -> NDArray[np.float64]:
        values = rng.standard_normal(shape)
        while (far := np.abs(values) > 2).any():
            values[far] = rng.standard_normal(int(far.sum()))
        return self.mean + self.std * values


class _VarianceScaling(Initializer):
    """Zero mean and a variance that keeps a signal's size from layer to layer."""

    distribution: Literal["normal", "uniform"] = Field(
        "normal", description="Gaussian, or uniform of the same variance."
    )

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


class LeCun(_VarianceScaling):
    """Variance 1/fan_in (LeCun et al. 1998, eq. 16), for scaled tanh and SELU."""

    kind: Literal["lecun"] = "lecun"

    def variance(self, fan_in: int, fan_out: int) -> float:
        return 1.0 / fan_in


class He(_VarianceScaling):
    """Variance 2/fan_in, for ReLU and its variants (He et al. 2015, eq. 10)."""

    elsewhere: ClassVar[tuple[str, ...]] = (
        "kaiming",
        "kaiming_uniform",
        "kaiming_normal",
        "he_uniform",
        "he_normal",
    )
    kind: Literal["he"] = "he"

    def variance(self, fan_in: int, fan_out: int) -> float:
        return 2.0 / fan_in


class Xavier(_VarianceScaling):
    """Variance 2/(fan_in + fan_out), for tanh and sigmoid (Glorot & Bengio 2010, eq. 12 and 16)."""

    elsewhere: ClassVar[tuple[str, ...]] = ("glorot", "glorot_uniform", "glorot_normal")
    kind: Literal["xavier"] = "xavier"

    def variance(self, fan_in: int, fan_out: int) -> float:
        return 2.0 / (fan_in + fan_out)


class Orthogonal(Initializer):
    """Orthogonal rows (or columns, if these are fewer) of norm `gain` (Saxe et al. 2014).

    An array of more than two axes is treated as the matrix of its first axis by all others.
    """

    kind: Literal["orthogonal"] = "orthogonal"
    shorthand: ClassVar[str | None] = "gain"
    gain: Positive = 1.0

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int
    ) -> NDArray[np.float64]:
        rows, columns = shape[0], prod(shape[1:])
        tall = rng.standard_normal((max(rows, columns), min(rows, columns)))
        Q, R = np.linalg.qr(tall)
        Q *= np.sign(np.diag(R))  # makes all rotations equally likely (Mezzadri 2007)
        return self.gain * (Q if rows >= columns else Q.T).reshape(shape)


class IdentityMatrix(Initializer):
    """The identity matrix times `gain` (Le, Jaitly & Hinton 2015, for recurrent layers)."""

    kind: Literal["identity"] = "identity"
    shorthand: ClassVar[str | None] = "gain"
    gain: float = 1.0

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int
    ) -> NDArray[np.float64]:
        return self.gain * np.eye(shape[0], prod(shape[1:])).reshape(shape)


class Sparse(Initializer):
    """N(0, std²) for `inputs` weights of each unit, 0 for the others (Martens 2010)."""

    kind: Literal["sparse"] = "sparse"
    shorthand: ClassVar[str | None] = "inputs"
    inputs: Count = 15
    std: Positive = 1.0

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int
    ) -> NDArray[np.float64]:
        units, per_unit = shape[0], prod(shape[1:])
        seen = np.argsort(rng.random((units, per_unit)), axis=1) < self.inputs
        return np.where(seen, rng.normal(0, self.std, (units, per_unit)), 0.0).reshape(shape)


class Nielsen(Initializer):
    """As in Nielsen's book: `old` N(0, 1), chapter 1; `new` N(0, 1/fan_in), chapter 3.

    The setting `form` selects one of them. Biases are N(0, 1) in both.
    """

    kind: Literal["nielsen"] = "nielsen"
    shorthand: ClassVar[str | None] = "form"
    form: Literal["old", "new"] = "new"

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int
    ) -> NDArray[np.float64]:
        weights = len(shape) > 1
        return rng.normal(0, sqrt(1 / fan_in) if weights and self.form == "new" else 1.0, shape)


class Values(Initializer):
    """The numbers given, row by row: W[1,1], W[1,2], …, W[2,1], …; for worked examples."""

    kind: Literal["values"] = "values"
    shorthand: ClassVar[str | None] = "values"
    values: Annotated[tuple[float, ...], Listed, Field(min_length=1)] = Field(
        examples=[[0.15, 0.2, 0.25, 0.3]]
    )

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int
    ) -> NDArray[np.float64]:
        return np.array(self.values).reshape(shape)

    def shape_error(self, shape: tuple[int, ...]) -> str | None:
        given, wanted = len(self.values), prod(shape)
        if given == wanted:
            return None
        block = " × ".join(map(str, shape))
        return f"{given} value{'s' * (given != 1)} for a block of {block}, which needs {wanted}"


AnyInitializer = Annotated[
    Zeros
    | Constant
    | Normal
    | Uniform
    | TruncatedNormal
    | LeCun
    | Xavier
    | He
    | Orthogonal
    | IdentityMatrix
    | Sparse
    | Nielsen
    | Values,
    Tagged(),
]
