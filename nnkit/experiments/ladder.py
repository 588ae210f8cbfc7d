"""The ladder: models of growing size on one split, and whether the larger ones earn their cost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nnkit.experiments.rungs import Question, rungs
from nnkit.experiments.significance import (
    Array,
    bootstrap_interval,
    mcnemar,
    sign_flip,
)
from nnkit.metrics import METRICS, SETS
from nnkit.metrics.intervals import wilson_interval
from nnkit.metrics.metric import TargetKind
from nnkit.runs.directory import DEFAULT_RUNS
from nnkit.training.listeners import Listener
from nnkit.training.run import Run, train

BASELINES: dict[TargetKind, str] = {
    "classes": "majority class",
    "labels": "majority of each label",
    "numbers": "mean",
}
CONSTANTS: dict[TargetKind, str] = {"classes": "class", "labels": "labels", "numbers": "value"}
ALPHA = 0.05  # p-values below it count as evidence
FEWEST_DISCORDANT = 6  # with fewer, McNemar's exact test cannot give a p-value below 0.05


@dataclass(frozen=True, slots=True)
class Score:
    """A metric on the test set with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Rung:
    """A model of the ladder and its results on the test set.

    Attributes:
        name: its name, such as `softmax`.
        parameters: the number of trained parameters; 0 for the baseline.
        seconds: duration of its training.
        directory: the folder of its run; None for the baseline, which needs no training.
        errors: the error on each test sample, (n,): 0 or 1 for a class or all labels of a sample,
            the squared error, summed over the outputs, for real targets.
        scores: `accuracy`, `exact_match` for several labels, or `r2` and `rmse`.
    """

    name: str
    parameters: int
    seconds: float
    directory: Path | None
    errors: Array
    scores: dict[str, Score]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The comparison of a model with a smaller one, or one tried before, on the same test samples.

    Attributes:
        model: name of the model.
        against: name of the other one.
        p: two-sided p-value of the difference.
        outcome: `better`, `worse` or `no evidence`.
        larger: whether the model has more parameters.
        differing: the number of test samples on which only one of two classifiers is right; None
            for real targets.
        samples: the number of test samples.
    """

    model: str
    against: str
    p: float
    outcome: str
    larger: bool
    differing: int | None
    samples: int

    def words(self) -> str:
        """The comparison as a sentence, without a full stop."""
        p, trivial = f"p {shown_p(self.p)}", self.against in BASELINES.values()
        against = f"the {self.against}" if trivial else self.against
        if self.outcome == "better":
            return f"{self.model} is better than {against} ({p})"
        enough = "; the smaller model is enough" if self.larger and not trivial else ""
        if self.outcome == "worse":
            return f"{self.model} is worse than {against} ({p}){enough}"
        if self.differing is not None and self.differing < FEWEST_DISCORDANT:
            p += f"; only one is right on {self.differing} of {self.samples:,} samples"
            p += ", too few to tell"
        if trivial:
            return f"{self.model} is no better than {against} ({p})"
        return f"no evidence that {self.model} is better than {against} ({p}){enough}"


@dataclass(frozen=True, slots=True)
class Ladder:
    """The models of a ladder, with their comparisons.

    Attributes:
        target_kind: whether classes, yes/no labels or numbers are predicted.
        classes: the class names; None for labels and real targets.
        outputs: the number of classes, of labels, or of real targets.
        label: the name of what is predicted.
        samples: the number of samples in each set.
        seed: seed of the split and of the models.
        rungs: the baseline, then the models, from the simplest to the most complex.
        verdicts: each model against the best before it, where better means significantly better.
        against_baseline: each model against the baseline.
        enough: name of the simplest model that no later one is better than.
    """

    target_kind: TargetKind
    classes: tuple[str, ...] | None
    outputs: int
    label: str
    samples: dict[str, int]
    seed: int
    rungs: tuple[Rung, ...]
    verdicts: tuple[Verdict, ...]
    against_baseline: tuple[Verdict, ...]
    enough: str

    def sentences(self) -> list[str]:
        """The findings of a ladder: a sentence for each comparison, and the conclusion."""
        baseline, *models = self.rungs
        useless = [v.words() for v in self.against_baseline if v.outcome != "better"]
        steps = [
            verdict.words()
            for verdict in self.verdicts
            if verdict.against != baseline.name or verdict.outcome == "better"
        ]
        if self.enough == baseline.name:
            guess = CONSTANTS[self.target_kind]
            last = f"no model is better than always predicting the same {guess}"
        elif self.enough == models[-1].name:
            last = f"the most complex model, {self.enough}, earns its cost"
        else:
            last = (
                f"{self.enough} is enough: on these {self.samples['test']:,} test samples no later "
                "model is significantly better"
            )
        return [*steps, *useless, last]


def climb(
    question: Question,
    runs: Path = DEFAULT_RUNS,
    *,
    starting: Callable[[str], None] = lambda _: None,
    listeners: Iterable[Listener] = (),
    should_stop: Callable[[], bool] = lambda: False,
) -> Ladder | None:
    """Trains the models of the ladder, each as a run of its own, and compares them.

    A model that was trained before is not trained again; an interrupted one is resumed.

    Args:
        question: the data.
        runs: the folder of the runs.
        starting: called with the name of each model before it is trained.
        listeners: notified of the steps and evaluations of every run.
        should_stop: called after each step; True saves the run and ends the ladder.

    Returns:
        The ladder; None if `should_stop` ended it.

    Raises:
        ConfigError: the data does not fit the models.
        DivergedError: the loss of a model became NaN or infinite.
    """
    found = [_baseline(question)]
    for name, config in rungs(question):
        starting(name)
        run = train(config, runs=runs, resume=True, listeners=listeners, should_stop=should_stop)
        if run.interrupted:
            return None
        found.append(_trained(question, name, run))
    return _compared(question, found)


def _trained(question: Question, name: str, run: Run) -> Rung:
    """A trained model with its results on the test set."""
    summary, predicted = run.summary, run.load().report("test").predicted
    cost = summary["parameters"], summary["seconds"]
    return Rung(name, *cost, run.directory, *_results(question, predicted))


def _compared(question: Question, found: Sequence[Rung]) -> Ladder:
    """The models, each compared with the best before it and with the baseline, the first one."""
    task = question.task
    seed = task.config.seed
    best, verdicts = found[0], []
    for rung in found[1:]:
        verdicts.append(compare(rung, best, seed))
        if verdicts[-1].outcome == "better":
            best = rung
    return Ladder(
        target_kind=question.target_kind,
        classes=task.classes,
        outputs=question.outputs,
        label=task.dataset.label,
        samples={name: len(task.sets[name]) for name in SETS if name in task.sets},
        seed=seed,
        rungs=tuple(found),
        verdicts=tuple(verdicts),
        against_baseline=tuple(compare(rung, found[0], seed) for rung in found[1:]),
        enough=best.name,
    )


def compare(rung: Rung, other: Rung, seed: int = 0) -> Verdict:
    """Compares two models on the same test samples.

    Args:
        rung: the model.
        other: the smaller model, or the one tried before.
        seed: seed of the permutation test for real targets.
    """
    difference = rung.errors - other.errors
    differing: int | None = None
    if "r2" not in rung.scores:
        losses, wins = int((difference > 0).sum()), int((difference < 0).sum())
        p, differing = mcnemar(wins, losses), wins + losses
    else:
        p = sign_flip(difference, seed)
    outcome = "no evidence"
    if p < ALPHA:
        outcome = "better" if difference.mean() < 0 else "worse"
    larger = rung.parameters > other.parameters
    return Verdict(rung.name, other.name, p, outcome, larger, differing, len(difference))


def shown_p(p: float) -> str:
    """Formats a p-value after the letter: `= 0.4`, `= 0.003` or `< 0.001`."""
    return "< 0.001" if p < 0.001 else f"= {p:.2g}"


def _baseline(question: Question) -> Rung:
    """Always predicts the most frequent class or labels, or the mean, of the training set."""
    kind, targets = question.target_kind, question.targets("train")
    samples = len(question.task.sets["test"])
    if kind == "classes":
        predicted = np.full(samples, np.bincount(targets).argmax())
    else:
        mean = targets.mean(axis=0)
        predicted = np.tile(mean > 0.5 if kind == "labels" else mean, (samples, 1))
    return Rung(BASELINES[kind], 0, 0.0, None, *_results(question, predicted))


def _results(question: Question, predicted: Array) -> tuple[Array, dict[str, Score]]:
    """The errors and scores of predictions for the test set: (n,) classes or (n, outputs)."""
    targets = question.targets("test")
    if question.target_kind != "numbers":
        wrong = (predicted != targets).reshape(len(targets), -1)
        errors = wrong.any(axis=1).astype(np.float64)
        correct = len(errors) - int(errors.sum())
        name = "accuracy" if wrong.shape[1] == 1 else "exact_match"
        interval = wilson_interval(correct, len(errors))
        return errors, {name: Score(correct / len(errors), *interval)}
    outputs = predicted.astype(np.float64)
    seed = question.task.config.seed
    scores = {
        name: Score(
            METRICS[name](targets, outputs),
            *bootstrap_interval(METRICS[name], targets, outputs, seed),
        )
        for name in ("r2", "rmse")
    }
    return ((outputs - targets) ** 2).sum(axis=1), scores


def record(ladder: Ladder) -> dict[str, Any]:
    """Everything but the errors of single samples, ready for JSON."""
    return {
        "label": ladder.label,
        "target": ladder.target_kind,
        "classes": ladder.classes,
        "samples": ladder.samples,
        "seed": ladder.seed,
        "models": [
            {
                "model": rung.name,
                "run": None if rung.directory is None else str(rung.directory),
                "parameters": rung.parameters,
                "seconds": rung.seconds,
                **{
                    name: {"value": score.value, "interval": [score.low, score.high]}
                    for name, score in rung.scores.items()
                },
            }
            for rung in ladder.rungs
        ],
        "comparisons": [_as_json(verdict) for verdict in ladder.verdicts],
        "against_baseline": [_as_json(verdict) for verdict in ladder.against_baseline],
        "enough": ladder.enough,
        "sentences": ladder.sentences(),
    }


def _as_json(verdict: Verdict) -> dict[str, Any]:
    return {
        "model": verdict.model,
        "against": verdict.against,
        "p": verdict.p,
        "outcome": verdict.outcome,
        "differing": verdict.differing,
    }
