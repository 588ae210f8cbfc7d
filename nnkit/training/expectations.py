"""Gates: bounds on final metrics, under `expect:` in a config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nnkit.task.config import Bound


def missed_gates(expect: Mapping[str, Bound], results: Mapping[str, Any]) -> list[str]:
    """Describes each bound that the results do not meet, and by how much.

    Args:
        expect: bounds by metric, such as `test.accuracy`.
        results: final metrics by set, as in a run's summary.
    """
    missed = []
    for name, bound in expect.items():
        split, _, figure = name.partition(".")
        if (text := shortfall(name, bound, results[split][figure])) is not None:
            missed.append(text)
    return missed


def shortfall(name: str, bound: Bound, value: float) -> str | None:
    """Describes by how much a metric misses its bound; None if it meets it."""
    if bound.min is not None and not value >= bound.min:
        short, expected = f"{bound.min - value:.3g} too low", f"at least {bound.min:.6g}"
    elif bound.max is not None and not value <= bound.max:
        short, expected = f"{value - bound.max:.3g} too high", f"at most {bound.max:.6g}"
    else:
        return None
    return f"{name} is {value:.6g}, expected {expected} ({short})"
