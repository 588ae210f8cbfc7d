"""k-fold cross-validation: a config trained once for each fold, and its mean results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from nnkit.errors import SettingError, UsageError
from nnkit.runs.results import final_metrics
from nnkit.task.config import Config
from nnkit.training.expectations import shortfall
from nnkit.training.run import Run


def fold_configs(config: Config, folds: int) -> list[Config]:
    """The config with each fold as its test set.

    Gates are left out, because they hold for the mean.

    Raises:
        ConfigError: the config is that of a fold already.
        UsageError: a gate compares several seeds or a baseline.
    """
    with config.locating():
        if config.data.split.folds is not None:
            raise SettingError(
                ("data", "split", "folds"), "--folds sets this itself; remove it from the config"
            )
    for name, gate in config.expect.items():
        if not gate.bounds_each_run:
            raise UsageError(
                f"--folds cannot judge expect.{name}, which is a gate over seeds or a baseline; "
                "remove it with --set expect={}"
            )
    return [
        config.model_copy(
            update={
                "expect": {},
                "data": config.data.model_copy(
                    update={
                        "split": config.data.split.model_copy(
                            update={"folds": folds, "fold": number}
                        )
                    }
                ),
            }
        )
        for number in range(1, folds + 1)
    ]


@dataclass(frozen=True, slots=True)
class CrossValidation:
    """The results of all folds.

    Attributes:
        runs: the run of each fold.
    """

    runs: Sequence[Run]

    def values(self) -> dict[str, list[float]]:
        """Each final metric, such as `test.accuracy`, by fold."""
        found = [final_metrics(run.summary) for run in self.runs]
        return {name: [metrics[name] for metrics in found] for name in found[0]}

    def means(self) -> dict[str, tuple[float, float]]:
        """The mean of each final metric over the folds, and its standard deviation (n − 1)."""
        return {name: (fmean(x), stdev(x)) for name, x in self.values().items()}

    def missed(self, config: Config) -> list[str]:
        """Describes each gate of a config that the mean over the folds does not meet."""
        means = self.means()
        found = (
            shortfall(f"the mean of {name}", gate, means[name][0] if name in means else None)
            for name, gate in config.expect.items()
        )
        return [text for text in found if text is not None]

    def record(self) -> dict[str, Any]:
        """The results as plain data."""
        values: Mapping[str, Any] = self.values()
        return {
            "runs": [str(run.directory) for run in self.runs],
            "metrics": {
                name: {"mean": mean, "sd": deviation, "folds": values[name]}
                for name, (mean, deviation) in self.means().items()
            },
        }
