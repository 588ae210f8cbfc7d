"""Results of a search: its trials as data, its best config, its history and importances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from nnkit.bars import Bars
from nnkit.charts import Chart, Curve
from nnkit.experiments.spaces import picking
from nnkit.experiments.study import Study
from nnkit.experiments.trial_record import TrialRecord
from nnkit.experiments.tune_file import LoadedTune
from nnkit.files import WriteFile, write_atomic
from nnkit.task.config import Config

FEWEST_FOR_IMPORTANCE = 10  # finished trials
BEST = "best.yaml"
HEADER = "# The best config found by nnkit tune in the study"


def config_of(tune: LoadedTune, trial: TrialRecord) -> Config:
    """The config of a trial, as it was trained."""
    return tune.config(picking(trial.params))


def write_best(
    study: Study, trial: TrialRecord, path: Path, write: WriteFile = write_atomic
) -> None:
    """Writes the config of a trial as YAML that `nnkit train` takes, with the trial's figures."""
    figures = "".join(f"#   {name}: {value:.6g}\n" for name, value in trial.metrics.items())
    content = config_of(study.checked.file, trial).to_yaml()
    head = f"{HEADER} {study.name}: trial {trial.number}.\n{figures}# Run: {trial.run}\n"
    write(path, head + content)


def importance_bars(study: Study) -> Bars | None:
    """The importance of each dimension; None if too few trials are finished."""
    if len(study.ranked()) < FEWEST_FOR_IMPORTANCE:
        return None
    found = study.importances()
    short = study.checked.file.short_names
    names = tuple(short[name] for name in found)
    return Bars(f"importance for {study.metric}", names, tuple(found.values()))


def history_chart(study: Study) -> Chart | None:
    """The metric of each finished trial, and the best so far; None without any."""
    finished = sorted(study.ranked(), key=lambda record: record.number)
    if not finished:
        return None
    x = np.array([float(record.number) for record in finished])
    y = np.array([record.value for record in finished], dtype=np.float64)
    best = np.maximum.accumulate(y) if study.higher else np.minimum.accumulate(y)
    steps = Curve("best so far", np.repeat(x, 2)[1:], np.repeat(best, 2)[:-1])
    curves = (Curve("finished trial", x, y, "points"), steps)
    return Chart(f"{study.name}: {study.metric}", "trial", curves, study.metric)


def tune_data(study: Study, bars: Bars | None, config: Path | None) -> dict[str, Any]:
    """A study with its trials, their importances and the best config, as plain data.

    Args:
        study: the study.
        bars: the importances.
        config: the file of the best config.
    """
    best = study.best()
    return {
        "study": study.name,
        "metric": study.metric,
        "trials": [_trial(record) for record in study.records()],
        "best": None
        if best is None
        else {**_trial(best), "config": None if config is None else str(config)},
        "importance": None if bars is None else study.importances(),
    }


def _trial(record: TrialRecord) -> dict[str, Any]:
    data = asdict(record)
    del data["owner"]
    return data


def counts(records: Sequence[TrialRecord]) -> str:
    """The number of trials by state, such as `8 trials: 5 finished, 3 pruned`."""
    found: dict[str, int] = {}
    for record in records:
        found[record.state] = found.get(record.state, 0) + 1
    total = f"{len(records):,} trial{'s' if len(records) != 1 else ''}"
    return f"{total}: " + ", ".join(f"{count:,} {state}" for state, count in found.items())
