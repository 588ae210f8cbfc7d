"""The summary of a finished run: its final metrics, and how they were obtained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from math import isfinite
from typing import Any

from nnkit.data.sources.source import HELD_OUT
from nnkit.errors import DivergedError
from nnkit.inference.evaluation import evaluate
from nnkit.inference.saving import copy_params, save_threshold, versions
from nnkit.inference.threshold import ChosenThreshold, choose_threshold
from nnkit.inference.verdict import constant_prediction_warning
from nnkit.metrics import higher_is_better
from nnkit.nn.params import Array
from nnkit.runs.checkpoint import read_checkpoint
from nnkit.runs.comparability import HELD_OUT_SETS
from nnkit.runs.differences import DATA
from nnkit.runs.directory import RunDirectory
from nnkit.task.gate import Gate
from nnkit.training.expectations import missed_gates
from nnkit.training.trainer import Trainer


def conclude(trainer: Trainer) -> dict[str, Any]:
    """Evaluates a finished run with its best weights, which the model keeps, and judges its gates.

    Args:
        trainer: the trainer, after its last step.

    Raises:
        DivergedError: a metric is NaN or infinite.
    """
    model, loop = trainer.model, trainer.loop
    directory, monitor = trainer.directory, trainer.plan.monitor
    last_sum = weights_sum(model.params)
    copy_params(trainer.ranks.on_first(lambda: read_checkpoint(directory.best)), model)
    threshold = _chosen_threshold(trainer)
    results = _results(trainer, threshold)
    evaluated = next(name for name in ("test", "validation", "train") if name in results)
    warning = constant_prediction_warning(
        trainer.task,
        model,
        trainer.sets[evaluated],
        evaluated,
        results[evaluated],
        lambda: trainer.sets["train"].targets,
        results["train"]["loss"],
    )
    records = trainer.ranks.on_first(directory.read_metrics)
    summary = {
        **unfinished(trainer),
        "samples_per_second": round(loop.progress.samples / max(trainer.seconds, 1e-9)),
        "monitor": monitor,
        "best": {"step": trainer.best.step, monitor: trainer.best.value},
        "results": results,
        "samples": {name: len(trainer.sets[name]) for name in results},
        **_fingerprints(trainer),
        **({} if threshold is None else {"threshold": threshold.record()}),
        "warnings": [] if warning is None else [warning],
        "peak": _peaks(records),
        "weights_sha256": last_sum,
        "best_weights_sha256": weights_sum(model.params),
        "versions": versions(),
    }
    return trainer.ranks.on_first(lambda: judged(summary, trainer.config.expect, directory))


def _results(trainer: Trainer, threshold: ChosenThreshold | None) -> dict[str, dict[str, float]]:
    """The metrics of each set, and the objective on the training set if it has a penalty.

    Raises:
        DivergedError: one of them is NaN or infinite.
    """
    task, model, regularization = trainer.task, trainer.model, trainer.loop.regularization
    results: dict[str, dict[str, float]] = {}
    for name in ("train", "validation", "test"):
        if name in task.sets:
            data = trainer.sets[name]
            if threshold is not None:
                data = replace(data, threshold=threshold.value)
            results[name] = evaluate(model, data, task.metrics_at_the_end(name))
    if regularization.penalizes:
        penalty = regularization.penalty(model.params[model.layout.decayed])
        results["train"]["objective"] = results["train"]["loss"] + penalty
    for name, figures in results.items():
        for figure, value in figures.items():
            if not isfinite(value):
                raise DivergedError(f"{name}.{figure} is {value} with the best weights")
    return results


def _fingerprints(trainer: Trainer) -> dict[str, Any]:
    """Fingerprints of the data and of the samples held out, for comparisons with other runs."""
    sets = trainer.task.sets
    held_out = {name: sets[name].fingerprint_of_targets() for name in HELD_OUT if name in sets}
    return {DATA: trainer.task.fingerprint, HELD_OUT_SETS: held_out}


def _chosen_threshold(trainer: Trainer) -> ChosenThreshold | None:
    """Chooses the decision threshold if the config asks for it, and saves it with the weights."""
    wanted = trainer.config.activation.threshold
    if wanted is None or wanted.maximize is None:
        return None
    chosen = choose_threshold(trainer.model, trainer.sets["validation"], wanted.maximize)
    trainer.ranks.on_first(lambda: save_threshold(trainer.directory.best, chosen.value))
    return chosen


def judged(
    summary: Mapping[str, Any], expect: Mapping[str, Gate], run: RunDirectory
) -> dict[str, Any]:
    """The summary of a finished run with its outcome by the gates, which may have changed since."""
    missed = missed_gates(expect, summary, run)
    early = summary["step"] < summary["steps"]
    outcome = "gate missed" if missed else "stopped early" if early else "completed"
    gates = {name: gate.model_dump(mode="json", exclude_none=True) for name, gate in expect.items()}
    return {**summary, "outcome": outcome, "expect": gates, "missed": missed}


def unfinished(trainer: Trainer) -> dict[str, Any]:
    """The summary of a run without results: what it is, how far it came, and how it ended."""
    return {
        **trainer.summary(),
        "outcome": trainer.outcome,
        "step": trainer.loop.progress.step,
        "seconds": round(trainer.seconds, 3),
    }


def _peaks(records: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """The best value of each metric recorded during training, and when it was reached."""
    peaks: dict[str, dict[str, float]] = {}
    for key in records[0] if records else ():
        if key in ("step", "epoch", "lr", "samples_per_second"):
            continue
        sign = 1 if higher_is_better(key) else -1
        top = max(records, key=lambda record: sign * record[key])
        peaks[key] = {"value": top[key], "step": top["step"], "epoch": top["epoch"]}
    return peaks


def weights_sum(params: Array) -> str:
    """SHA-256 of a flat parameter vector, equal only if every bit is."""
    return sha256(params.tobytes()).hexdigest()
