"""Listeners, which are notified of the events of a run and cannot change its results."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from nnkit.files import append
from nnkit.training.events import Evaluation, Step
from nnkit.training.trainer import Trainer


class Listener:
    """Base class for objects notified of the events of a run; they cannot change its results.

    Attributes:
        every_step: whether `stepped` is called for each update. Compiled kernels make many updates
            of a small network at once; if False, the last of them is enough.
    """

    every_step: ClassVar[bool] = True

    def started(self, trainer: Trainer) -> None:
        """Called before the first step, when everything is built and checked."""

    def stepped(self, step: Step) -> None:
        """Called for each update, or for some of them if `every_step` is False."""

    def evaluated(self, evaluation: Evaluation, improved: bool) -> None:
        """Called after each evaluation; `improved` is true if it is the best so far.

        Its checkpoint may not be written yet; `trainer.saver.flush()` writes it.
        """

    def ended(self) -> None:
        """Called when training ends, for whatever reason."""


class LogFile(Listener):
    """Writes log.txt: plain text with one line per evaluation."""

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
        append(self.path, line + "\n", sync=False)
