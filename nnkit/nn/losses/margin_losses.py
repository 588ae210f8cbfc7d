"""Losses of margins: hinges, of support vector machines, and the perceptron criterion."""

# No `from __future__ import annotations`, for the reason given in nnkit/config/spec.py.

from abc import abstractmethod
from typing import ClassVar, Literal

import numpy as np

from nnkit.config.spec import NonNegative
from nnkit.native.kernel_kinds import LossKind
from nnkit.native.program import ProgramLoss
from nnkit.nn.loss import Array, ClassLoss, Coding, over_samples


class _Margin(ClassLoss):
    """A loss Σ_k ρ(t_k y_k) of the margins t·y, with t = ±1."""

    coding: ClassVar[Coding] = "signed"

    @abstractmethod
    def penalty(self, margin: Array, slope: Array) -> Array:
        """Returns ρ(m) for margins (outputs, …, N) and writes ρ′(m) into `slope`."""

    def per_sample(self, Y: Array, T: Array, dY: Array) -> Array:
        losses = over_samples(self.penalty(T * Y, dY))
        np.multiply(dY, T, out=dY)
        return losses

    def target_error(self, T: Array) -> str | None:
        return None if np.isin(T, (-1, 1)).all() else "but needs targets of −1 and 1"


class Hinge(_Margin):
    """E = Σ_k max(0, 1 − t_k y_k) with t = ±1: the linear SVM (Cortes & Vapnik 1995)."""

    kind: Literal["hinge"] = "hinge"

    def in_program(self) -> ProgramLoss:
        return ProgramLoss(LossKind.HINGE)

    def penalty(self, margin: Array, slope: Array) -> Array:
        np.negative(margin < 1, out=slope, casting="unsafe", dtype=slope.dtype)
        return np.maximum(1 - margin, 0)


class SquaredHinge(_Margin):
    """E = Σ_k max(0, 1 − t_k y_k)² with t = ±1: the L2-SVM (Tang 2013)."""

    kind: Literal["squared_hinge"] = "squared_hinge"

    def in_program(self) -> ProgramLoss:
        return ProgramLoss(LossKind.SQUARED_HINGE)

    def penalty(self, margin: Array, slope: Array) -> Array:
        short = np.maximum(1 - margin, 0)
        np.multiply(short, -2, out=slope)
        return short * short


class PerceptronCriterion(_Margin):
    """E = Σ_k max(0, −t_k y_k) with t = ±1 (Rosenblatt 1958); a unit at 0 counts as a mistake."""

    kind: Literal["perceptron"] = "perceptron"

    def in_program(self) -> ProgramLoss:
        return ProgramLoss(LossKind.PERCEPTRON)

    def penalty(self, margin: Array, slope: Array) -> Array:
        np.negative(margin <= 0, out=slope, casting="unsafe", dtype=slope.dtype)
        return np.maximum(-margin, 0)


class MultiClassHinge(ClassLoss):
    """Multi-class hinge: how far other outputs are within the margin of the true class.

    The form `crammer_singer` uses the largest violation, max(0, margin + max_{j≠c} y_j − y_c)
    (2001, eq. 3); `weston_watkins` sums all of them, Σ_{j≠c} max(0, margin + y_j − y_c) (1999;
    PyTorch divides by K).
    """

    elsewhere: ClassVar[tuple[str, ...]] = (
        "categorical_hinge",
        "multi_margin",
        "crammer_singer",
        "weston_watkins",
    )
    kind: Literal["multiclass_hinge"] = "multiclass_hinge"
    shorthand: ClassVar[str | None] = "form"
    single: ClassVar[bool] = False
    form: Literal["crammer_singer", "weston_watkins"] = "crammer_singer"
    margin: NonNegative = 1.0

    def in_program(self) -> ProgramLoss:
        all_of_them = self.form == "weston_watkins"
        kind = LossKind.WESTON_WATKINS if all_of_them else LossKind.CRAMMER_SINGER
        return ProgramLoss(kind, self.margin)

    def per_sample(self, Y: Array, T: Array, dY: Array) -> Array:
        right = T > 0.5
        excess = Y - np.add.reduce(Y, axis=0, where=right) + Y.dtype.type(self.margin)
        excess[right] = 0
        if self.form == "crammer_singer":
            worst = np.argmax(excess, axis=0)[None]
            others = np.zeros_like(excess)
            np.put_along_axis(others, worst, np.take_along_axis(excess, worst, axis=0), axis=0)
            excess = others
        np.greater(excess, 0, out=dY, casting="unsafe")
        np.subtract(dY, right * np.add.reduce(dY, axis=0), out=dY)
        return over_samples(np.maximum(excess, 0))

    def target_error(self, T: Array) -> str | None:
        wrong = np.flatnonzero((T > 0.5).sum(axis=1) != 1)
        if not len(wrong):
            return None
        return (
            f"but each sample must have exactly one class; sample {wrong[0]} has several, or none"
        )


AnyMarginLoss = Hinge | SquaredHinge | PerceptronCriterion | MultiClassHinge
