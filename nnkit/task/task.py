"""A config together with its data: prepared sets, and the model that fits them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from nnkit.data.dataset import Dataset, Samples, chunks
from nnkit.data.description import describe_data
from nnkit.data.lazy import LazyArray
from nnkit.data.ordering import FULL_SHUFFLE, Ordering
from nnkit.data.preprocess import Preprocessor
from nnkit.data.splits import split_dataset
from nnkit.errors import SettingError
from nnkit.metrics import METRICS, chosen
from nnkit.metrics.metric import Metric
from nnkit.nn.architecture import build_stages
from nnkit.nn.form import Form
from nnkit.nn.model import Model
from nnkit.nn.params import Array, Shape
from nnkit.task.class_weights import class_weights, counted, weights_of
from nnkit.task.config import Config
from nnkit.task.targets import AnyTargets, classes_for, inputs_for, numbers_for


@dataclass(frozen=True, slots=True)
class PreparedSet:
    """A set, prepared for the network.

    Attributes:
        inputs: preprocessed inputs, (n, *input shape), or an array that preprocesses on access.
        targets: classes, numbers or the inputs themselves, encoded for the loss on access.
        weights: weight of each sample in the loss, (n,); None if all are equal.
        counted: weight of each sample in other metrics, (n,), without class weights; None if all
            are equal.
        origins: location of each sample in its source, as in `Samples`.
        ordering: how the samples are shuffled.
    """

    inputs: Array | LazyArray
    targets: AnyTargets
    weights: Array | LazyArray | None
    counted: Array | LazyArray | None = None
    origins: Array | LazyArray | None = None
    ordering: Ordering = FULL_SHUFFLE

    def __len__(self) -> int:
        return len(self.inputs)


@dataclass(frozen=True)
class Task:
    """A config together with its data.

    Attributes:
        config: the config.
        dataset: the data as loaded by its source.
        sets: raw samples by set: `train`, `validation`, `test`.
        preprocessor: the preprocessing, fitted on `train`.
    """

    config: Config
    dataset: Dataset
    sets: Mapping[str, Samples]
    preprocessor: Preprocessor

    @cached_property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(self.config.training.precision)

    @cached_property
    def fingerprint(self) -> str:
        """The fingerprint of the data as loaded."""
        return self.dataset.fingerprint()

    @cached_property
    def input_shape(self) -> Shape:
        """The shape of one preprocessed sample."""
        one = self.preprocessor(self.sets["train"].inputs[:1], self.dtype)
        return tuple(one.shape[1:])

    @property
    def classes(self) -> tuple[str, ...] | None:
        """The names of the classes to predict; None for real targets."""
        return None if self.config.data.targets == "inputs" else self.dataset.classes

    @cached_property
    def class_weights(self) -> Array | None:
        """The weight of each class; None if all classes weigh the same."""
        return class_weights(self.config.loss, self.classes, self.sets["train"].targets)

    @property
    def figures(self) -> tuple[str, ...]:
        """The names of the metrics of each evaluation, including the loss."""
        return ("loss", *(metric.name for metric in self.metrics))

    @cached_property
    def metrics(self) -> tuple[Metric[Any], ...]:
        """The metrics of each evaluation, besides the loss."""
        return chosen(self.config.training.metrics, for_classes=self.classes is not None)

    def build_model(self, dtype: str | None = None) -> Model:
        """A new model with initial weights.

        Args:
            dtype: type of the parameters; default: `training.precision`.

        Raises:
            SettingError: layers, loss and data do not fit together.
        """
        return _build_model(self.config, self.input_shape, dtype)

    def prepare(self, samples: Samples, model: Model) -> PreparedSet:
        """Preprocesses samples for a model; the targets are encoded on access.

        Args:
            samples: raw samples, such as one of the sets.
            model: the model that takes them.

        Raises:
            SettingError: the targets do not fit the outputs.
            DataError: the inputs contain missing values.
        """
        config, dtype = self.config, model.dtype
        by_class = self.class_weights  # raises for real targets, so it comes first
        inputs = self.preprocessor.apply(samples.inputs, dtype)
        last_layer = ("architecture", "layers", config.architecture.layer_list.last)
        outputs = model.output_shape
        targets: AnyTargets
        if config.data.targets == "inputs":
            targets = inputs_for(inputs, model.loss, outputs, last_layer)
        elif self.classes is None:
            targets = numbers_for(samples.targets, model.loss, outputs, last_layer, dtype)
        else:
            targets = classes_for(
                samples.targets, self.classes, model.loss, outputs, last_layer, dtype
            )
        weights = weights_of(samples.targets, samples.weights, by_class, dtype)
        counts = counted(samples.targets, samples.weights, model.loss, self.classes)
        return PreparedSet(inputs, targets, weights, counts, samples.origins, samples.ordering)


def load_task(config: Config, dataset: Dataset | None = None) -> Task:
    """Loads the data, splits it and fits the preprocessing on the training set.

    Args:
        config: the config.
        dataset: its data, if it is loaded already.

    Raises:
        DataError: the data is missing or damaged.
        SettingError: the split or the preprocessing does not fit the data.
    """
    dataset = config.data.source.load() if dataset is None else dataset
    sets = split_dataset(dataset, config.data.split, config.seed)
    for name in config.training.evaluate_on or ():
        if name not in sets:
            raise SettingError(
                ("training", "evaluate_on"), f"there is no {name} set; data.split.{name} is 0"
            )
    preprocessor = Preprocessor.fit(config.data.preprocess, sets["train"].inputs, dataset.columns)
    task = Task(config, dataset, sets, preprocessor)
    _check_metrics(config.training.metrics, for_classes=task.classes is not None)
    return task


def _check_metrics(names: Sequence[str], *, for_classes: bool) -> None:
    for i, name in enumerate(names):
        if METRICS[name].for_classes != for_classes:
            kinds = ("real numbers", "classes")
            judged, given = kinds[not for_classes], kinds[for_classes]
            fitting = [m.name for m in METRICS.values() if m.for_classes == for_classes]
            raise SettingError(
                ("training", "metrics", i),
                f"'{name}' is a metric for {judged}, but the targets are {given}; "
                f"available: {', '.join(fitting)}",
            )


def build_model(
    config: Config, input_shape: Shape | None = None, dtype: str | None = None
) -> Model:
    """The config's model with initial weights.

    Args:
        config: a config from `load_config`.
        input_shape: shape of one preprocessed sample; default: that of the config's data.
        dtype: type of the parameters; default: `training.precision`.

    Raises:
        ConfigError: a layer cannot take the shape of its input.
        DataError: the data is needed, and is missing or damaged.
    """
    with config.locating():
        if input_shape is None:
            input_shape = load_task(config).input_shape
        return _build_model(config, input_shape, dtype)


def _build_model(config: Config, input_shape: Shape, dtype: str | None) -> Model:
    stages = build_stages(
        config.architecture,
        config.activation,
        config.loss,
        Form.of(input_shape),
        config.regularization.dropout,
        config.regularization.input_noise,
    )
    return Model(stages, config.loss, config.seed, dtype or config.training.precision)


def check_data(config: Config) -> dict[str, Any]:
    """Loads the config's data, runs every sample through the preprocessing, and describes it.

    Returns:
        `raw_shape` and `input_shape` of one sample, `target` in words, `classes`, `notes` on how
        the data was read, the number of `missing` values, `bytes`, and for each of `sets` the
        number of `samples` and of those `per_class`.

    Raises:
        ConfigError: the split or the preprocessing does not fit the data.
        DataError: the data is missing or damaged, or contains missing values.
    """
    with config.locating():
        task = load_task(config)
        for samples in task.sets.values():
            for part in chunks(samples.inputs):
                task.preprocessor(part, task.dtype)
    report = describe_data(task.dataset, task.sets, task.input_shape)
    if config.data.targets == "inputs":
        report["target"] = f"the inputs, {prod(task.input_shape)} real number(s)"
    return report
