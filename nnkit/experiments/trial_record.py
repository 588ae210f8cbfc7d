"""A trial of a search as plain data, and the attributes of Optuna's trials that it comes from.

This module imports Optuna and is itself imported only where it is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from optuna.trial import FrozenTrial, TrialState

from nnkit.experiments.spaces import Value

# Names of attributes of a trial.
OWNER = "owner"  # the process that trains it; "" if none does
SURPLUS = "surplus"  # asked for by two processes at once, beyond the number of trials
ERROR, RUN, METRICS, SECONDS, MISSED = "error", "run", "metrics", "seconds", "missed"
STATES = {
    TrialState.COMPLETE: "finished",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """A trial as plain data.

    Attributes:
        number: its number, from 0.
        state: `finished`, `pruned` or `failed`; otherwise `running`, or `interrupted` if no process
            trains it.
        params: values by dimension.
        value: the final metric; None if it is not finished.
        history: the metric by number of evaluations.
        run: the folder of its run, "" if it is not known.
        metrics: final metrics by names such as `test.accuracy`.
        seconds: duration of its training.
        error: why it failed, "" if it did not.
        missed: the gates of its config that it missed, in words.
        owner: the process that trains it, "" if none does.
    """

    number: int
    state: str
    params: Mapping[str, Value]
    value: float | None
    history: Mapping[int, float]
    run: str
    metrics: Mapping[str, float]
    seconds: float | None
    error: str
    missed: tuple[str, ...]
    owner: str

    @property
    def has_ended(self) -> bool:
        """Whether nothing is left to train."""
        return self.state in STATES.values()


def trial_record(trial: FrozenTrial, state: str) -> TrialRecord:
    """The record of a trial in that state."""
    attributes = trial.user_attrs
    return TrialRecord(
        number=trial.number,
        state=state,
        params=trial.params,
        value=trial.value if trial.state == TrialState.COMPLETE else None,
        history=trial.intermediate_values,
        run=attributes.get(RUN, ""),
        metrics=attributes.get(METRICS, {}),
        seconds=attributes.get(SECONDS),
        error=attributes.get(ERROR, ""),
        missed=tuple(attributes.get(MISSED, ())),
        owner=attributes.get(OWNER) or "",
    )
