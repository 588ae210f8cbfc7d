"""The plan of a run: everything that is decided and checked before its first step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

from nnkit.data.augment import check as check_augmentation
from nnkit.data.dataset import chunks
from nnkit.errors import SettingError
from nnkit.metrics import LAST, METRICS
from nnkit.nn.model import Model
from nnkit.nn.numerics import execution_for
from nnkit.nn.parallel.execution import Execution
from nnkit.runs.results import OF_RUN
from nnkit.task.config import DEFAULT_EPOCHS, Config
from nnkit.task.gate import suggested_metric
from nnkit.task.prepared_set import PreparedSet
from nnkit.task.task import Task
from nnkit.training.identity import named


@dataclass(frozen=True, slots=True)
class Pace:
    """The batch size and the number of updates of a run.

    Attributes:
        batch_size: samples per batch.
        per_epoch: updates per epoch.
        steps: updates in total.
    """

    batch_size: int
    per_epoch: int
    steps: int


def pace(config: Config, samples: int, batches: int | None = None) -> Pace:
    """The pace of training a config on a number of samples.

    Args:
        config: the config.
        samples: the number of samples of the training set.
        batches: the number of its batches, if their sizes differ; default: by `batch_size`.
    """
    training = config.training
    batch_size = min(training.batch_size, samples)
    if config.optimizer.full_batch:
        batch_size = samples
    batches = -(-samples // batch_size) if batches is None else batches
    per_epoch = -(-batches // training.accumulate)
    return Pace(
        batch_size, per_epoch, training.steps or (training.epochs or DEFAULT_EPOCHS) * per_epoch
    )


def pace_on(config: Config, train: PreparedSet) -> Pace:
    """The pace of training a config on a training set."""
    tokens = config.training.batch_tokens
    batches = None if tokens is None else train.batches(1, tokens).per_epoch
    return pace(config, len(train), batches)


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan of a run: batch size, updates, execution and evaluations.

    Attributes:
        pace: the batch size and the number of updates.
        execution: the threads and kernels of the network.
        watched: the sets that are evaluated during training.
        evaluate_every: steps between evaluations.
        monitor: the metric that selects the best checkpoint.
        run_name: the name of the run's folder, from the config, the data and nnkit's version.
    """

    pace: Pace
    execution: Execution
    watched: tuple[str, ...]
    evaluate_every: int
    monitor: str
    run_name: str


def plan(
    task: Task, model: Model, sets: Mapping[str, PreparedSet], threads: int | None = None
) -> Plan:
    """Plans the training of a model; nothing is changed or written.

    Args:
        task: config and data.
        model: the config's model, with initial weights.
        sets: the prepared sets.
        threads: the most threads of each process; None for as many as there are processors.

    Raises:
        SettingError: settings, shapes and data do not fit together.
        UsageError: an optional library is missing.
    """
    config, training = task.config, task.config.training
    samples = len(sets["train"])
    steady = pace_on(config, sets["train"])
    wanted = ("validation",) if training.evaluate_on is None else training.evaluate_on
    watched = tuple(name for name in wanted if name in sets)
    config.optimizer.check()
    if task.coding is None:
        check_augmentation(config.data.augment, model.input_shape)
    else:
        _check_texts(config, model, sets["train"])
    _check_batches(model, steady.batch_size, samples)
    _check_weights(sets)
    monitor = _monitor(config, watched, task.figures)
    _check_expected_names(task, list(sets))
    return Plan(
        pace=steady,
        execution=execution_for(model, steady.batch_size, training.threads, threads, model.ranks),
        watched=watched,
        evaluate_every=training.evaluate_every or steady.per_epoch,
        monitor=monitor,
        run_name=named(config, task.fingerprint),
    )


def _check_batches(model: Model, batch_size: int, samples: int) -> None:
    alone = batch_size == 1 or samples % batch_size == 1
    for stage in model.stages:
        if alone and stage.spec.needs_batch and prod(stage.input_shape[1:]) == 1:
            which = "each batch" if batch_size == 1 else f"the last batch of {samples} samples"
            raise SettingError(
                ("training", "batch_size"),
                f"'{stage.spec.tag()}' needs several samples per batch, but {which} would have "
                "only one; use another batch_size",
            )


def _check_texts(config: Config, model: Model, train: PreparedSet) -> None:
    """Checks for settings that have no effect on texts, and that a stream can be read on."""
    if config.data.augment:
        raise SettingError(("data", "augment"), "changes images, but this data is text")
    if not train.is_stream:
        return
    path = ("data", "windows", "stream")
    if config.training.batch_tokens is not None:
        raise SettingError(
            ("training", "batch_tokens"), "has no effect on a stream; set batch_size instead"
        )
    if config.optimizer.full_batch:
        raise SettingError(path, f"'{config.optimizer.tag()}' takes all samples in every step")
    if model.ranks.size > 1:
        raise SettingError(path, "a stream cannot be shared by several processes")
    for stage in model.stages:
        if not stage.spec.continues_streams:
            raise SettingError(
                path, f"'{stage.spec.tag()}' ({stage.name}) needs whole texts, not parts in turn"
            )


def _check_weights(sets: Mapping[str, PreparedSet]) -> None:
    for name, data in sets.items():
        if data.weights is not None and not any(part.any() for part in chunks(data.weights)):
            raise SettingError(("loss",), f"all samples of the {name} set have weight 0")


def _monitor(config: Config, watched: Sequence[str], names: Sequence[str]) -> str:
    figures = [f"{name}.{figure}" for name in watched for figure in names]
    own = ["train.loss", *(["train.objective"] if config.regularization.penalizes else [])]
    figures.extend(own)
    wanted = config.training.monitor
    if wanted is not None:
        if wanted not in [LAST, *figures]:
            raise SettingError(
                ("training", "monitor"),
                f"unknown metric '{wanted}'; available: {', '.join(figures)}, {LAST}"
                + _metric_hint(wanted, watched),
            )
        if wanted == LAST and config.regularization.early_stopping is not None:
            raise SettingError(("training", "monitor"), "early stopping needs a metric to monitor")
        return wanted
    if config.regularization.early_stopping is not None and "validation" not in watched:
        share = config.data.source.share_setting("validation")
        raise SettingError(
            ("regularization", "early_stopping"),
            f"needs a validation set; set {share}, or another training.monitor",
        )
    # Not the accuracy, which often ties on a small validation set.
    return "validation.loss" if "validation" in watched else own[-1]


def _metric_hint(wanted: str, watched: Sequence[str]) -> str:
    split, _, name = wanted.rpartition(".")
    return f"; training.metrics: [{name}] adds it" if name in METRICS and split in watched else ""


def _check_expected_names(task: Task, sets: Sequence[str]) -> None:
    config = task.config
    of_sets = (
        f"{name}.{figure}"
        for name in sets
        for figure in ("loss", *(metric.name for metric in task.metrics_at_the_end(name)))
    )
    figures = [*OF_RUN, *of_sets]
    if config.regularization.penalizes:
        figures.append("train.objective")
    for name in config.expect:
        if name not in figures:
            raise SettingError(
                ("expect", name), f"unknown metric; {suggested_metric(name, figures)}"
            )
