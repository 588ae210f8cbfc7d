"""Measures a task: all contenders in turns, for the same time, on the same work."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from benchmarks.contenders import NNKIT, OURS, Contender
from benchmarks.saved_settings import SavedSettings
from benchmarks.tasks import Task
from benchmarks.trials import Trials
from benchmarks.worker import Portion, Worker, say

TRIAL_SHARE = 1 / 2  # length of a trial, relative to a portion
MOST_IDLE = 0.5  # cores that an idle worker may use; a spinning thread uses 1

Report = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Method:
    """Settings of a measurement.

    Attributes:
        rounds: the number of portions of each contender.
        seconds: the time of a portion, unless a single repetition takes longer.
        saved: the speeds of settings that are known.
    """

    rounds: int
    seconds: float
    saved: SavedSettings

    def measuring(self, workers: int) -> float:
        """Estimates the seconds for the rounds of as many workers, with their trials."""
        return workers * self.seconds * (self.rounds + 2)


def measure(
    task: Task, contenders: Sequence[Contender], folder: Path, method: Method, seconds: float
) -> Report:
    """Measures all contenders in turns, each in its fastest settings.

    Args:
        task: the task to measure.
        contenders: the contenders to compare.
        folder: the folder with the task's data.
        method: how it is measured.
        seconds: how long it may take, which limits the number of settings tried.
    """
    began = perf_counter()
    deadline = began + seconds - method.measuring(len(contenders))
    with ExitStack() as stack:
        portion = method.seconds * TRIAL_SHARE
        trials = Trials(task, folder, portion, deadline, method.saved, stack)
        workers = [*trials.finalists(contenders)]
        rounds = measured(trials, method)
        versions = {name: which for worker in workers for name, which in worker.versions.items()}
    speeds = {worker: [done["samples_per_second"] for done in rounds[worker]] for worker in rounds}
    best = {
        contender.name: max(
            (worker for worker in rounds if worker.contender is contender),
            key=lambda worker: median(speeds[worker]),
        )
        for contender in contenders
        if any(worker.contender is contender for worker in rounds)
    }
    own = speeds[best[NNKIT]] if NNKIT in best else []
    return {
        "network": task.row.name,
        "job": task.job,
        "batch": task.batch,
        "elapsed_seconds": perf_counter() - began,
        "operations_per_sample": task.operations,
        "contenders": [summary(worker, rounds[worker], own) for worker in best.values()],
        "versions": versions,
        "trials": trials.speeds,
        "errors": trials.errors,
    }


def measured(trials: Trials, method: Method) -> dict[Worker, list[Portion]]:
    """Warms the workers up, then lets them take turns; returns their portions.

    A worker that fails, or did not do the work, is left out.
    """
    for worker in [*trials.workers]:
        trials.portion(worker, lambda each: each.ask(trials.task.warm_up, check=True))
    rounds: dict[Worker, list[Portion]] = {worker: [] for worker in trials.workers}
    for number in range(1, method.rounds + 1):
        last = number == method.rounds
        for worker in [*trials.workers]:
            done = trials.portion(worker, partial(Worker.run, seconds=method.seconds, check=last))
            if done is None:
                del rounds[worker]
                continue
            rounds[worker].append(done)
            say(f"{worker}: {done['samples_per_second']:,.0f} samples/s")
            if done["idle_cores"] > MOST_IDLE:
                say(f"warning: {worker}: used {done['idle_cores']:.2f} cores while idle")
    return rounds


def summary(worker: Worker, portions: Sequence[Portion], nnkit: Sequence[float]) -> Report:
    """Summarizes one contender's measurements, with the ratios to nnkit's speed by round."""
    own = [done["samples_per_second"] for done in portions]
    busy = median(done["busy_cores"] for done in portions)
    found: Report = {
        "name": worker.contender.name,
        "title": worker.contender.title,
        "setting": str(worker.setting),
        "samples_per_second": median(own),
        "ratio": None,
        "busy_cores": busy,
        "threads": min(max(1, round(busy)), os.cpu_count() or 1),
        "idle_cores": max(done["idle_cores"] for done in portions),
        "peak_bytes": max(done["peak_bytes"] for done in portions),
        "portions": list(portions),
    }
    if nnkit and worker.contender.name != NNKIT:
        ratios = [ours / theirs for ours, theirs in zip(nnkit, own, strict=True)]
        found["ratio"] = {"median": median(ratios), "lowest": min(ratios), "highest": max(ratios)}
    return found


def best_peer(contenders: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Returns the fastest contender that is not nnkit."""
    peers = [figures for figures in contenders if figures["name"] not in OURS]
    return max(peers, key=lambda figures: figures["samples_per_second"], default=None)
