"""Says which gates were missed, and exits with the code for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from nnkit.cli.output import say

if TYPE_CHECKING:
    from nnkit.experiments.gates import GateVerdict


def exit_if_missed(verdicts: Sequence[GateVerdict]) -> None:
    """Exits with 4 if a gate was missed, after saying which, by how much, and in which run."""
    from nnkit.errors import GateError

    missed = [verdict for verdict in verdicts if not verdict.passed]
    for verdict in missed:
        say(f"error: {verdict.run or verdict.cell}: {verdict.message}")
    if missed:
        raise typer.Exit(GateError.exit_code)


def say_passed(verdicts: Sequence[GateVerdict]) -> None:
    """Says what was found by gates over several runs, which no table shows."""
    for verdict in verdicts:
        if verdict.passed and verdict.seed is None:
            say(verdict.message)
