"""Resolves an argument to a run or checkpoint; if it is ambiguous, prints which one is used."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nnkit.cli.output import say

if TYPE_CHECKING:
    from nnkit.runs.directory import RunDirectory


def chosen_checkpoint(what: str, runs: Path) -> Path:
    """The checkpoint file given by a file, a run's folder, or a run's name.

    Raises:
        CheckpointError: there is none; the message lists the existing runs.
    """
    from nnkit.runs.directory import best_checkpoint

    return Path(what) if Path(what).is_file() else best_checkpoint(chosen_run(what, runs))


def chosen_run(what: str, runs: Path) -> RunDirectory:
    """The run given by a folder or a name; of several runs, the most recent.

    Raises:
        CheckpointError: there is none; the message lists the existing runs.
    """
    from nnkit.runs.directory import matching_runs

    found = matching_runs(what, runs)
    if len(found) > 1:
        say(
            f"{len(found):,} runs are named {what}; using the most recent, {found[-1].path}\n"
            "`nnkit runs list` shows how their settings differ"
        )
    return found[-1]
