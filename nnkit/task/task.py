"""A config together with its data: prepared sets, and the model that fits them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from math import prod
from typing import Any

import numpy as np

from nnkit.data.dataset import Dataset, Samples, chunks
from nnkit.data.description import describe_data
from nnkit.data.lazy import AllIndices, LazyArray
from nnkit.data.preprocess import Preprocessor
from nnkit.data.splits import split_conflict, split_dataset
from nnkit.data.target_scaling import TargetScaler
from nnkit.data.text.symbol_table import Reserved
from nnkit.data.texts import is_text
from nnkit.errors import SettingError, SettingPath
from nnkit.metrics import METRICS_OF, chosen
from nnkit.metrics.metric import Metric, TargetKind
from nnkit.nn.architecture import build_stages
from nnkit.nn.form import Form
from nnkit.nn.model import Model
from nnkit.nn.params import Array, Shape
from nnkit.nn.seq2seq.encoder_decoder import build_encoder_decoder
from nnkit.nn.seq2seq.seq2seq_model import Seq2SeqModel
from nnkit.task.class_weights import class_weights, counted, weights_of
from nnkit.task.config import Config
from nnkit.task.config_loading import ConfigLike, load_config
from nnkit.task.input_scales import scale_notices
from nnkit.task.notices import split_notices
from nnkit.task.prepared_set import PreparedSet, Writing
from nnkit.task.sequence_coding import SequenceCoding, predicted
from nnkit.task.target_factory import (
    are_labels,
    classes_for,
    inputs_for,
    labels_for,
    numbers_for,
    sequences_for,
)
from nnkit.task.targets import AnyTargets, ClassTargets, LabelTargets, NumberTargets, Targets
from nnkit.task.text_description import cut_notices, describe_texts, length_notices

KINDS: dict[TargetKind, str] = {
    "classes": "classes",
    "labels": "yes/no labels",
    "numbers": "real numbers",
    "sequences": "labels at each position",
    "texts": "texts",
}
OF_NEXT: tuple[str, ...] = ("perplexity", "token_accuracy")  # metrics of language models
OF_DECODER = ("perplexity",)  # given the symbols before; what it writes by itself comes at the end


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


def evaluated(config: Config, kind: TargetKind) -> tuple[Metric[Any], ...]:
    """The metrics of each evaluation of a config's network, besides the loss."""
    known, always = METRICS_OF[kind], OF_NEXT
    if config.architecture.decoder:
        known, always = known | METRICS_OF["texts"], OF_DECODER
    elif config.data.targets != "next":
        return chosen(config.training.metrics, kind)
    return tuple(known[name] for name in dict.fromkeys((*always, *config.training.metrics)))


def load_task(config: Config, dataset: Dataset | None = None) -> Task:
    """Loads the data, splits it and fits the preprocessing on the training set.

    Args:
        config: the config.
        dataset: its data, if it is loaded already.

    Raises:
        DataError: the data is missing or damaged.
        SettingError: the split, the preprocessing or the scaling does not fit the data.
    """
    dataset = config.data.load() if dataset is None else dataset
    sets = split_dataset(dataset, config.data.split, config.seed)
    for name in config.training.evaluate_on or ():
        if name not in sets:
            raise SettingError(
                ("training", "evaluate_on"),
                f"there is no {name} set; {config.data.source.share_setting(name)} is 0",
            )
    coding = _fitted_coding(config, sets["train"])
    if coding is None:
        preprocessor = Preprocessor.fit(
            config.data.preprocess,
            sets["train"].inputs,
            dataset.columns,
            ignorable=config.data.source.has_setting("ignore"),
        )
    else:
        preprocessor = Preprocessor((), (), ())
    scaler = _fitted_scaler(config, dataset, sets)
    threshold = _threshold(config, dataset, sets)
    task = Task(config, dataset, sets, preprocessor, scaler, threshold, coding)
    _check_metrics(
        config.training.metrics, task.target_kind, has_decoder=bool(config.architecture.decoder)
    )
    return task


def _fitted_coding(config: Config, train: Samples) -> SequenceCoding | None:
    """The vocabularies of texts, built from the training set; None for data without texts."""
    data = config.data
    if not is_text(train.inputs):
        for name in ("text", "target_text", "windows"):
            if getattr(data, name) is not None:
                raise SettingError(("data", name), "has no effect: this data has no texts")
        if data.targets == "next":
            raise SettingError(("data", "targets"), "'next' is for texts, which this data has not")
        return None
    if data.preprocess:
        raise SettingError(
            ("data", "preprocess"), "is for numbers, but this data is text; see data.text"
        )
    coding = data.text or data.source.text_coding
    predicts = predicted(train, data.targets, has_decoder=config.architecture.decoder != ())
    return SequenceCoding.fit(predicts, coding, data.target_text or coding, data.windows, train)


def _fitted_scaler(
    config: Config, dataset: Dataset, sets: Mapping[str, Samples]
) -> TargetScaler | None:
    scaling = config.data.target
    if not scaling.scales:
        return None
    if dataset.classes is not None:
        raise SettingError(
            ("data", "target"),
            f"'{scaling.tag()}' scales numbers to predict, but the targets are "
            f"{len(dataset.classes)} classes",
        )
    return TargetScaler.fit(scaling, sets)


def _threshold(config: Config, dataset: Dataset, sets: Mapping[str, Samples]) -> float | None:
    """The decision threshold that the config gives; None if there is none, or none yet."""
    threshold, path = config.activation.threshold, ("activation", "threshold")
    if threshold is None:
        return None
    classes = None if config.data.targets == "inputs" else dataset.classes
    if classes is None or len(classes) != 2:
        found = "no classes" if classes is None else f"{len(classes)} classes"
        raise SettingError(path, f"a threshold is for two classes, but the data has {found}")
    if threshold.maximize is not None and "validation" not in sets:
        share = config.data.source.share_setting("validation")
        raise SettingError((*path, "maximize"), f"needs a validation set; set {share}")
    return threshold.value


def _check_metrics(names: Sequence[str], kind: TargetKind, *, has_decoder: bool) -> None:
    known = METRICS_OF[kind]
    if has_decoder:
        known = known | METRICS_OF["texts"]
    for i, name in enumerate(names):
        if name not in known:
            judged = " or ".join(KINDS[k] for k, known in METRICS_OF.items() if name in known)
            raise SettingError(
                ("training", "metrics", i),
                f"'{name}' is a metric for {judged}, but the targets are {KINDS[kind]}; "
                f"available: {', '.join(known)}",
            )


def build_model(
    config: ConfigLike, input_shape: Shape | None = None, dtype: str | None = None
) -> Model:
    """The config's model with initial weights.

    Args:
        config: a config from `load_config`, or what it takes.
        input_shape: shape of one preprocessed sample; default: that of the config's data, which
            models of texts and layers with `units: auto` need.
        dtype: type of the parameters; default: `training.precision`.

    Raises:
        ConfigError: a layer cannot take the shape of its input.
        DataError: the data is needed, and is missing or damaged.
    """
    config = load_config(config)
    with config.locating():
        if input_shape is None:
            return load_task(config).build_model(dtype)
        return model_for(config, Form.of(input_shape), dtype=dtype)


def model_for(
    config: Config,
    form: Form,
    outputs: int | None = None,
    coding: SequenceCoding | None = None,
    dtype: str | None = None,
) -> Model:
    """A config's model with initial weights, for data of a form.

    Args:
        config: the config.
        form: the form of one preprocessed sample.
        outputs: the units of an output layer with `units: auto`; None if there is none.
        coding: the vocabularies of texts, which a network with a decoder needs.
        dtype: type of the parameters; default: `training.precision`.

    Raises:
        SettingError: layers, loss and data do not fit together.
    """
    settings = config.regularization.dropout, config.regularization.input_noise
    dtype = dtype or config.training.precision
    if config.architecture.decoder:
        if coding is None or coding.targets is None:
            raise SettingError(
                ("architecture", "decoder"), "a decoder needs texts, which this data has not"
            )
        symbols = coding.targets.symbols
        parts = build_encoder_decoder(
            config.architecture, config.activation, config.loss, form, len(symbols), *settings
        )
        start = symbols.number(Reserved.START)
        forcing = config.training.teacher_forcing
        return Seq2SeqModel(parts, config.loss, start, config.seed, dtype, forcing)
    stages = build_stages(
        config.architecture,
        config.activation,
        config.loss,
        form,
        *settings,
        outputs,
    )
    return Model(stages, config.loss, config.seed, dtype)


def check_data(config: ConfigLike) -> dict[str, Any]:
    """Loads the config's data, runs every sample through the preprocessing, and describes it.

    Args:
        config: a config from `load_config`, or what it takes.

    Returns:
        `raw_shape` and `input_shape` of one sample, `target` in words, `classes`, the number of
        `missing` values, `bytes`, `columns` (what each column of a table contains), `notices`
        (messages about the data), and for each of `sets` the number of `samples` and of those
        `per_class`; `texts` has the vocabularies, lengths and findings of texts, or is None.

    Raises:
        ConfigError: the split or the preprocessing does not fit the data.
        DataError: the data is missing or damaged, or contains missing values.
    """
    config = load_config(config)
    with config.locating():
        task = load_task(config)
        for samples in task.sets.values():
            if task.coding is not None:
                task.coding.encode(samples)
                continue
            for part in chunks(samples.inputs):
                task.preprocessor(part, task.dtype)
    columns = config.data.source.column_report()
    shape = task.input_shape if task.coding is None else task.input_form.positions
    report = describe_data(task.dataset, task.sets, shape, columns)
    if config.data.targets == "inputs":
        report["target"] = f"the inputs, {prod(task.input_shape)} real number(s)"
    elif task.target_kind == "labels":
        report["target"] = report["target"].replace("real number(s)", "yes/no label(s)")
    report["texts"] = None
    if task.coding is not None:
        report["texts"] = describe_texts(task.coding, task.sets, task.sample_classes)
        if config.data.targets == "next":
            report["target"] = "the next symbol at each position"
    return {**report, "notices": list(task.notices)}
