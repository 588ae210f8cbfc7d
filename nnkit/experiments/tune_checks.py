"""Checks of a tune file against its configs and their data, before anything is trained."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import islice
from math import ceil
from pathlib import Path

from nnkit.config.validation import merged
from nnkit.errors import ConfigError, Problem
from nnkit.experiments.search_settings import NoPruner
from nnkit.experiments.spaces import Value, picking
from nnkit.experiments.tune_file import LoadedTune
from nnkit.metrics import METRICS
from nnkit.runs.comparability import Evaluated
from nnkit.task.config import Config
from nnkit.task.task import Task
from nnkit.task.task_loading import load_task
from nnkit.training.identity import run_name
from nnkit.training.trainer import Trainer

# Added where a mapping stands for a value, as a space without its kind would.
HINT = "; a search space is {float: {low: …, high: …}}, {int: {low: …, high: …}} or {choice: […]}"
MOST_COMBINATIONS = 256  # of options and of ends of ranges that are checked


@dataclass(frozen=True, slots=True)
class CheckedTune:
    """A tune file that was checked against its data.

    Attributes:
        file: the tune file.
        study: the name of its study, NAME-HASH: of the spaces and how they are searched, the rest
            of the config, the data, and the version of nnkit.
        evaluations: the number of evaluations in the longest trial.
        files: the files of the data.
    """

    file: LoadedTune
    study: str
    evaluations: int
    files: tuple[Path, ...]


def check_tune(tune: LoadedTune) -> CheckedTune:
    """Checks the configs of a space, and whether they suit the data and the metric.

    Checked are the first option of every choice with the low end of every range, and each change
    of one of them to another option or end; without the data, also all combinations of these, if
    there are at most 256.

    Raises:
        ConfigError: everything that does not fit, with file, line and column.
        DataError: data is missing or damaged.
    """
    configs = _configs(tune)
    problems: dict[tuple[str, str], Problem] = {}
    tasks: dict[str, Task] = {}
    evaluations = 1
    for values, config in configs:
        settings = config.resolved()
        key = json.dumps([settings["data"], settings["seed"]], sort_keys=True)
        try:
            with config.locating():
                if key not in tasks:
                    tasks[key] = load_task(config)
                trainer = Trainer(replace(tasks[key], config=config))
        except ConfigError as error:
            _add(problems, error, "" if not values else f" (with {tune.shown(values)})")
            continue
        if (text := _incomparable(tune, configs[0][1], values, config)) is not None:
            mark = str(tune.marks["metric"])
            problems.setdefault((mark, ""), Problem(mark, ("search", "metric"), text))
        evaluations = max(evaluations, ceil(trainer.plan.pace.steps / trainer.plan.evaluate_every))
        if (text := _objection(tune, trainer)) is not None:
            mark = str(tune.marks["metric"])
            problems.setdefault((mark, ""), Problem(mark, ("search", "metric"), text))
    if problems:
        raise merged(problems.values())
    first = configs[0][1]
    files = tuple(first.data.source.files())
    return CheckedTune(tune, _study_name(tune, first), evaluations, files)


def _configs(tune: LoadedTune) -> list[tuple[dict[str, Value], Config]]:
    """The first config of a space, and each with a single change, with the values changed."""
    problems: dict[tuple[str, str], Problem] = {}
    found = []
    for values in tune.space.single_changes():
        try:
            found.append((values, tune.config(picking(values))))
        except ConfigError as error:
            _add(problems, error)
    if not problems:
        for problem in _idle_dimensions(tune, found):
            problems[problem.position, problem.message] = problem
        combinations = tune.space.combinations(lambda dimension: dimension.extremes)
        first = list(islice(combinations, MOST_COMBINATIONS + 1))
        for values in first if len(first) <= MOST_COMBINATIONS else ():
            try:
                tune.config(picking(values))
            except ConfigError as error:
                _add(problems, error, f" (with {tune.shown(values)})")
    if problems:
        raise merged(problems.values())
    return found


def _add(problems: dict[tuple[str, str], Problem], error: ConfigError, where: str = "") -> None:
    """Adds the problems of an error, each message once at a position."""
    for problem in error.problems:
        hint = HINT if problem.message.endswith("got a mapping") else ""
        told = replace(problem, message=f"{problem.message}{hint}{where}")
        problems.setdefault((problem.position, problem.message), told)


def _idle_dimensions(
    tune: LoadedTune, configs: list[tuple[dict[str, Value], Config]]
) -> Iterator[Problem]:
    """Yields a problem for each dimension of which two values give the same config."""
    known: set[str] = set()
    for values, config in configs:
        settings = json.dumps(config.resolved(), sort_keys=True)
        if settings in known:
            dimension = tune.space.dimensions[[*values][-1]]
            text = "has no effect: several of its values give the same config"
            yield Problem(str(dimension.node.mark), dimension.path, text)
        known.add(settings)


def _objection(tune: LoadedTune, trainer: Trainer) -> str | None:
    """Why the metric cannot be optimized with a config; None if it can."""
    metric, plan = tune.search.metric, trainer.plan
    split, _, figure = metric.partition(".")
    figures = trainer.task.figures
    if split == "test":
        return (
            "the test set must not choose hyper-parameters, or it no longer tests them; use "
            f"validation.{figure}, and the test metrics of the best trial are shown"
        )
    known = [
        f"{name}.{f}" for name in ("validation", "train") if name in trainer.sets for f in figures
    ]
    if metric not in known:
        if split == "validation" and "validation" not in trainer.sets:
            share = trainer.task.config.data.source.share_setting("validation")
            return f"there is no validation set; set {share}"
        if f"validation.{metric}" in known:
            return f"unknown metric '{metric}'; did you mean 'validation.{metric}'?"
        hint = f"; training.metrics: [{figure}] adds it" if figure in METRICS else ""
        return f"unknown metric '{metric}'; available: {', '.join(known)}{hint}"
    watched = [f"{name}.{f}" for name in plan.watched for f in figures] + ["train.loss"]
    if metric not in watched and not isinstance(tune.search.pruner, NoPruner):
        return (
            "a pruner needs a metric that is evaluated during training; use pruner: none, or one "
            f"of {', '.join(watched)}"
        )
    return None


def _incomparable(
    tune: LoadedTune, first: Config, values: Mapping[str, Value], config: Config
) -> str | None:
    """Why a config's value of the metric cannot be compared with the first one's; None if it can.

    Args:
        tune: the tune file.
        first: the first config of the space.
        values: the values that are changed in the other one.
        config: the other one.
    """
    metric = tune.search.metric
    one, other = (Evaluated(c.resolved(), {}).measures(metric).settings for c in (first, config))
    if one == other:
        return None
    return (
        f"{metric} is not the same quantity in all trials ({tune.shown(values)} changes it), so it "
        "cannot rank them; use another metric, such as accuracy, or do not search this setting"
    )


def _study_name(tune: LoadedTune, first: Config) -> str:
    """The name of the study, NAME-HASH."""
    spaces = {
        name: [dimension.space.model_dump(mode="json"), dict(dimension.given)]
        for name, dimension in tune.space.dimensions.items()
    }
    search = tune.search.model_dump(mode="json", exclude={"trials"})
    identity = json.dumps([run_name(first), spaces, search], sort_keys=True)
    return f"{tune.name}-{sha256(identity.encode()).hexdigest()[:8]}"
