"""Progress of a batch: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Lock
from time import perf_counter
from typing import TYPE_CHECKING, Any

from nnkit.cli.output import console, say, show_figure, show_seconds
from nnkit.experiments.batch import BatchListener
from nnkit.experiments.batch_file import Cell
from nnkit.experiments.job import FAILED, Ending

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

REFRESH = 4  # redraws per second
SCORES = ("validation.accuracy", "validation.r2", "validation.loss")
MOST_ROWS = 12  # running cells that are shown


@contextmanager
def batch_progress(cells: Sequence[Cell], *, quiet: bool) -> Iterator[BatchListener]:
    """Shows the progress of a batch within the block, in the way that suits standard error."""
    if quiet:
        yield BatchListener()
    elif not sys.stderr.isatty():
        yield PlainLines(cells)
    else:
        from rich.live import Live

        shown = console()
        table = LiveTable(cells, shown)
        with Live(
            get_renderable=table.render,
            console=shown,
            refresh_per_second=REFRESH,
            transient=True,
        ):
            yield table


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
        self.done += 1
        if ending.outcome != "not run":
            count = f"[{self.done:{self.width}}/{len(self.cells)}]"
            self.tell(f"{count} {self.cells[index].name}: {described(ending)}")


class LiveTable(PlainLines):
    """A table of running cells below the lines of those that have ended."""

    def __init__(self, cells: Sequence[Cell], on: Console) -> None:
        super().__init__(cells)
        self.running: dict[int, Mapping[str, Any]] = {}
        self.lock = Lock()
        self.began = perf_counter()
        self.console = on

    def tell(self, line: str) -> None:
        from rich.text import Text

        self.console.print(Text(line), soft_wrap=True)

    def evaluated(self, index: int, record: Mapping[str, Any]) -> None:
        with self.lock:
            self.running[index] = record

    def ended(self, index: int, ending: Ending) -> None:
        with self.lock:
            self.running.pop(index, None)
        super().ended(index, ending)

    def render(self) -> Table:
        """The table as it is now."""
        from rich.table import Table

        shown = Table(box=None, pad_edge=False)
        for heading in ("running", "epoch", "train loss", "validation"):
            shown.add_column(heading, justify="left" if heading == "running" else "right")
        with self.lock:
            running = dict(list(self.running.items())[:MOST_ROWS])
        for index, record in running.items():
            score = next((name for name in SCORES if name in record), None)
            shown.add_row(
                self.cells[index].name,
                f"{record['epoch']:g}",
                show_figure("loss", record["train.loss"]),
                "" if score is None else show_figure(score, record[score]),
            )
        spent = perf_counter() - self.began
        left = spent / self.done * (len(self.cells) - self.done) if self.done else None
        progress = f"{self.done} of {len(self.cells)} cells, {show_seconds(spent)}"
        if left is not None:
            progress += f", about {show_seconds(left)} left"
        shown.add_row(progress)
        return shown


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
