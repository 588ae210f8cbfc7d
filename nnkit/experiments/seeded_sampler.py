"""A sampler of trials whose draws do not depend on the trials before.

This module imports Optuna and is itself imported only where it is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial

from nnkit.experiments.search_settings import Sampler
from nnkit.experiments.spaces import Dimension


class SeededByTrial(BaseSampler):  # type: ignore[misc]
    """A sampler whose draws depend on the number of the trial, not on those before it.

    So a study that is continued draws what it would have drawn without the interruption, and
    several processes do not draw the same values.
    """

    def __init__(self, sampler: Sampler, seed: int, dimensions: Sequence[Dimension]) -> None:
        self.sampler = sampler
        self.seed = seed
        self.dimensions = dimensions

    def _seeded(self, trial: FrozenTrial, purpose: str) -> BaseSampler:
        seed = self.seed
        if self.sampler.differs_by_trial:
            text = f"{seed}/{trial.number}/{purpose}"
            seed = int.from_bytes(blake2b(text.encode(), digest_size=4).digest(), "big")
        return self.sampler.build(seed, self.dimensions)

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        self._seeded(trial, "").before_trial(study, trial)

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        return self._seeded(trial, "").infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return self._seeded(trial, "").sample_relative(study, trial, search_space)

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        sampler = self._seeded(trial, param_name)
        return sampler.sample_independent(study, trial, param_name, param_distribution)
