"""Runs of one config with several seeds, which gates judge together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from nnkit.experiments.batch_file import Cell
from nnkit.experiments.groups import CellResult, Group
from nnkit.experiments.job import Ending
from nnkit.inference.report import Report
from nnkit.inference.saving import load_checkpoint
from nnkit.inference.trained_model import TrainedModel
from nnkit.runs.differences import identity
from nnkit.runs.directory import RunDirectory, list_runs
from nnkit.task.config import Config
from nnkit.task.gate import Gate, seeds_needed
from nnkit.training.identity import run_name
from nnkit.training.run import Run


def over_seeds(config: Config) -> list[Config]:
    """The config with each seed that its gates need: its own, and those that follow."""
    count = seeds_needed(config.expect)
    return [config.model_copy(update={"seed": config.seed + i}) for i in range(count)]


def has_begun(config: Config, runs: Path) -> bool:
    """Whether a run of the config, finished or not, has a checkpoint."""
    return RunDirectory(runs / run_name(config)).begun


def group_of(runs: Iterable[tuple[Config, Run]]) -> Group:
    """The finished runs of a config with several seeds, as a group that gates can judge."""
    return Group({}, [_result(config, run.directory, run.summary) for config, run in runs])


def evaluated_group(
    checkpoint: Path, model: TrainedModel, report: Report, data: Path | None
) -> Group:
    """An evaluation as a group that gates can judge, with the same for the seeds that they need.

    The gates are those on the evaluated set with which the run was judged last, or else those that
    are saved in the checkpoint.

    Args:
        checkpoint: the evaluated checkpoint.
        model: its model.
        report: its evaluation.
        data: the path of the data, if it was given.
    """
    run = RunDirectory(checkpoint.parent.parent)
    expect = _gates_on(_set_of(report), run, model)
    if report.split is None:
        expect = _without_baselines(expect)
    config = model.config.model_copy(update={"expect": expect})
    judged = run.read_ending().get("expect") is not None
    results = [_result(config, run.path if judged else checkpoint, _summary(report))]
    if seeds_needed(expect) > 1:
        for other in _other_seeds(run):
            trained = load_checkpoint(other.path)
            summary = _summary(trained.report(report.split, data))
            results.append(_result(trained.config, other.path, summary))
    return Group({}, results)


def incomparable_gates(checkpoint: Path, model: TrainedModel, report: Report) -> list[str]:
    """The metrics whose gates have a baseline that was measured on other data.

    Args:
        checkpoint: the evaluated checkpoint.
        model: its model.
        report: its evaluation.
    """
    if report.split is not None:
        return []
    gates = _gates_on(_set_of(report), RunDirectory(checkpoint.parent.parent), model)
    return [name for name, gate in gates.items() if gate.no_worse_than is not None]


def _set_of(report: Report) -> str:
    """The set whose gates apply: data that the model was not trained on is a test set."""
    return report.split or "test"


def _gates_on(split: str, run: RunDirectory, model: TrainedModel) -> dict[str, Gate]:
    """The gates on a set by which a run was judged last, or else those of its checkpoint."""
    saved = run.read_ending().get("expect")
    gates = (
        model.config.expect
        if saved is None
        else {name: Gate.model_validate(gate) for name, gate in saved.items()}
    )
    return {name: gate for name, gate in gates.items() if name.startswith(f"{split}.")}


def _without_baselines(expect: Mapping[str, Gate]) -> dict[str, Gate]:
    """The bounds of gates, without comparisons with metrics that were measured on other data."""
    none = {"no_worse_than": None, "margin": None}
    return {name: gate.model_copy(update=none) for name, gate in expect.items() if gate.bounded}


def _other_seeds(run: RunDirectory) -> list[RunDirectory]:
    """The finished runs beside a run that differ from it in their seed alone."""
    own = identity(run)
    return [
        other
        for other in list_runs(run.path.parent)
        if other.name == run.name and other.finished
        for found in [identity(other)]
        if found["seed"] != own["seed"] and {**found, "seed": own["seed"]} == own
    ]


def _summary(report: Report) -> dict[str, Any]:
    """The part of a run's summary that an evaluation finds."""
    return {"outcome": "completed", "results": {_set_of(report): dict(report.figures)}}


def _result(config: Config, run: Path, summary: Mapping[str, Any]) -> CellResult:
    return CellResult(Cell(config, {}), Ending(summary["outcome"], str(run), summary))
