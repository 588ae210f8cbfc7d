"""A job: one training as plain data, which can be sent to another process or machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

# How a job can end, beside the ways in which a run does.
FAILED = frozenset({"failed", "diverged", "crashed"})

# Called with the record of an evaluation; the verdict, whether to prune the run, counts only if the
# job awaits verdicts.
OnEvaluation = Callable[[Mapping[str, Any]], bool | None]


@dataclass(frozen=True, slots=True)
class Job:
    """A training that an executor carries out, as plain data.

    Attributes:
        settings: a resolved config.
        runs: the folder of the runs.
        threads: the most threads to use.
        awaits_verdicts: whether the training waits after each evaluation to be told whether to
            go on, so that it takes no further step if it is pruned.
    """

    settings: Mapping[str, Any]
    runs: str
    threads: int = 1
    awaits_verdicts: bool = False


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of a job.

    Attributes:
        outcome: that of the run, or `failed`, `crashed`, or `locked` if another process trains it.
        run: the run's folder; "" if it failed.
        summary: the run's summary; empty if it has none.
        already_finished: whether the run was finished before.
        error: what went wrong, "" if nothing did.
        log: what the worker printed.
    """

    outcome: str
    run: str = ""
    summary: Mapping[str, Any] = field(default_factory=dict)
    already_finished: bool = False
    error: str = ""
    log: str = ""

    @property
    def is_left_over(self) -> bool:
        """Whether the training did not end, so that the same command continues or begins it."""
        return self.outcome in ("interrupted", "not run")


NOT_RUN = Ending("not run")
