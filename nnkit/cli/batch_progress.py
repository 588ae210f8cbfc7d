"""Progress of a batch: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from threading import Lock
from time import perf_counter
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from nnkit.cli.output import console, say, show_figure, show_seconds
from nnkit.experiments.batch import BatchListener
from nnkit.experiments.batch_file import Cell, shown_axes
from nnkit.experiments.job import FAILED, Ending

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

REFRESH = 4  # redraws per second
SCORES = ("validation.accuracy", "validation.r2", "validation.loss")
MOST_ROWS = 12  # running cells that are shown


class Silence(BatchListener):
    """Shows nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass


class PlainLines(Silence):
    """A line for each cell that has ended."""

    def __init__(self, cells: Sequence[Cell]) -> None:
        self.cells = cells
        self.done = 0
        self.width = len(str(len(cells)))

    def ended(self, index: int, ending: Ending) -> None:
        self.done += 1
        if ending.outcome == "not run":
            return
        cell = self.cells[index]
        name = f"{shown_axes(cell.axes)} seed={cell.seed}".strip()
        say(f"[{self.done:{self.width}}/{len(self.cells)}] {name}: {described(ending)}")


class LiveTable(PlainLines):
    """A table of running cells below the lines of those that have ended."""

    live: Live

    def __init__(self, cells: Sequence[Cell]) -> None:
        super().__init__(cells)
        self.running: dict[int, Mapping[str, Any]] = {}
        self.lock = Lock()
        self.began = perf_counter()
        self.console = console()

    def __enter__(self) -> Self:
        from rich.live import Live

        self.live = Live(
            get_renderable=self._table,
            console=self.console,
            refresh_per_second=REFRESH,
            transient=True,
        )
        self.live.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.live.__exit__(kind, error, trace)

    def evaluated(self, index: int, record: Mapping[str, Any]) -> None:
        with self.lock:
            self.running[index] = record

    def ended(self, index: int, ending: Ending) -> None:
        with self.lock:
            self.running.pop(index, None)
        super().ended(index, ending)

    def _table(self) -> Table:
        from rich.table import Table

        shown = Table(box=None, pad_edge=False)
        for heading in ("running", "epoch", "train loss", "validation"):
            shown.add_column(heading, justify="left" if heading == "running" else "right")
        with self.lock:
            running = dict(list(self.running.items())[:MOST_ROWS])
        for index, record in running.items():
            cell = self.cells[index]
            score = next((name for name in SCORES if name in record), None)
            shown.add_row(
                f"{shown_axes(cell.axes)} seed={cell.seed}".strip(),
                f"{record['epoch']:g}",
                show_figure("loss", record["train.loss"]),
                "" if score is None else show_figure(score, record[score]),
            )
        spent = perf_counter() - self.began
        left = spent / self.done * (len(self.cells) - self.done) if self.done else None
        progress = f"{self.done} of {len(self.cells)} cells, {show_seconds(spent)}"
        shown.caption = progress if left is None else f"{progress}, about {show_seconds(left)} left"
        return shown


def described(ending: Ending) -> str:
    """Describes the end of a cell on one line."""
    if ending.outcome in FAILED:
        return f"{ending.outcome}: {ending.error.splitlines()[0]}"
    summary = ending.summary or {}
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
