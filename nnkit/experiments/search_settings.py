"""The section `search` of a tune file: the metric, the number of trials, sampler and pruner.

Samplers and pruners are Optuna's.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from nnkit.config.spec import Component, Count, Spec
from nnkit.config.tagged_union import Tagged
from nnkit.experiments.spaces import Choice, Dimension, Value, range_values
from nnkit.optional import optional

DEFAULT_TRIALS = 50
PURPOSE = "searching hyper-parameters"


class Sampler(Component):
    """Base of samplers, which choose the values of a trial.

    Attributes:
        differs_by_trial: whether each trial has a seed of its own.
    """

    differs_by_trial: ClassVar[bool] = True

    @abstractmethod
    def build(self, seed: int, dimensions: Iterable[Dimension]) -> Any:
        """Creates the sampler of Optuna that these settings describe.

        Args:
            seed: seed of its random draws.
            dimensions: what it searches.
        """

    def objection(self, dimensions: Iterable[Dimension]) -> tuple[Dimension | None, str] | None:
        """Why the sampler cannot search some dimensions, and which of them is to blame, if any."""
        return None


class RandomSampler(Sampler):
    """Independent random values."""

    elsewhere = ("random_search", "randomized")
    kind: Literal["random"] = "random"

    def build(self, seed: int, dimensions: Iterable[Dimension]) -> Any:
        return optional("optuna", PURPOSE).samplers.RandomSampler(seed)


class TpeSampler(Sampler):
    """Tree-structured Parzen estimator (Bergstra et al. 2011): values like those of good trials."""

    elsewhere = ("bayes", "bayesian", "bayesian_optimization", "hyperopt", "optuna")
    kind: Literal["tpe"] = "tpe"
    startup_trials: Count = Field(10, description="Trials with random values at first.")

    def build(self, seed: int, dimensions: Iterable[Dimension]) -> Any:
        samplers = optional("optuna", PURPOSE).samplers
        return samplers.TPESampler(n_startup_trials=self.startup_trials, seed=seed)


class CmaEsSampler(Sampler):
    """Covariance matrix adaptation (Hansen & Ostermeier 2001), for numeric spaces.

    Choices, and spaces within their options, are drawn at random.
    """

    kind: Literal["cma_es"] = "cma_es"

    def build(self, seed: int, dimensions: Iterable[Dimension]) -> Any:
        optional("cmaes", "the sampler cma_es")
        samplers = optional("optuna", PURPOSE).samplers
        return samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False)

    def objection(self, dimensions: Iterable[Dimension]) -> tuple[Dimension | None, str] | None:
        adapted = [d for d in dimensions if not isinstance(d.space, Choice) and not d.given]
        if len(adapted) >= 2:
            return None
        return None, (
            "cma_es needs at least two spaces of kind int or float outside the options of choices; "
            "use tpe"
        )


class GridSampler(Sampler):
    """Every combination of values, in random order."""

    differs_by_trial: ClassVar[bool] = False  # all trials take from one shuffled list
    elsewhere = ("grid_search", "brute_force")
    kind: Literal["grid"] = "grid"

    def build(self, seed: int, dimensions: Iterable[Dimension]) -> Any:
        values = {dimension.name: grid_values(dimension) for dimension in dimensions}
        return optional("optuna", PURPOSE).samplers.GridSampler(values, seed)

    def objection(self, dimensions: Iterable[Dimension]) -> tuple[Dimension | None, str] | None:
        for dimension in dimensions:
            if dimension.given:
                return dimension, (
                    "a grid cannot contain spaces within an option; use the sampler random or tpe"
                )
            space = dimension.space
            if space.kind == "int" and not space.log:
                continue
            if not isinstance(space, Choice) and space.step is None:
                step = "" if space.log else ", or add step"
                return dimension, (
                    "a grid needs separate values; write them as {choice: […]}" + step + ", or use "
                    "another sampler"
                )
        return None


def grid_values(dimension: Dimension) -> list[Value]:
    """The values of a dimension in a grid."""
    if isinstance(dimension.space, Choice):
        return list(dimension.extremes)
    return list(range_values(dimension.space))


AnySampler = Annotated[RandomSampler | TpeSampler | CmaEsSampler | GridSampler, Tagged()]


class Pruner(Component):
    """Base of pruners, which end trials that are worse than others at the same evaluation."""

    @abstractmethod
    def build(self, evaluations: int) -> Any:
        """Creates the pruner of Optuna that these settings describe.

        Args:
            evaluations: the number of evaluations in the longest trial.
        """


class NoPruner(Pruner):
    """Every trial is trained to its end."""

    elsewhere = ("nop", "off")
    kind: Literal["none"] = "none"

    def build(self, evaluations: int) -> Any:
        return optional("optuna", PURPOSE).pruners.NopPruner()


class MedianPruner(Pruner):
    """Ends a trial whose best metric so far is below the median of finished trials.

    Compared is the metric at the same evaluation.
    """

    kind: Literal["median"] = "median"
    startup_trials: int = Field(5, ge=1, description="Finished trials before any is pruned.")
    warmup: int = Field(0, ge=0, description="Evaluations of a trial before it may be pruned.")

    def build(self, evaluations: int) -> Any:
        pruners = optional("optuna", PURPOSE).pruners
        return pruners.MedianPruner(self.startup_trials, self.warmup + 1)


class SuccessiveHalvingPruner(Pruner):
    """Asynchronous successive halving (Li et al. 2020).

    After `first`, `first`·`factor`, `first`·`factor`², … evaluations, a trial continues only if it
    is among the best 1/`factor` of the trials that came so far.
    """

    elsewhere = ("asha", "sha", "halving")
    kind: Literal["successive_halving"] = "successive_halving"
    first: Count = Field(1, description="Evaluations before the first decision.")
    factor: int = Field(4, ge=2, description="One of so many trials continues.")

    def build(self, evaluations: int) -> Any:
        pruners = optional("optuna", PURPOSE).pruners
        return pruners.SuccessiveHalvingPruner(self.first, self.factor)


class HyperbandPruner(Pruner):
    """Hyperband (Li et al. 2018): successive halving with several first decisions side by side."""

    kind: Literal["hyperband"] = "hyperband"
    first: Count = Field(1, description="Evaluations before the earliest decision.")
    factor: int = Field(3, ge=2, description="One of so many trials continues.")

    def build(self, evaluations: int) -> Any:
        pruners = optional("optuna", PURPOSE).pruners
        return pruners.HyperbandPruner(self.first, max(evaluations, self.first), self.factor)


AnyPruner = Annotated[NoPruner | MedianPruner | SuccessiveHalvingPruner | HyperbandPruner, Tagged()]


class Search(Spec):
    """The metric to optimize, and how to search."""

    metric: str = Field(
        description="The final metric to optimize, such as validation.accuracy, with the weights "
        "that a run saves as its best. Not one of the test set, which must not choose."
    )
    trials: Count | None = Field(
        None, description="Trials in total; default: 50, or all combinations of a grid."
    )
    sampler: AnySampler = Field(TpeSampler(), description="Chooses the values of a trial.")
    pruner: AnyPruner = Field(NoPruner(), description="Ends trials that are worse than others.")
    seed: int = Field(0, ge=0, lt=1 << 32, description="Seed of the sampler.")
