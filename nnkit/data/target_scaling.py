"""Scaling of real targets, fitted on the training data, undone in predictions and metrics."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np

from nnkit.config.spec import Component
from nnkit.config.tagged_union import Tagged
from nnkit.data.dataset import Array, Samples, chunks
from nnkit.data.lazy import LazyArray, mapped
from nnkit.data.preprocessing.feature_scaling import MinMax, Standardize
from nnkit.data.preprocessing.preprocessing_step import Statistics
from nnkit.errors import SettingError


class TargetScaling(Component):
    """The scaling of real targets t (n, outputs), each output by itself: t' = (t − shift) / scale.

    Attributes:
        scales: whether the targets are changed at all.
        signed: whether scaled targets are of either sign.
        positive: whether the targets must be positive.
    """

    scales: ClassVar[bool] = True
    signed: ClassVar[bool] = True
    positive: ClassVar[bool] = False

    @abstractmethod
    def fit(self, T: Array | LazyArray) -> Statistics:
        """Computes `shift` and `scale`, (outputs,) each, from the training targets."""

    def apply(self, T: Array, statistics: Statistics) -> Array:
        """Scales targets (n, outputs), in float64."""
        scaled: Array = (T - statistics["shift"]) / statistics["scale"]
        return scaled

    def undo(self, Y: Array, statistics: Statistics) -> Array:
        """Converts outputs (n, outputs) to the units of the targets, in float64."""
        unscaled: Array = Y * statistics["scale"] + statistics["shift"]
        return unscaled


class Unscaled(TargetScaling):
    """The targets as they are."""

    kind: Literal["none"] = "none"
    scales: ClassVar[bool] = False

    def fit(self, T: Array | LazyArray) -> Statistics:
        return {}

    def apply(self, T: Array, statistics: Statistics) -> Array:
        return T

    def undo(self, Y: Array, statistics: Statistics) -> Array:
        return Y


class StandardizedTargets(TargetScaling):
    """Mean 0 and variance 1 over the training data."""

    kind: Literal["standardize"] = "standardize"

    def fit(self, T: Array | LazyArray) -> Statistics:
        found = Standardize().fit(T, ())
        return {"shift": found["mean"], "scale": _divisors(found["deviation"])}


class MinMaxTargets(TargetScaling):
    """The range of the training data mapped to 0 … 1."""

    kind: Literal["minmax"] = "minmax"
    signed: ClassVar[bool] = False

    def fit(self, T: Array | LazyArray) -> Statistics:
        found = MinMax().fit(T, ())
        return {"shift": found["low"], "scale": _divisors(found["range"])}


class LogTargets(TargetScaling):
    """The natural logarithm of positive targets, standardized: ln t has mean 0 and variance 1.

    For targets whose errors matter in proportion, such as prices. With squared error, a prediction
    estimates the geometric mean, which is below the arithmetic mean.
    """

    kind: Literal["log"] = "log"
    positive: ClassVar[bool] = True

    def fit(self, T: Array | LazyArray) -> Statistics:
        return StandardizedTargets().fit(mapped(np.log, T))

    def apply(self, T: Array, statistics: Statistics) -> Array:
        return super().apply(np.log(T), statistics)

    def undo(self, Y: Array, statistics: Statistics) -> Array:
        return np.exp(super().undo(Y, statistics))


AnyTargetScaling = Annotated[Unscaled | StandardizedTargets | MinMaxTargets | LogTargets, Tagged()]


def _divisors(scale: Array) -> Array:
    """The scale of each output, 1 for constant targets."""
    return np.where(scale > 0, scale, 1.0)


@dataclass(frozen=True, slots=True)
class TargetScaler:
    """A scaling with its fitted statistics.

    Attributes:
        scaling: the scaling.
        statistics: its statistics, computed from the training targets.
    """

    scaling: TargetScaling
    statistics: Statistics

    @classmethod
    def fit(cls, scaling: TargetScaling, sets: Mapping[str, Samples]) -> TargetScaler:
        """Fits a scaling on the targets of the training set.

        Raises:
            SettingError: the scaling needs positive targets, and a target of any set is not.
        """
        if scaling.positive:
            for samples in sets.values():
                _check_positive(scaling, samples)
        return cls(scaling, scaling.fit(sets["train"].targets))

    def scale(self, T: Array) -> Array:
        """Scales targets (n, outputs)."""
        return self.scaling.apply(T, self.statistics)

    def undo(self, Y: Array) -> Array:
        """Converts outputs (n, outputs) to the units of the targets."""
        return self.scaling.undo(Y, self.statistics)


def _check_positive(scaling: TargetScaling, samples: Samples) -> None:
    start = 0
    for part in chunks(samples.targets):
        wrong = np.flatnonzero((part <= 0).any(axis=1))
        if len(wrong):
            row = start + int(wrong[0])
            value = part[wrong[0]].min()
            origin = row + 1 if samples.origins is None else samples.origins[row : row + 1][0]
            raise SettingError(
                ("data", "target"),
                f"'{scaling.tag()}' needs positive targets, but row {origin} has {value:g}; "
                "use 'standardize'",
                exit_code=3,
            )
        start += len(part)
