"""A live table of the trainings that are running, for batches and searches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from time import perf_counter
from typing import TYPE_CHECKING, Any

from nnkit.cli.output import console, show_figure, show_seconds
from nnkit.experiments.job import Ending

if TYPE_CHECKING:
    from rich.console import Console, Group

REFRESH = 4  # redraws per second
SCORES = ("validation.accuracy", "validation.r2", "validation.loss")
MOST_ROWS = 12  # running trainings that are shown


class RunningTable:
    """The latest evaluation of each training that is running.

    Attributes:
        done: the number of trainings that have ended, those before the table included.
        trained: the number of those trained since, from which the time left is estimated.
        is_stopping: whether running trainings have been told to save and end.
    """

    def __init__(
        self, on: Console, name_of: Callable[[int], str], total: int, noun: str, done: int = 0
    ) -> None:
        """Prepares an empty table.

        Args:
            on: the console on which it is shown.
            name_of: describes a training by its index.
            total: the number of trainings.
            noun: what trainings are called, in the plural.
            done: the number of trainings that have ended before.
        """
        self.console = on
        self.name_of = name_of
        self.total = total
        self.noun = noun
        self.done = done
        self.trained = 0
        self.is_stopping = False
        self.running: dict[int, Mapping[str, Any]] = {}
        self.lock = Lock()
        self.began = perf_counter()

    def tell(self, line: str) -> None:
        """Prints a line above the table."""
        from rich.text import Text

        self.console.print(Text(line), soft_wrap=True)

    def update(self, index: int, record: Mapping[str, Any]) -> None:
        """Shows an evaluation of a training."""
        with self.lock:
            self.running[index] = record

    def remove(self, index: int, ending: Ending) -> None:
        """Removes a training that has ended, or that has not begun."""
        with self.lock:
            self.running.pop(index, None)
            self.done += not ending.is_left_over
            self.trained += not (ending.is_left_over or ending.already_finished)

    def stop(self) -> None:
        """Shows that running trainings have been told to save and end."""
        self.is_stopping = True

    def render(self) -> Group:
        """The table as it is now, and a line on all trainings."""
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        shown = Table(box=None, pad_edge=False)
        for heading in ("running", "epoch", "train loss", "validation"):
            shown.add_column(heading, justify="left" if heading == "running" else "right")
        with self.lock:
            running = dict(list(self.running.items())[:MOST_ROWS])
        for index, record in running.items():
            score = next((name for name in SCORES if name in record), None)
            shown.add_row(
                self.name_of(index),
                f"{record['epoch']:g}",
                show_figure("loss", record["train.loss"]),
                "" if score is None else show_figure(score, record[score]),
            )
        spent = perf_counter() - self.began
        progress = f"{self.done} of {self.total} {self.noun}, {show_seconds(spent)}"
        if self.is_stopping:
            progress += f", stopping: running {self.noun} are saved"
        elif self.trained and self.done < self.total:
            left = spent / self.trained * (self.total - self.done)
            progress += f", about {show_seconds(left)} left"
        return Group(shown, Text(progress))


@contextmanager
def live(
    name_of: Callable[[int], str], total: int, noun: str, done: int = 0
) -> Iterator[RunningTable]:
    """Shows a table of running trainings within the block."""
    from rich.live import Live

    shown = console()
    table = RunningTable(shown, name_of, total, noun, done)
    with Live(
        get_renderable=table.render, console=shown, refresh_per_second=REFRESH, transient=True
    ):
        yield table
