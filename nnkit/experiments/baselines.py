"""Baselines: final metrics in a file, with which later results are compared seed by seed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nnkit.errors import DataError
from nnkit.experiments.groups import CellResult, Group
from nnkit.runs.comparability import HELD_OUT_SETS
from nnkit.runs.differences import DATA
from nnkit.runs.results import final_metrics
from nnkit.task.gate import Gate

Baseline = Mapping[str, Mapping[int, Mapping[str, float]]]  # metrics by cell and seed


def baseline_of(groups: Sequence[Group]) -> dict[str, Any]:
    """The final metrics of finished runs by cell and seed, and the fingerprints of their data."""

    def of_runs(record: Callable[[Mapping[str, Any]], dict[str, Any]]) -> dict[str, Any]:
        return {
            group.key: {
                str(result.cell.seed): record(result.ending.summary)
                for result in group.results
                if result.finished
            }
            for group in groups
        }

    return {"cells": of_runs(final_metrics), "data": of_runs(_fingerprints)}


def _fingerprints(summary: Mapping[str, Any]) -> dict[str, Any]:
    return {name: summary[name] for name in (DATA, HELD_OUT_SETS) if name in summary}


def read_baseline(path: str | Path) -> Baseline:
    """The metrics of a baseline by cell and seed.

    Raises:
        DataError: the file is missing or not a baseline.
    """
    return _read(path, "cells")


def seeds_on_other_data(path: str | Path, group: Group, metric: str) -> list[int]:
    """The seeds with which a metric was measured on other samples than in a baseline.

    Baselines and runs without fingerprints, of earlier versions, are taken to have the same data.

    Args:
        path: the baseline.
        group: the results of a cell.
        metric: the metric, such as `test.accuracy`.

    Raises:
        DataError: the file is missing or not a baseline.
    """
    known = _read(path, "data").get(group.key, {})
    return [
        result.cell.seed
        for result in group.results
        if result.finished
        and _is_other(known.get(result.cell.seed, {}), result, metric.partition(".")[0])
    ]


def _is_other(before: Mapping[str, Any], now: CellResult, split: str) -> bool:
    """Whether a set is known to hold other samples than that of a baseline."""
    summary = now.ending.summary
    if DATA not in before or DATA not in summary:
        return False
    samples = [record.get(HELD_OUT_SETS, {}).get(split) for record in (before, summary)]
    if None not in samples and samples[0] != samples[1]:
        return True
    # In a file, the same rows may be read with other columns.
    may_differ = None not in samples and hasattr(now.cell.config.data.source, "path")
    return bool(before[DATA] != summary[DATA]) and not may_differ


def _read(path: str | Path, part: str) -> dict[str, dict[int, dict[str, Any]]]:
    """A part of a baseline, by cell and seed."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        cells = content["cells"] if part == "cells" else content.get(part, {})
        return {
            cell: {int(seed): dict(record) for seed, record in seeds.items()}
            for cell, seeds in cells.items()
        }
    except OSError as error:
        raise DataError(
            f"{path}: the baseline cannot be read ({error.strerror}); "
            "write one with nnkit batch --write-baseline"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise DataError(f"{path}: not a baseline of nnkit batch --write-baseline") from None


def check_baselines(expect: Mapping[str, Gate]) -> None:
    """Reads the baseline of each gate that has one, so that a missing one is known beforehand.

    Raises:
        DataError: a baseline is missing or damaged.
    """
    for gate in expect.values():
        if gate.no_worse_than is not None:
            read_baseline(gate.no_worse_than)
