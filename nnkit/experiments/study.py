"""A study: the trials of a search, kept by Optuna so that several processes can share them.

This module imports Optuna and is itself imported only where it is used.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from time import time
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from nnkit.errors import UsageError
from nnkit.experiments.file_lock import FileLock
from nnkit.experiments.job import FAILED, Ending
from nnkit.experiments.presence import Presence, forget, is_alive
from nnkit.experiments.seeded_sampler import SeededByTrial
from nnkit.experiments.spaces import Choice, Dimension, IntRange, Value
from nnkit.experiments.trial_record import (
    ERROR,
    METRICS,
    MISSED,
    OWNER,
    RUN,
    SECONDS,
    STATES,
    SURPLUS,
    TrialRecord,
    trial_record,
)
from nnkit.experiments.tune_checks import CheckedTune
from nnkit.metrics import higher_is_better
from nnkit.runs.directory import FINISHED
from nnkit.runs.results import final_metrics

JOURNAL = "journal.log"
PROCESSES = "processes"  # the folder of the presences of all processes
FEWEST_BEST = 5  # trials that count as the best in the importance
LONGEST_ASKING = 60  # seconds until a trial has an owner


class Study:
    """The study of a tune file.

    Attributes:
        checked: the tune file.
        folder: where its journal and the best config are.
        name: its name, NAME-HASH.
        metric: the metric to optimize.
        higher: whether higher values of it are better.
        lock: held where threads would disturb each other.
    """

    def __init__(self, checked: CheckedTune, folder: Path, storage: str | None = None) -> None:
        """Opens the study, or creates it.

        Args:
            checked: the tune file.
            folder: the folder of the study.
            storage: the URL of a database, or the path of a journal; by default a journal in the
                folder.

        Raises:
            UsageError: the storage cannot be opened.
        """
        self.checked = checked
        self.folder = folder
        self.name = checked.study
        search = checked.file.search
        self.metric = search.metric
        self.higher = higher_is_better(search.metric)
        self.lock = Lock()
        self.asking = FileLock(folder / "asking.lock")
        self.is_local = storage is None
        self.presence: Presence | None = None
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        with _quiet():
            search.sampler.build(search.seed, self.dimensions)  # fails if it lacks a library
            folder.mkdir(parents=True, exist_ok=True)
            self.storage = _open(storage or str(folder / JOURNAL))
            self.study = optuna.create_study(
                storage=self.storage,
                study_name=self.name,
                direction="maximize" if self.higher else "minimize",
                sampler=SeededByTrial(search.sampler, search.seed, self.dimensions),
                pruner=search.pruner.build(checked.evaluations),
                load_if_exists=True,
            )
        self.id = self.storage.get_study_id_from_name(self.name)

    @property
    def dimensions(self) -> list[Dimension]:
        """The settings that are searched."""
        return list(self.checked.file.space.dimensions.values())

    @contextmanager
    def present(self) -> Iterator[None]:
        """Owns the trials that are trained within the block, as other processes can see."""
        with Presence(self.folder / PROCESSES) as self.presence:
            yield

    def records(self) -> list[TrialRecord]:
        """All trials, in the order of their numbers."""
        return [trial_record(trial, self._state(trial)) for trial in self._trials()]

    def _state(self, trial: FrozenTrial) -> str:
        if trial.state != TrialState.RUNNING:
            return STATES[trial.state]
        owner = trial.user_attrs.get(OWNER)
        is_gone = not owner or is_alive(self.folder / PROCESSES, owner) is False
        return "interrupted" if is_gone else "running"

    def _trials(self) -> list[FrozenTrial]:
        trials = self.study.get_trials(deepcopy=False)
        return [trial for trial in trials if not trial.user_attrs.get(SURPLUS)]

    def ranked(self) -> list[TrialRecord]:
        """The finished trials, the best first; of equal ones the earlier."""
        finished = [record for record in self.records() if record.value is not None]
        sign = -1 if self.higher else 1
        return sorted(finished, key=lambda record: sign * (record.value or 0.0))

    def best(self) -> TrialRecord | None:
        """The finished trial with the best metric; None without one."""
        return next(iter(self.ranked()), None)

    def importances(self) -> dict[str, float]:
        """The importance of each dimension for being among the best trials, in total 1.

        PED-ANOVA (Watanabe, Bansal & Hutter 2023) of the finished trials. The best are a tenth of
        them, but five where these are fewer, as the method needs, and at most half.
        """
        count = len(self.ranked())
        share = min(0.5, max(0.1, FEWEST_BEST / max(count, 1)))
        importance = optuna.importance
        evaluator = importance.PedAnovaImportanceEvaluator(target_quantile=share)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of options chosen in fewer than two trials
            return dict(importance.get_param_importances(self.study, evaluator=evaluator))

    # Trials of this process

    def next(self, trials: int, *, take_over: bool = False) -> Attempt | None:
        """A trial to train: one that nobody trains any more, or else a new one.

        Args:
            trials: the number of trials in total.
            take_over: whether to take trials of processes on other machines, of which it is not
                known whether they are alive.

        Returns:
            The trial; None if there is none to begin.
        """
        with self.lock, _quiet(), self.asking:
            known = self._trials()
            for trial in known:
                if trial.state == TrialState.RUNNING and self._is_abandoned(trial, take_over):
                    return self._attempt(optuna.Trial(self.study, self.id_of(trial.number)))
            if len(known) >= trials:
                return None
            asked = self.study.ask()
            if sum(trial.number < asked.number for trial in self._trials()) >= trials:
                asked.set_user_attr(SURPLUS, True)
                self.study.tell(asked, state=TrialState.FAIL)
                return None
            return self._attempt(asked)

    def _attempt(self, trial: optuna.Trial) -> Attempt:
        assert self.presence is not None
        trial.set_user_attr(OWNER, self.presence.token)
        return Attempt(self, trial)

    def _is_abandoned(self, trial: FrozenTrial, take_over: bool) -> bool:
        """Whether nobody trains a running trial; called with the lock of asking."""
        owner, folder = trial.user_attrs.get(OWNER), self.folder / PROCESSES
        assert self.presence is not None
        if owner == self.presence.token:
            return False
        if owner is None:  # killed right after asking, or another machine that is about to own it
            return self.is_local or time() - trial.datetime_start.timestamp() > LONGEST_ASKING
        if not owner:
            return True
        alive = is_alive(folder, owner)
        if alive is False:
            forget(folder, owner)
        return alive is False or (alive is None and take_over)

    def id_of(self, number: int) -> int:
        """The id of a trial in the storage."""
        return int(self.storage.get_trial_id_from_study_id_trial_number(self.id, number))


class Attempt:
    """A trial that this process trains.

    Attributes:
        number: its number, from 0.
        params: the values drawn so far, by dimension.
    """

    def __init__(self, study: Study, trial: optuna.Trial) -> None:
        self.study = study
        self.trial = trial
        self.number = int(trial.number)
        self.params: dict[str, Value] = {}
        self.evaluations: dict[int, int] = {}  # their numbers from 1, by step
        # What was reported before an interruption; the last verdict may not have arrived.
        self.last_reported = max(self._stored().intermediate_values, default=0)

    def _stored(self) -> FrozenTrial:
        return self.study.storage.get_trial(self.study.id_of(self.number))

    def suggest(self, dimension: Dimension) -> Value:
        """The value of a dimension; the same as before if the trial was interrupted."""
        name, space = dimension.name, dimension.space
        with self.study.lock, _quiet():
            if isinstance(space, Choice):
                value = self.trial.suggest_categorical(name, dimension.extremes)
            elif isinstance(space, IntRange):
                value = self.trial.suggest_int(
                    name, space.low, space.high, step=space.step or 1, log=space.log
                )
            else:
                value = self.trial.suggest_float(
                    name, space.low, space.high, step=space.step, log=space.log
                )
        self.params[name] = value
        return value

    def evaluated(self, record: Mapping[str, Any]) -> bool:
        """Reports an evaluation, unless it was reported before; returns whether to prune.

        Evaluations come from the first on, and again if the trial is continued elsewhere.
        """
        number = self.evaluations.setdefault(record["step"], len(self.evaluations) + 1)
        with self.study.lock:
            if number > self.last_reported:
                self.trial.report(record[self.study.metric], number)
                self.last_reported = number
            return number == self.last_reported and bool(self.trial.should_prune())

    def finish(self, ending: Ending) -> None:
        """Stores how the trial ended; if it did not, another process may continue it."""
        with self.study.lock, _quiet():
            if self._stored().state.is_finished():
                return  # by another process
            if ending.outcome in FINISHED:
                self._complete(ending)
            elif ending.outcome == "pruned":
                self._store({RUN: ending.run, SECONDS: ending.summary.get("seconds")})
                self.study.study.tell(self.trial, state=TrialState.PRUNED)
            elif ending.outcome in FAILED:
                self._fail(ending.error, ending.run)
            else:
                self._store({OWNER: ""})

    def _complete(self, ending: Ending) -> None:
        metrics = final_metrics(ending.summary)
        self._store(
            {
                RUN: ending.run,
                METRICS: metrics,
                SECONDS: ending.summary.get("seconds"),
                MISSED: ending.summary.get("missed", []),
            }
        )
        self.study.study.tell(self.trial, metrics[self.study.metric])

    def _fail(self, error: str, run: str) -> None:
        self._store({ERROR: error, RUN: run})
        self.study.study.tell(self.trial, state=TrialState.FAIL)

    def _store(self, attributes: Mapping[str, Any]) -> None:
        for name, value in attributes.items():
            self.trial.set_user_attr(name, value)

    @property
    def is_finished(self) -> bool:
        """Whether the trial has ended, in this process or another one."""
        with self.study.lock:
            return bool(self._stored().state.is_finished())


def _open(storage: str) -> optuna.storages.BaseStorage:
    """Opens a database by its URL, or a journal by its path.

    Raises:
        UsageError: it cannot be opened.
    """
    try:
        if "://" in storage:
            return optuna.storages.get_storage(storage)
        lock = FileLock(Path(f"{storage}.lock"))
        return JournalStorage(JournalFileBackend(storage, lock))
    except Exception as error:  # databases raise exceptions of their own
        why = str(error).partition("\n")[0] or type(error).__name__
        raise UsageError(f"{storage}: the study cannot be opened: {why}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Hides warnings that features of Optuna are experimental; its version is limited for that."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        yield
