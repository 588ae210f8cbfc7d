"""Listeners: told of what happens in a training, and unable to change the numbers."""

from __future__ import annotations

from pathlib import Path

from nnkit.files import append
from nnkit.training.loop import Evaluation, Step
from nnkit.training.trainer import Trainer


class Listener:
    """Told of what happens in a training; what it does cannot change the numbers."""

    def started(self, trainer: Trainer) -> None:
        """Everything is built and checked; the first step comes next."""

    def stepped(self, step: Step) -> None:
        """An update was done."""

    def evaluated(self, evaluation: Evaluation, improved: bool) -> None:
        """An evaluation was made; `improved` says that it is the best so far."""

    def ended(self) -> None:
        """Training is over, for whatever reason."""


class LogFile(Listener):
    """Writes log.txt: the run's story in plain lines, one an evaluation."""

    path: Path

    def started(self, trainer: Trainer) -> None:
        self.path = trainer.directory.log
        known = trainer.summary()
        self._write(
            f"{known['name']}: {known['parameters']} parameters, {known['steps']} steps of "
            f"{known['batch_size']} samples, from step {trainer.loop.progress.step}"
        )
        for notice in trainer.notices:
            self._write(notice)

    def evaluated(self, evaluation: Evaluation, improved: bool) -> None:
        shown = "  ".join(f"{name} {value:.6g}" for name, value in evaluation.record().items())
        self._write(shown + ("  best so far" if improved else ""))

    def _write(self, line: str) -> None:
        append(self.path, line + "\n")
