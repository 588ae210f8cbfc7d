"""log.txt: the run's story in plain lines, one an evaluation."""

from __future__ import annotations

from pathlib import Path

from nnkit.training.loop import Evaluation
from nnkit.training.run import Listener, Session


class LogFile(Listener):
    """Writes log.txt into the run's folder."""

    path: Path

    def started(self, session: Session) -> None:
        self.path = session.run.log
        known = session.summary()
        self._write(
            f"{known['name']}: {known['parameters']} parameters, {known['steps']} steps of "
            f"{known['batch_size']} samples, from step {session.loop.progress.step}"
        )

    def evaluated(self, evaluation: Evaluation, improved: bool) -> None:
        shown = "  ".join(f"{name} {value:.6g}" for name, value in evaluation.record().items())
        self._write(shown + ("  best so far" if improved else ""))

    def _write(self, line: str) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
