"""The models of the ladder: their configs, from the simplest to the most complex."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from nnkit.errors import DataError, SettingError
from nnkit.metrics.metric import TargetKind
from nnkit.nn.losses.binary_cross_entropy import BinaryCrossEntropy
from nnkit.nn.params import Array
from nnkit.task.config import Config
from nnkit.task.config_loading import config_from
from nnkit.task.starters.dataset_parts import FEWEST_TO_SPLIT
from nnkit.task.starters.table_options import TableOptions
from nnkit.task.starters.table_settings import choose_settings
from nnkit.task.starters.table_starter import suitable_steps
from nnkit.task.target_factory import are_labels
from nnkit.task.task import Task
from nnkit.task.task_loading import load_task

Settings = dict[str, Any]

L2 = 0.0001
STEPS, FEWEST_EPOCHS = 3_000, 5  # a classifier is trained for whichever is longer
MANY = 5_000  # training samples from which batches are larger and steps smaller
EVALUATIONS = 20  # of each run; the best of them gives the weights that are tested
LBFGS_STEPS = 200
SMALLEST_IMAGE = 4  # pixels of the shorter side that pooling halves, and convolution needs


@dataclass(frozen=True)
class Question:
    """The data on which the ladder's models are compared.

    Attributes:
        name: the beginning of the names of the runs.
        task: the data with its split; of its config, only data and seed are used.
    """

    name: str
    task: Task

    @cached_property
    def target_kind(self) -> TargetKind:
        """Whether the models predict classes, yes/no labels or numbers.

        Targets that are all 0 or 1, or all ±1, are labels, unless the config makes numbers of
        them by `task: regression` or by scaling.
        """
        if self.task.classes is not None:
            return "classes"
        wanted = getattr(self.task.config.data.source, "task", None)
        sets = self.task.sets.values()
        yes_no = all(are_labels(samples.targets, BinaryCrossEntropy()) for samples in sets)
        are_numbers = wanted == "regression" or self.task.config.data.target.scales
        return "labels" if yes_no and not are_numbers else "numbers"

    def targets(self, name: str) -> Array:
        """The targets of a set: class numbers (n,), labels 0 or 1, or numbers (n, outputs)."""
        targets = self.task.sets[name].targets[:]
        return (targets > 0).astype(np.int64) if self.target_kind == "labels" else targets

    @property
    def outputs(self) -> int:
        """The number of classes, of labels, or of real targets."""
        if self.task.classes is not None:
            return len(self.task.classes)
        return int(self.task.dataset.samples.targets.shape[1])

    @property
    def images(self) -> bool:
        """Whether the inputs are images large enough for convolution."""
        shape = self.task.input_shape
        return len(shape) == 3 and min(shape[1:]) >= SMALLEST_IMAGE


def question_of_table(path: Path, label: str | None, seed: int | None) -> Question:
    """The question of a CSV file, preprocessed as by a starter config, with a validation set.

    Args:
        path: the file.
        label: the column to predict; None for the last.
        seed: seed of the split and of the models; None for 0.

    Raises:
        DataError: the file is missing or not valid CSV, or has too few rows to hold out a test set.
        UsageError: there is no such column.
    """
    source = choose_settings(path, TableOptions(labels=() if label is None else (label,))).source()
    try:
        dataset = source.load()
    except SettingError as error:
        raise DataError(error.message) from None
    if len(dataset.samples) < FEWEST_TO_SPLIT:
        raise DataError(
            f"{path}: {len(dataset.samples)} rows are too few to hold out a test set; "
            f"the ladder needs at least {FEWEST_TO_SPLIT}"
        )
    data = {
        "source": source.model_dump(mode="json"),
        "split": {"validation": 0.1, "test": 0.2},
        "preprocess": suitable_steps(dataset),
    }
    name = "".join(c if (c.isalnum() and c.isascii()) or c in "._-" else "-" for c in path.stem)
    any_network = {"architecture": {"layers": [{"dense": 1}]}, "loss": "squared_error"}
    config = config_from({"data": data, **any_network})
    return _question(name.lstrip("._-") or "table", config, seed)


def question_of_config(config: Config, seed: int | None) -> Question:
    """The question of a config's data section; its other sections are not used.

    Args:
        config: a config from `load_config`.
        seed: seed of the split and of the models; None for that of the config.

    Raises:
        ConfigError: there is no test set, the targets are the inputs, or the split does not fit.
        DataError: the data is missing or damaged.
    """
    return _question(config.name, config, seed)


def _question(name: str, config: Config, seed: int | None) -> Question:
    with config.locating():
        if config.data.targets == "inputs":
            raise SettingError(
                ("data", "targets"), "the ladder compares models that predict labels, not inputs"
            )
        seeded = config if seed is None else config.model_copy(update={"seed": seed})
        training = config.training.model_copy(update={"metrics": (), "evaluate_on": None})
        task = load_task(seeded.model_copy(update={"training": training}))
        if "test" not in task.sets:
            raise SettingError(
                ("data", "split", "test"), "the ladder needs a test set; hold one out, such as 0.2"
            )
    return Question(name[:60], replace(task, config=seeded))


def rungs(question: Question) -> Iterator[tuple[str, Config]]:
    """Yields the name and the config of each model, from the simplest to the most complex."""
    task = question.task
    kinds = _regressors if question.target_kind == "numbers" else _classifiers
    for name, settings in kinds(question):
        resolved = task.config.resolved()
        yield (
            name,
            config_from(
                {
                    "name": f"{question.name}-ladder-{name}",
                    "seed": resolved["seed"],
                    "data": resolved["data"],
                    "regularization": {"l2": L2},
                    **settings,
                }
            ),
        )


def _classifiers(question: Question) -> Iterator[tuple[str, Settings]]:
    """Yields the classifiers, all trained with Adam for the same number of steps.

    With two classes, softmax regression is the same model as logistic regression and left out.
    Labels, of which a sample may have several, get an output each.
    """
    common, outputs = _by_batches(question), question.outputs
    labels = question.target_kind == "labels"
    binary = labels or outputs == 2
    single = 1 if outputs == 2 and not labels else outputs
    logistic = {"loss": "binary_cross_entropy", "activation": {"output": "sigmoid"}}
    yield "logistic", _linear(question, single) | common | logistic
    hinge = "hinge" if binary else "multiclass_hinge"
    yield "linear-svm", _linear(question, single) | common | {"loss": hinge}
    if not binary:
        yield "softmax", _linear(question, outputs) | common
    for name, network in _networks(question, outputs):
        yield name, network | common | (logistic if labels else {})


def _regressors(question: Question) -> Iterator[tuple[str, Settings]]:
    """Yields the regression models, all trained with L-BFGS, which needs no scale of targets."""
    common = {
        "loss": "squared_error",
        "optimizer": "lbfgs",
        "training": {"steps": LBFGS_STEPS, "evaluate_every": LBFGS_STEPS // EVALUATIONS},
    }
    yield "linear", _linear(question, question.outputs) | common
    for name, network in _networks(question, question.outputs):
        yield name, network | common


def _by_batches(question: Question) -> Settings:
    """The optimizer and the length of training, from the number of training samples."""
    samples = len(question.task.sets["train"])
    lr, batch_size = (0.002, 128) if samples > MANY else (0.01, 32)
    steps = max(STEPS, FEWEST_EPOCHS * -(-samples // batch_size))
    return {
        "optimizer": {"kind": "adam", "lr": lr, "schedule": "cosine"},
        "training": {
            "steps": steps,
            "batch_size": batch_size,
            "evaluate_every": steps // EVALUATIONS,
        },
    }


def _linear(question: Question, outputs: int) -> Settings:
    """A single layer, whose loss is convex, so that its weights may start at 0."""
    layers = [*_flattened(question), {"dense": outputs}]
    return {"architecture": {"layers": layers, "initializer": "zeros"}}


def _networks(question: Question, outputs: int) -> Iterator[tuple[str, Settings]]:
    """Yields a network with one hidden layer and, for images, a convolutional one."""
    flatten = _flattened(question)
    hidden = {"dense": 128 if flatten else 32}
    yield "mlp", {"architecture": {"layers": [*flatten, hidden, {"dense": outputs}]}}
    if question.images:
        layers: list[Any] = []
        side = min(question.task.input_shape[1:])
        for filters in (8, 16):
            layers.append({"conv": {"filters": filters, "kernel": 3, "padding": "same"}})
            if side >= SMALLEST_IMAGE:
                layers.append({"max_pool": 2})
                side //= 2
        layers += ["flatten", hidden, {"dense": outputs}]
        yield "cnn", {"architecture": {"layers": layers}}


def _flattened(question: Question) -> list[str]:
    return ["flatten"] if len(question.task.input_shape) > 1 else []
