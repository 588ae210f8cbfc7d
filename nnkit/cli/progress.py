"""What a person sees of a training: a live bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from time import perf_counter
from typing import TYPE_CHECKING, Any

from nnkit.cli.output import console, say, show_figure, show_seconds
from nnkit.metrics import LAST
from nnkit.training.listeners import Listener
from nnkit.training.loop import Evaluation, Step
from nnkit.training.session import Session

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

REFRESH = 0.1  # seconds between two updates of the bar
MOST_LINES = 40  # plain lines for a whole training; more evaluations are thinned out


def progress_listener(*, quiet: bool) -> Listener:
    """The listener that suits where standard error goes."""
    if quiet:
        return Listener()
    return Bar() if sys.stderr.isatty() else Lines()


def opening(session: Session) -> str:
    """The lines before the first step."""
    known = session.summary()
    epochs = f"{known['epochs']:.4g} epoch{'s' * (known['epochs'] != 1)}"
    return (
        f"{known['name']}: {known['parameters']:,} parameters, "
        f"{known['training_samples']:,} training samples, {known['steps']:,} steps "
        f"({epochs} of batches of {known['batch_size']})\n"
        f"run: {session.run.path}" + "".join(f"\n{notice}" for notice in session.notices)
    )


def closing(evaluation: Evaluation) -> str:
    """One evaluation on one line."""
    figures = evaluation.all_figures().items()
    shown = "  ".join(f"{name} {show_figure(name, value)}" for name, value in figures)
    return f"epoch {evaluation.epoch:6.4g}  step {evaluation.step:7,}  {shown}"


class Lines(Listener):
    """Plain lines: one an evaluation, thinned out where there are many."""

    def started(self, session: Session) -> None:
        say(opening(session))
        loop = session.loop
        if loop.progress.step:
            say(f"resumed at step {loop.progress.step:,}")
        evaluations = max(1, loop.steps // loop.evaluate_every)
        self.every = -(-evaluations // MOST_LINES)
        self.steps = loop.steps
        self.count = loop.progress.step // loop.evaluate_every

    def evaluated(self, evaluation: Evaluation, improved: bool) -> None:
        self.count += 1
        if self.count % self.every == 0 or evaluation.step == self.steps:
            say(f"{closing(evaluation)}  {evaluation.samples_per_second:,.0f} samples/s")


class Bar(Listener):
    """A live bar with loss, speed and time left, above it a line an evaluation."""

    progress: Progress

    def __init__(self, on: Console | None = None) -> None:
        self.console = on or console()

    def started(self, session: Session) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        self.console.print(opening(session), soft_wrap=True, markup=False)
        self.monitor = session.monitor
        loop = session.loop
        self.steps, self.size = loop.steps, loop.batches.batch_size
        self.first = loop.progress.step
        if self.first:
            self.console.print(f"resumed at step {self.first:,}")
        evaluations = max(1, loop.steps // loop.evaluate_every)
        self.every = -(-evaluations // MOST_LINES)
        self.count = self.first // loop.evaluate_every
        self.progress = Progress(
            TextColumn("[bold]{task.fields[epoch]}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[status]}"),
            console=self.console,
            auto_refresh=False,
            transient=True,
        )
        self.per_epoch = loop.per_epoch
        self.bar = self.progress.add_task(
            "", total=self.steps, completed=self.first, status="", epoch="epoch 1"
        )
        self.best = ""
        self.began = self.shown = perf_counter()
        self.progress.start()

    def stepped(self, step: Step) -> None:
        now = perf_counter()
        if now - self.shown < REFRESH:
            return
        self.shown = now
        speed = (step.number - self.first) / max(now - self.began, 1e-9)
        left = (self.steps - step.number) / max(speed, 1e-9)
        self._show(
            step.number,
            f"loss {step.loss:.4f}{self.best}  {speed * self.size:,.0f} samples/s  "
            f"{show_seconds(left)} left",
        )

    def evaluated(self, evaluation: Evaluation, improved: bool) -> None:
        self.count += 1
        if improved and self.monitor != LAST:
            value = evaluation.monitored(self.monitor)
            self.best = f"  best {self.monitor} {show_figure(self.monitor, value)}"
        if self.count % self.every == 0 or evaluation.step == self.steps:
            star = " [green]★[/green]" if improved and self.monitor != LAST else ""
            self.console.print(f"{closing(evaluation)}{star}", soft_wrap=True)

    def _show(self, step: int, status: str) -> None:
        settings: dict[str, Any] = {
            "status": status,
            "epoch": f"epoch {step // self.per_epoch + 1}",
        }
        self.progress.update(self.bar, completed=step, **settings)
        self.progress.refresh()

    def ended(self) -> None:
        self.progress.stop()
