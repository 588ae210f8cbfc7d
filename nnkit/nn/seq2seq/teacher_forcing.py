"""Teacher forcing: which symbols a decoder is given in training, the target's or its own."""

from __future__ import annotations

from abc import abstractmethod
from math import exp
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from nnkit.config.spec import Component
from nnkit.config.tagged_union import Tagged
from nnkit.nn.params import Array
from nnkit.nn.passes import Pass
from nnkit.random import generator

Probability = Annotated[float, Field(ge=0, le=1)]


class TeacherForcing(Component):
    """The probability that a decoder is given a symbol of the target rather than its own last one.

    Its own is the most probable one, which it computes without dropout; no gradient passes through
    this choice (scheduled sampling: Bengio, Vinyals, Jaitly & Shazeer 2015, §2.4).
    """

    each: Literal["symbol", "sequence"] = Field(
        "symbol", description="Whether each symbol is drawn by itself, or whole sequences."
    )

    @abstractmethod
    def ratio(self, step: int) -> float:
        """The probability at a training step, counted from 0."""

    def draw(self, T: Array, now: Pass, seed: int) -> Array:
        """Draws whether each symbol of the target is given.

        Args:
            T: the targets, (T, N).
            now: the current pass, whose step is part of the key of the draws.
            seed: the run's seed.

        Returns:
            (T, N), true where the target's symbol is given.
        """
        positions, samples = T.shape
        rows = positions if self.each == "symbol" else 1
        shape = (now.before + samples + now.after, rows)  # the draws of a sample are its own
        drawn = generator(seed, "teacher forcing", now.key).random(shape)
        own = drawn[now.before : now.before + samples].T
        given: Array = own < self.ratio(now.step)
        return given.repeat(positions // rows, axis=0)


class ConstantForcing(TeacherForcing):
    """The same probability at all steps."""

    kind: Literal["constant"] = "constant"
    shorthand: ClassVar[str | None] = "value"
    value: Probability = Field(description="The probability.", examples=[0.5])

    def ratio(self, step: int) -> float:
        return self.value


class LinearForcing(TeacherForcing):
    """max(end, start − decrease · i) at step i (Bengio et al. 2015, §2.4)."""

    kind: Literal["linear"] = "linear"
    start: Probability = Field(1.0, description="The probability at the first step.")
    decrease: Annotated[float, Field(gt=0)] = Field(
        description="The decrease with each step.", examples=[1e-4]
    )
    end: Probability = Field(0.0, description="The smallest probability.")

    def ratio(self, step: int) -> float:
        return max(self.end, self.start - self.decrease * step)


class ExponentialForcing(TeacherForcing):
    """k^i at step i, with k < 1 (Bengio et al. 2015, §2.4)."""

    kind: Literal["exponential"] = "exponential"
    shorthand: ClassVar[str | None] = "k"
    k: Annotated[float, Field(gt=0, lt=1)] = Field(
        description="The factor with each step.", examples=[0.9995]
    )

    def ratio(self, step: int) -> float:
        return float(self.k**step)


class InverseSigmoidForcing(TeacherForcing):
    """k / (k + exp(i/k)) at step i (Bengio et al. 2015, §2.4)."""

    kind: Literal["inverse_sigmoid"] = "inverse_sigmoid"
    shorthand: ClassVar[str | None] = "k"
    k: Annotated[float, Field(gt=0)] = Field(
        description="The speed of the decrease: k · ln k steps to a half.", examples=[1000]
    )

    def ratio(self, step: int) -> float:
        return 1 / (1 + exp(min(step / self.k, 700.0)) / self.k)  # exp(710) overflows


AnyTeacherForcing = Annotated[
    ConstantForcing | LinearForcing | ExponentialForcing | InverseSigmoidForcing,
    Tagged(default="constant"),
]
