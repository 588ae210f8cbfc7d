"""Progress of a batch: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from nnkit.cli.output import say, show_figure, show_seconds
from nnkit.cli.running_table import RunningTable, live
from nnkit.experiments.batch import BatchListener
from nnkit.experiments.batch_file import Cell
from nnkit.experiments.job import FAILED, NOT_RUN, Ending


@contextmanager
def batch_progress(cells: Sequence[Cell], *, quiet: bool) -> Iterator[BatchListener]:
    """Shows the progress of a batch within the block, in the way that suits standard error."""
    if quiet:
        yield BatchListener()
    elif not sys.stderr.isatty():
        yield PlainLines(cells)
    else:
        with live(lambda index: cells[index].name, len(cells), "cells") as table:
            yield LiveTable(cells, table)


class PlainLines(BatchListener):
    """A line for each cell that has ended."""

    def __init__(self, cells: Sequence[Cell]) -> None:
        self.cells = cells
        self.done = 0
        self.width = len(str(len(cells)))

    def tell(self, line: str) -> None:
        """Prints a line."""
        say(line)

    def ended(self, index: int, ending: Ending) -> None:
        if ending != NOT_RUN:
            self.done += not ending.is_left_over
            count = f"[{self.done:{self.width}}/{len(self.cells)}]"
            self.tell(f"{count} {self.cells[index].name}: {described(ending)}")


class LiveTable(PlainLines):
    """A table of running cells below the lines of those that have ended."""

    def __init__(self, cells: Sequence[Cell], table: RunningTable) -> None:
        super().__init__(cells)
        self.table = table

    def tell(self, line: str) -> None:
        self.table.tell(line)

    def evaluated(self, index: int, record: Mapping[str, Any]) -> None:
        self.table.update(index, record)

    def ended(self, index: int, ending: Ending) -> None:
        self.table.remove(index, ending)
        super().ended(index, ending)

    def stopping(self) -> None:
        self.table.stop()


def described(ending: Ending) -> str:
    """Describes the end of a cell on one line."""
    if ending.outcome in FAILED:
        return f"{ending.outcome}: {ending.error.splitlines()[0]}"
    summary = ending.summary
    results = summary.get("results", {})
    split = next((s for s in ("test", "validation", "train") if s in results), None)
    text = "already finished" if ending.already_finished else ending.outcome
    if split is not None:
        figures = results[split]
        name = next(n for n in ("accuracy", "r2", "loss") if n in figures)
        text += f", {split}.{name} {show_figure(name, figures[name])}"
    if not ending.already_finished and "seconds" in summary:
        text += f", {show_seconds(summary['seconds'])}"
    return text
