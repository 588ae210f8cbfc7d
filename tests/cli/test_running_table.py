"""The live table of a batch or a search: what it counts, and when it estimates the time left."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from nnkit.cli.running_table import RunningTable
from nnkit.experiments.job import NOT_RUN, Ending

RECORD = {"epoch": 2.0, "train.loss": 0.25, "validation.accuracy": 0.5}
COMPLETED = Ending("completed")
FOUND = Ending("completed", already_finished=True)
INTERRUPTED = Ending("interrupted")


def table_of(total: int, done: int = 0) -> RunningTable:
    return RunningTable(Console(file=StringIO()), lambda i: f"cell {i}", total, "cells", done)


def shown(table: RunningTable, width: int = 80) -> list[str]:
    """The lines of a table on a terminal."""
    terminal = Console(file=StringIO(), width=width)
    terminal.print(table.render())
    assert isinstance(terminal.file, StringIO)
    return [line.rstrip() for line in terminal.file.getvalue().splitlines()]


def test_running_trainings_have_a_row_until_they_end() -> None:
    table = table_of(2)
    table.update(0, RECORD)
    _, row, progress = shown(table)
    assert row.split() == ["cell", "0", "2", "0.2500", "50.00", "%"]
    assert progress.startswith("0 of 2 cells, ")
    table.remove(0, COMPLETED)
    assert len(shown(table)) == 2


@pytest.mark.parametrize(
    ("endings", "done", "estimated"),
    [
        ([], 0, False),
        ([COMPLETED], 1, True),
        ([Ending("failed")], 1, True),
        ([FOUND, FOUND], 2, False),  # they took no time
        ([FOUND, COMPLETED], 2, True),
        ([INTERRUPTED, NOT_RUN], 0, False),
    ],
)
def test_only_what_was_trained_tells_how_long_the_rest_takes(
    endings: list[Ending], done: int, estimated: bool
) -> None:
    table = table_of(9)
    for index, ending in enumerate(endings):
        table.remove(index, ending)
    *_, progress = shown(table)
    assert progress.startswith(f"{done} of 9 cells, ")
    assert progress.endswith(" left") == estimated


def test_the_estimate_is_that_of_the_trainings_since_the_table_began() -> None:
    table = table_of(10, done=4)
    table.began -= 30
    table.remove(4, FOUND)
    table.remove(5, COMPLETED)
    table.remove(6, COMPLETED)
    *_, progress = shown(table)
    assert progress == "7 of 10 cells, 30.0 s, about 45.0 s left"  # 15 s each, for three


def test_a_batch_that_is_interrupted_has_no_time_left() -> None:
    table = table_of(4)
    table.update(1, RECORD)
    table.remove(0, COMPLETED)
    table.stop()
    *_, progress = shown(table)
    assert progress.endswith(", stopping: running cells are saved")
    table.remove(1, INTERRUPTED)
    *_, progress = shown(table)
    assert progress.startswith("1 of 4 cells, ")
    assert "left" not in progress
