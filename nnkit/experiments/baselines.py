"""Baselines: final metrics in a file, with which later results are compared seed by seed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nnkit.errors import DataError
from nnkit.experiments.groups import Group
from nnkit.runs.results import final_metrics
from nnkit.task.gate import Gate

Baseline = Mapping[str, Mapping[int, Mapping[str, float]]]  # metrics by cell and seed


def baseline_of(groups: Sequence[Group]) -> dict[str, Any]:
    """The final metrics of finished runs by cell and seed, as `read_baseline` reads them."""
    return {
        "cells": {
            group.key: {
                str(result.cell.seed): final_metrics(result.ending.summary)
                for result in group.results
                if result.finished
            }
            for group in groups
        }
    }


def read_baseline(path: str | Path) -> Baseline:
    """The metrics of a baseline by cell and seed.

    Raises:
        DataError: the file is missing or not a baseline.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        return {
            cell: {int(seed): dict(metrics) for seed, metrics in seeds.items()}
            for cell, seeds in content["cells"].items()
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
