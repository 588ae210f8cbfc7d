"""Judges the gates of a config that a single run meets or misses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nnkit.runs.directory import RunDirectory
from nnkit.runs.results import metric_of
from nnkit.task.gate import Gate


def missed_gates(
    expect: Mapping[str, Gate], summary: Mapping[str, Any], run: RunDirectory
) -> list[str]:
    """Describes each bound of a run that its results do not meet, and by how much.

    Gates over several seeds and gates with a baseline are left to `nnkit.experiments`.

    Args:
        expect: gates by metric, such as `test.accuracy`.
        summary: the run's summary.
        run: the run.
    """
    found = (
        shortfall(name, gate, metric_of(summary, run, name))
        for name, gate in expect.items()
        if gate.bounds_each_run
    )
    return [text for text in found if text is not None]


def shortfall(name: str, gate: Gate, value: float | None) -> str | None:
    """Describes by how much a metric misses its bounds; None if it meets them."""
    if value is None:
        return f"{name}: the run has no such metric"
    if gate.min is not None and not value >= gate.min:
        short, expected = f"{gate.min - value:.3g} too low", f"at least {gate.min:.6g}"
    elif gate.max is not None and not value <= gate.max:
        short, expected = f"{value - gate.max:.3g} too high", f"at most {gate.max:.6g}"
    else:
        return None
    return f"{name} is {value:.6g}, expected {expected} ({short})"
