"""Progress of a search: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from nnkit.cli.output import say, show_figure, show_seconds
from nnkit.cli.running_table import RunningTable, live
from nnkit.experiments.job import FAILED, NOT_RUN, Ending
from nnkit.experiments.study import Attempt, Study
from nnkit.experiments.tuning import TuneListener
from nnkit.runs.directory import FINISHED
from nnkit.runs.results import final_metrics


@contextmanager
def tune_progress(study: Study, trials: int, *, quiet: bool) -> Iterator[TuneListener]:
    """Shows the progress of a search within the block, in the way that suits standard error."""
    if quiet:
        yield TuneListener()
        return
    lines = PlainTrials(study, trials)
    if not sys.stderr.isatty():
        yield lines
        return
    with live(lines.name_of, trials, "trials", lines.done) as table:
        yield LiveTrials(study, trials, table)


class PlainTrials(TuneListener):
    """A line for each trial that has ended."""

    def __init__(self, study: Study, trials: int) -> None:
        self.study = study
        self.trials = trials
        self.done = sum(record.has_ended for record in study.records())
        self.width = len(str(trials))
        self.attempts: dict[int, Attempt] = {}

    def tell(self, line: str) -> None:
        """Prints a line."""
        say(line)

    def name_of(self, number: int) -> str:
        """A trial with its values on one line."""
        attempt = self.attempts.get(number)
        values = "" if attempt is None else self.study.checked.file.shown(attempt.params)
        return f"trial {number} {values}"

    def began(self, attempt: Attempt) -> None:
        self.attempts[attempt.number] = attempt

    def ended(self, attempt: Attempt, ending: Ending) -> None:
        if ending != NOT_RUN:
            self.done += not ending.is_left_over
            count = f"[{self.done:{self.width}}/{self.trials}]"
            values = self.study.checked.file.shown(attempt.params)
            described = self._described(attempt, ending)
            self.tell(f"{count} trial {attempt.number}: {described}; {values}")
        self.attempts.pop(attempt.number, None)

    def _described(self, attempt: Attempt, ending: Ending) -> str:
        """Describes the end of a trial on one line."""
        if ending.outcome in FAILED:
            return f"{ending.outcome}: {ending.error.splitlines()[0]}"
        if ending.outcome == "pruned":
            count = len(attempt.evaluations)
            return f"pruned after {count} evaluation{'s' if count > 1 else ''}"
        metric = self.study.metric
        text = "already finished" if ending.already_finished else ending.outcome
        if ending.outcome in FINISHED:
            text += f", {metric} {show_figure(metric, final_metrics(ending.summary)[metric])}"
        if not ending.already_finished and "seconds" in ending.summary:
            text += f", {show_seconds(ending.summary['seconds'])}"
        return text


class LiveTrials(PlainTrials):
    """A table of running trials below the lines of those that have ended."""

    def __init__(self, study: Study, trials: int, table: RunningTable) -> None:
        super().__init__(study, trials)
        self.table = table
        table.name_of = self.name_of

    def tell(self, line: str) -> None:
        self.table.tell(line)

    def evaluated(self, number: int, record: Mapping[str, Any]) -> None:
        self.table.update(number, record)

    def ended(self, attempt: Attempt, ending: Ending) -> None:
        self.table.remove(attempt.number, ending)
        super().ended(attempt, ending)

    def stopping(self) -> None:
        self.table.stop()
