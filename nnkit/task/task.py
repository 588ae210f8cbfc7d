"""A config together with its data: prepared sets, and the model that fits them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np

from nnkit.data.dataset import Dataset, Samples
from nnkit.data.lazy import AllIndices, LazyArray
from nnkit.data.preprocessing.preprocessor import Preprocessor
from nnkit.data.splits import split_conflict
from nnkit.data.target_scaling import TargetScaler
from nnkit.errors import SettingPath
from nnkit.metrics import METRICS_OF, chosen
from nnkit.metrics.metric import Metric, TargetKind
from nnkit.nn.form import Form
from nnkit.nn.model import Model
from nnkit.nn.params import Array, Shape
from nnkit.task.class_weights import class_weights, counted, weights_of
from nnkit.task.config import Config
from nnkit.task.evaluation_metrics import evaluated
from nnkit.task.input_scales import scale_notices
from nnkit.task.model_factory import model_for
from nnkit.task.notices import split_notices
from nnkit.task.prepared_set import PreparedSet, Writing
from nnkit.task.sequence_coding import SequenceCoding
from nnkit.task.target_factory import (
    are_labels,
    classes_for,
    inputs_for,
    labels_for,
    numbers_for,
    sequences_for,
)
from nnkit.task.targets import AnyTargets, ClassTargets, LabelTargets, NumberTargets, Targets
from nnkit.task.text_description import cut_notices, length_notices


@dataclass(frozen=True)
class Task:
    """A config together with its data.

    Attributes:
        config: the config.
        dataset: the data as loaded by its source.
        sets: raw samples by set: `train`, `validation`, `test`.
        preprocessor: the preprocessing, fitted on `train`.
        scaler: the scaling of targets, fitted on `train`; None if they are not scaled.
        coding: the vocabularies of texts, fitted on `train`; None for other data.
        threshold: the decision threshold of two classes; None for the usual one.
    """

    config: Config
    dataset: Dataset
    sets: Mapping[str, Samples]
    preprocessor: Preprocessor
    scaler: TargetScaler | None = None
    threshold: float | None = None
    coding: SequenceCoding | None = None

    @cached_property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(self.config.training.precision)

    @cached_property
    def fingerprint(self) -> str:
        """The fingerprint of the data as loaded."""
        return self.dataset.fingerprint()

    @cached_property
    def input_form(self) -> Form:
        """The form of one preprocessed sample."""
        if self.coding is not None:
            return self.coding.input_form
        one = self.preprocessor(self.sets["train"].inputs[:1], self.dtype)
        return Form.of(tuple(one.shape[1:]))

    @property
    def input_shape(self) -> Shape:
        """The shape of one preprocessed sample."""
        return self.input_form.shape

    @property
    def outputs(self) -> int:
        """The number of outputs: one for each class, symbol, label or number."""
        if self.classes is not None:
            single = len(self.classes) == 2 and self.config.loss.single
            return 1 if single else len(self.classes)
        if self.config.data.targets == "inputs":
            return self.input_form.size
        return int(self.sets["train"].targets.shape[1])

    @cached_property
    def notices(self) -> tuple[str, ...]:
        """Messages to the user: what the data was taken for, its scale, and what its sets lack."""
        averaged = self.config.data.split.folds is not None
        sets = split_notices(self.sets, self.sample_classes, averaged=averaged)
        inputs = self.sets["train"].inputs
        if self.coding is not None:
            # Of a text in windows, the number of windows counts, not that of the texts.
            few = sets if self.coding.windows is None else ()
            cut = cut_notices(self.coding, self.sets)
            long = length_notices(self.coding, self.sets, self.config.decoding)
            return (*self.dataset.notices, *few, *cut, *long)
        if not isinstance(inputs, LazyArray):  # only the first of them are looked at
            inputs = LazyArray(inputs, AllIndices(len(inputs)))
        prepared = inputs.then(partial(self.preprocessor, dtype=self.dtype))
        names = [column.name for column in self.preprocessor.columns_after]
        found = scale_notices(prepared, self.config.data.preprocess, names)
        conflict = split_conflict(self.dataset, self.config.data.split)
        return (*self.dataset.notices, *filter(None, [conflict]), *sets, *found)

    @property
    def classes(self) -> tuple[str, ...] | None:
        """The names of the classes or symbols to predict; None for real targets."""
        if self.coding is not None and self.coding.target_names:
            return self.coding.target_names
        return self.sample_classes

    @property
    def sample_classes(self) -> tuple[str, ...] | None:
        """The names of the classes that whole samples have; None if they have none."""
        return self.dataset.classes if self.config.data.targets == "labels" else None

    @cached_property
    def target_kind(self) -> TargetKind:
        """Whether the targets are classes, yes/no labels or numbers."""
        if self.coding is not None and self.coding.target_names:
            return "sequences"
        if self.classes is not None:
            return "classes"
        if self.config.data.targets == "inputs":
            return "numbers"
        every = all(are_labels(samples.targets, self.config.loss) for samples in self.sets.values())
        return "labels" if every else "numbers"

    @cached_property
    def class_weights(self) -> Array | None:
        """The weight of each class; None if all classes weigh the same."""
        return class_weights(self.config.loss, self.sample_classes, self.sets["train"].targets)

    @property
    def figures(self) -> tuple[str, ...]:
        """The names of the metrics of each evaluation, including the loss."""
        return ("loss", *(metric.name for metric in self.metrics))

    @cached_property
    def metrics(self) -> tuple[Metric[Any], ...]:
        """The metrics of each evaluation, besides the loss."""
        return evaluated(self.config, self.target_kind)

    def metrics_at_the_end(self, split: str) -> tuple[Metric[Any], ...]:
        """The metrics of a set after training.

        Only a network with a decoder has others than during training: it writes the texts of the
        held-out sets. Those of the training set take long and tell little, so it writes them only
        for a gate.
        """
        if self.coding is None or self.coding.predicts != "text":
            return self.metrics
        if split == "train":
            texts, gates = METRICS_OF["texts"].values(), self.config.expect
            return tuple(m for m in self.metrics if m not in texts or f"train.{m.name}" in gates)
        return tuple(dict.fromkeys((*self.metrics, *chosen((), "texts"))))

    def build_model(self, dtype: str | None = None) -> Model:
        """A new model with initial weights.

        Args:
            dtype: type of the parameters; default: `training.precision`.

        Raises:
            SettingError: layers, loss and data do not fit together.
        """
        return model_for(self.config, self.input_form, self.outputs, self.coding, dtype)

    def prepare(self, samples: Samples, model: Model) -> PreparedSet:
        """Preprocesses samples for a model; the targets are encoded on access.

        Args:
            samples: raw samples, such as one of the sets.
            model: the model that takes them.

        Raises:
            SettingError: the targets do not fit the outputs.
            DataError: the inputs contain missing values.
        """
        if self.coding is not None:
            return self._prepare_texts(self.coding, samples, model)
        config, dtype = self.config, model.dtype
        by_class = self.class_weights  # raises for real targets, so it comes first
        inputs = self.preprocessor.apply(samples.inputs, dtype)
        targets: AnyTargets
        if config.data.targets == "inputs":
            targets = inputs_for(inputs, model.loss, model.output_form, self._last_layer)
        else:
            targets = self.encode(samples, model)
        weights = weights_of(samples.targets, samples.weights, by_class, dtype)
        counts = counted(samples.targets, samples.weights, model.loss, self.classes)
        return PreparedSet(
            inputs,
            targets,
            weights,
            counts,
            samples.origins,
            samples.ordering,
            samples.lines,
            self.threshold,
        )

    def _prepare_texts(self, coding: SequenceCoding, samples: Samples, model: Model) -> PreparedSet:
        """Encodes texts, and their targets if these are texts, too."""
        inputs, sequences = coding.encode(samples)
        limits = model.length_limits
        coding.check_lengths(inputs, limits.most, samples)
        inputs = replace(inputs, fewest=limits.fewest)
        if sequences is not None:
            names = coding.target_names
            found = sequences_for(sequences, names, model.loss, model.output_form, self._last_layer)
            stream = coding.windows is not None and coding.windows.stream
            writing = None
            if coding.predicts == "text":
                writing = Writing(samples, coding, self.config.decoding)
            return PreparedSet(
                inputs,
                found,
                None,
                lines=samples.lines if coding.windows is None else None,
                is_stream=stream,
                writing=writing,
                are_tags=coding.predicts == "tags",
            )
        by_class = self.class_weights
        return PreparedSet(
            inputs,
            self.encode(samples, model),
            weights_of(samples.targets, samples.weights, by_class, model.dtype),
            counted(samples.targets, samples.weights, model.loss, self.classes),
            samples.origins,
            lines=samples.lines,
            threshold=self.threshold,
        )

    def targets(self, samples: Samples, model: Model) -> Targets:
        """The targets of samples, prepared for a model."""
        if self.coding is None:
            return self.encode(samples, model)
        return self._prepare_texts(self.coding, samples, model).targets

    def encode(self, samples: Samples, model: Model) -> ClassTargets | LabelTargets | NumberTargets:
        """Prepares the labels of samples as targets for a model, encoded on access.

        Raises:
            SettingError: the targets do not fit the outputs.
        """
        fit = model.loss, model.output_form, self._last_layer, model.dtype
        if self.classes is not None:
            return classes_for(samples.targets, self.classes, *fit)
        if self.target_kind == "labels":
            return labels_for(samples.targets, *fit)
        return numbers_for(samples.targets, *fit, self.scaler)

    @property
    def _last_layer(self) -> SettingPath:
        """The setting that an error about the number of outputs points to."""
        layers = self.config.architecture.layer_list
        return layers.path_of(layers.last)
