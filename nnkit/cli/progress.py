"""The progress of a run: a table of its evaluations, with a live bar below on a terminal."""

from __future__ import annotations

import sys
from math import ceil
from time import perf_counter
from typing import TYPE_CHECKING, ClassVar

from nnkit.cli.output import (
    PLAIN_WIDTH,
    console,
    say,
    say_wrapped,
    show_count,
    show_figure,
    show_seconds,
    wrapped,
)
from nnkit.cli.tables import BEST, EvaluationTable
from nnkit.metrics import LAST, higher_is_better
from nnkit.training.continuation import nothing_to_resume
from nnkit.training.events import Evaluation, Step
from nnkit.training.listeners import Listener
from nnkit.training.trainer import Trainer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

REFRESH = 0.1  # seconds between two updates of the bar
MOST_ROWS = 40  # maximal rows of the table; of more evaluations, only every n-th is shown
SHORTEST_BAR = 10


def progress_listener(*, quiet: bool) -> Listener:
    """The listener for standard error: a bar on a terminal, otherwise plain lines."""
    if quiet:
        return Notices()
    return Bar() if sys.stderr.isatty() else Lines()


def opening(trainer: Trainer) -> list[str]:
    """The lines printed before the first step."""
    known, monitor = trainer.summary(), trainer.plan.monitor
    samples = f"{known['training_samples']:,} training samples"
    steps = f"{known['steps']:,} step{'s' * (known['steps'] != 1)}"
    epochs = f"{show_count(known['epochs'])} {'epoch' if known['epochs'] == 1 else 'epochs'}"
    lines = [
        f"{known['name']}: {known['parameters']:,} parameters, {samples}",
        f"{steps}: {epochs}, batch size {known['batch_size']:,}",
        *_processes(trainer),
        f"run: {trainer.directory.path}",
        *_notices(trainer),
    ]
    if trainer.loop.progress.step:
        lines.append(f"resumed at step {trainer.loop.progress.step:,}")
    if monitor != LAST:
        extreme = "highest" if higher_is_better(monitor) else "lowest"
        lines.append(f"{BEST} {extreme} {monitor} so far")
    return lines


def _notices(trainer: Trainer) -> list[str]:
    """The notices of a trainer, and how the run differs from those that could be resumed."""
    similar = nothing_to_resume(trainer) if trainer.has_nothing_to_resume else ()
    return [*trainer.notices, *similar]


def _processes(trainer: Trainer) -> list[str]:
    """A line on the processes, if there are several."""
    execution = trainer.model.execution
    if execution.ranks == 1:
        return []
    threads = f"{execution.own_threads} thread{'s' if execution.own_threads > 1 else ''}"
    return [f"{execution.ranks} processes with {threads} each"]


class Notices(Listener):
    """Prints only the notices, before the first step."""

    def started(self, trainer: Trainer) -> None:
        say_wrapped(*_notices(trainer))


class Lines(Listener):
    """Prints plain lines: the opening, then a table with at most about 40 evaluations."""

    table: EvaluationTable | None = None
    unshown = ""  # the latest row, until it is printed

    @property
    def width(self) -> int:
        """The width of a line, in characters."""
        return PLAIN_WIDTH

    def tell(self, line: str) -> None:
        """Prints a line."""
        say(line)

    def started(self, trainer: Trainer) -> None:
        self.loop, self.monitor = trainer.loop, trainer.plan.monitor
        evaluations = max(1, self.loop.steps // self.loop.evaluate_every)
        self.every = -(-evaluations // MOST_ROWS)
        self._tell_wrapped(*opening(trainer))

    def evaluated(self, evaluation: Evaluation, improved: bool) -> None:
        if self.table is None:
            self.table = self._begin_table(evaluation)
        counts = {"epoch": self._epochs(evaluation.epoch), "step": f"{evaluation.step:,}"}
        mark = BEST if improved and self.monitor != LAST else ""
        self.unshown = self.table.row(counts, evaluation.record(), mark)
        if self._has_row(evaluation.step):
            self._tell_row()

    def ended(self) -> None:
        self._tell_row()

    def _tell_row(self) -> None:
        """Prints the latest row, unless it was printed before."""
        if self.unshown:
            self.tell(self.unshown)
            self.unshown = ""

    def _has_row(self, step: int) -> bool:
        """Whether the evaluation after a step is shown."""
        loop = self.loop
        return step == loop.steps or step // loop.evaluate_every % self.every == 0

    def _begin_table(self, evaluation: Evaluation) -> EvaluationTable:
        """Creates the table for the metrics of the first evaluation and prints its heading."""
        loop = self.loop
        counts = {
            "epoch": len(self._epochs(loop.steps / loop.per_epoch)),
            "step": len(f"{loop.steps:,}"),
        }
        table = EvaluationTable(list(evaluation.all_figures()), counts, self.monitor, self.width)
        if table.left_out:
            self._tell_wrapped(
                f"only in metrics.jsonl, for lack of space: {', '.join(table.left_out)}"
            )
        for line in table.heading:
            self.tell(line)
        return table

    def _epochs(self, epochs: float) -> str:
        """Formats a number of epochs, with the same number of decimals in all rows."""
        loop = self.loop
        whole = loop.evaluate_every % loop.per_epoch == loop.steps % loop.per_epoch == 0
        return f"{epochs:,.0f}" if whole else f"{epochs:,.2f}"

    def _tell_wrapped(self, *lines: str) -> None:
        for line in lines:
            for part in wrapped(line, self.width):
                self.tell(part)


class Bar(Lines):
    """A table of evaluations on a terminal, with a live bar below: loss, time left and speed."""

    every_step: ClassVar[bool] = False
    progress: Progress

    def __init__(self, on: Console | None = None) -> None:
        self.console = on or console()

    @property
    def width(self) -> int:
        return self.console.width

    def tell(self, line: str) -> None:
        from rich.text import Text

        text = Text(line)
        text.highlight_words([BEST], "green")
        self.console.print(text, soft_wrap=True)

    def started(self, trainer: Trainer) -> None:
        from rich.progress import BarColumn, Progress, TextColumn

        super().started(trainer)
        loop = self.loop
        self.first = loop.progress.step
        self.progress = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[status]}"),
            console=self.console,
            auto_refresh=False,
            transient=True,
            expand=True,
        )
        self.bar = self.progress.add_task(
            self._epoch(self.first), total=loop.steps, completed=self.first, status=""
        )
        self.began = self.shown = perf_counter()
        self.progress.start()

    def stepped(self, step: Step) -> None:
        now, loop = perf_counter(), self.loop
        before_row = loop.evaluation_due and self._has_row(step.number)
        if now - self.shown < REFRESH and not before_row:
            return
        self.shown = now
        speed = (step.number - self.first) / max(now - self.began, 1e-9)
        samples = speed * loop.batches.batch_size * loop.accumulate
        epoch = self._epoch(step.number - 1)
        room = self.width - len(epoch) - SHORTEST_BAR - 2
        status = _as_fits(
            room,
            f"{step.number:,}/{loop.steps:,}",
            f"loss {show_figure('loss', step.loss)}",
            f"{show_seconds(ceil((loop.steps - step.number) / max(speed, 1e-9)))} left",
            f"{samples:,.0f} samples/s",
        )
        self.progress.update(self.bar, completed=step.number, description=epoch, status=status)
        self.progress.refresh()

    def _epoch(self, step: int) -> str:
        """The epoch to which a step, counted from 0, belongs."""
        return f"epoch {step // self.loop.per_epoch + 1:,}"

    def ended(self) -> None:
        super().ended()
        self.progress.stop()


def _as_fits(room: int, *parts: str) -> str:
    """Joins as many of the parts, from the first, as fit."""
    text = ""
    for part in parts:
        longer = f"{text}  {part}" if text else part
        if len(longer) > room:
            break
        text = longer
    return text
