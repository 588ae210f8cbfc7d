"""A trained model: parameters, preprocessing and class names together, ready to predict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import numpy as np

from nnkit.data.dataset import Column, names_of_targets
from nnkit.data.preprocessing.preprocessor import Preprocessor
from nnkit.data.sources.source import TableRows
from nnkit.data.target_scaling import TargetScaler
from nnkit.data.texts import text_array
from nnkit.decoding import AnyDecoding
from nnkit.errors import DataError, UsageError
from nnkit.inference.decoding_options import DecodingLike, decoding_from
from nnkit.inference.evaluation import evaluate
from nnkit.inference.evaluation_sets import EvaluationData, EvaluationSet, EvaluationSets
from nnkit.inference.model_inputs import ModelInputs
from nnkit.inference.network_outputs import OVERFLOW, NetworkOutputs
from nnkit.inference.report import Report, report_on
from nnkit.inference.set_metrics import SetMetrics
from nnkit.inference.text_predictions import checked_texts, tags_of
from nnkit.inference.text_writer import TextWriter, WrittenText
from nnkit.inference.trivial_baseline import trivial_baseline
from nnkit.inference.verdict import constant_prediction_warning
from nnkit.nn.activations.function import Function
from nnkit.nn.model import Model
from nnkit.nn.numerics import numerics_of
from nnkit.nn.params import Array, Shape
from nnkit.task.config import Config
from nnkit.task.predictions import confidence, decide, decide_labels
from nnkit.task.sequence_coding import SequenceCoding

MOST_NAMED = 5  # predicted numbers in the representation of a model


@dataclass(frozen=True, slots=True, repr=False)
class TrainedModel:
    """A model with everything that prediction needs.

    It is thread-safe: any number of threads may predict and evaluate with it at once, in batches
    of any size, and the results are bitwise the same as in a single thread.

    Attributes:
        model: the model with its trained parameters, which are read-only if it was loaded: to
            change them, set `model.params.flags.writeable`.
        config: the config that it was trained with.
        preprocessor: converts raw inputs to network inputs.
        classes: class names by number; None for labels and real targets.
        raw_shape: shape of one raw sample.
        info: the checkpoint's header: progress, best, figures, versions, data fingerprint.
        scaler: converts outputs to the units of the targets; None if they were not scaled.
        coding: the vocabularies of texts; None for models of other data.
        inputs: reads what users pass as raw inputs.
    """

    model: Model
    config: Config
    preprocessor: Preprocessor
    classes: tuple[str, ...] | None
    raw_shape: Shape
    info: Mapping[str, Any]
    scaler: TargetScaler | None = None
    coding: SequenceCoding | None = None
    inputs: ModelInputs = field(init=False, compare=False)
    _network_outputs: NetworkOutputs = field(init=False, compare=False)

    def __post_init__(self) -> None:
        source = self.config.data.source
        inputs = ModelInputs(self.model, source, self.preprocessor, self.raw_shape, self.coding)
        object.__setattr__(self, "inputs", inputs)
        parts = self.model, inputs, self.preprocessor, self.scaler, self.coding
        outputs = NetworkOutputs(*parts, self.config.training.threads, self.info)
        object.__setattr__(self, "_network_outputs", outputs)

    def outputs(self, X: Any) -> Array:
        """Computes the outputs, such as class probabilities, including `activation.inference`.

        Args:
            X: raw samples (n, *raw_shape), as the data source returns them; a single sample
                counts as n = 1. A model of tables also takes rows with words, mappings, and data
                frames (pandas, Polars, PyArrow), whose columns are matched by name. A model of
                texts takes a text or several.

        Returns:
            The outputs, (n, outputs); of a network with an output at each position of a text those
            of all texts, one after the other, (Σ lengths, outputs).

        Raises:
            DataError: X has another shape, lacks a column, or contains infinity, NaN or words that
                the model cannot take.
        """
        outputs = self._network_outputs.of(X)
        inference = self.config.activation.inference
        if inference is None:
            return outputs
        Z = np.ascontiguousarray(outputs.T)
        Y = np.empty_like(Z)
        assert isinstance(inference, Function)
        inference.forward(Z, Y)
        return np.ascontiguousarray(Y.T)

    def predict(self, X: Any) -> Array:
        """Predicts class names (n,), labels 0 or 1 (n, labels), or real numbers (n, outputs).

        For texts, it may also be a text for each, (n,): its tags, separated by spaces; its
        translation; or its continuation by a language model, together with the text itself. An
        empty text gives an empty one; where a class or number is predicted, it is an error.

        Args:
            X: as for `outputs`.
        """
        if self.writes or self.tags:
            return self._predicted_texts(checked_texts(self._text_coding, self.model, X))
        if self.labels is not None:
            return decide_labels(self._network_outputs.of(X), self.model.loss)
        if self.classes is None:
            return self.outputs(X)
        return np.asarray(self.classes)[self._decide(self._network_outputs.of(X))]

    def write(
        self,
        texts: Any,
        decoding: DecodingLike | None = None,
        keys: Sequence[int] | None = None,
    ) -> list[list[WrittenText]]:
        """Writes translations or continuations of texts, with their scores.

        Args:
            texts: a text, or several. A language model of single lines continues an empty one,
                too.
            decoding: the method, as in a config: `{"beam": {"width": 5, "n_best": 3}}`; default:
                that of the config.
            keys: numbers that key the random draws for each text, together with the seed; default:
                0 … n − 1.

        Returns:
            For each text the texts written, the best first; one, unless the method finds more.

        Raises:
            DataError: the model does not write texts, or cannot take one of them.
            ConfigError: the decoding method or one of its settings does not exist.
            SettingError: the method names a symbol that the model does not have.
        """
        method = self.config.decoding if decoding is None else decoding_from(decoding)
        return self.writer(method).write(
            checked_texts(self._text_coding, self.model, texts).tolist(), keys
        )

    def writer(self, method: AnyDecoding | None = None) -> TextWriter:
        """The writer of texts with this model.

        Args:
            method: the decoding method; None for the usual one.

        Raises:
            DataError: the model does not write texts.
        """
        if not self.writes:
            raise DataError("this model does not write texts; use predict")
        return TextWriter(self.model, self._text_coding, method)

    @property
    def writes(self) -> bool:
        """Whether the model writes texts: translations, or continuations."""
        return self.coding is not None and self.coding.predicts in ("next", "text")

    @property
    def tags(self) -> bool:
        """Whether the model predicts a tag for each symbol of a text."""
        return self.coding is not None and self.coding.predicts == "tags"

    @property
    def _text_coding(self) -> SequenceCoding:
        if self.coding is None:
            raise DataError("this model does not take texts")
        return self.coding

    def _predicted_texts(self, texts: Array) -> Array:
        """The tags, translations or continuations of texts (n,); an empty text gives an empty one.

        A language model could begin a text from nothing: `write` does.
        """
        if self.tags:
            execution = self._network_outputs.execution(len(texts))
            with numerics_of(execution):
                return text_array(tags_of(self.model, self._text_coding, texts.tolist(), execution))
        written = self.write(texts)
        return text_array(
            [best.text if text else "" for text, (best, *_) in zip(texts, written, strict=True)]
        )

    def confidence(self, X: Any) -> Array | None:
        """The probability (n,) of each prediction; None if the outputs are not class probabilities.

        Args:
            X: as for `outputs`.
        """
        if not self.gives_probabilities:
            return None
        outputs = self._network_outputs.of(X)
        return confidence(outputs, self._decide(outputs))

    @property
    def threshold(self) -> float | None:
        """The decision threshold of two classes; None for the usual one."""
        return self.info.get("threshold")  # absent in checkpoints of earlier versions

    def _decide(self, outputs: Array) -> Array:
        """The class number (n,) of each prediction, from the network's outputs."""
        return decide(outputs, self.model.loss, self.model.output_activation, self.threshold)

    @property
    def sample_classes(self) -> tuple[str, ...] | None:
        """The names of the classes that whole samples have; None if they have none."""
        if self.coding is not None and self.coding.predicts != "label":
            return None
        return self.classes

    @property
    def gives_probabilities(self) -> bool:
        """Whether the network's outputs are class probabilities, of one class for each sample."""
        if self.coding is not None and self.coding.predicts != "label":
            return False
        return self.classes is not None and self.model.output_activation.probability

    @property
    def labels(self) -> tuple[str, ...] | None:
        """The names of the yes/no labels that it predicts; None if it predicts something else."""
        known = self.info.get("labels")  # absent in checkpoints of earlier versions
        return None if known is None else tuple(known)

    @property
    def output_kind(self) -> Literal["probability", "output"]:
        """The meaning of a single output of the network."""
        return "probability" if self.model.output_activation.probability else "output"

    @property
    def target_names(self) -> tuple[str, ...]:
        """The name of each output that is a label or a real number; empty for classes."""
        if self.classes is not None:
            return ()
        if self.config.data.targets == "inputs":
            return tuple(map(str, range(self.model.output_form.channels)))
        return names_of_targets(self.info["label"], self.model.output_form.channels)

    def read(self, path: str | Path, **options: Any) -> Any:
        """Reads the digits in a picture with this model; see `nnkit.read_digits`.

        Args:
            path: the picture.
            **options: `reject` and `stages`.

        Returns:
            A `Reading` with the text, the lines, and a confidence and a box for each digit.

        Raises:
            DataError: the file is not a picture, or the model was not trained on images of digits.
        """
        # Imported by name: nnkit.reading is built on top of this package.
        reader = import_module("nnkit.reading.reader")
        return reader.read_digits(path, self, **options)

    def probabilities(self, X: Any) -> Array | None:
        """The probability of each class, (n, classes); None if the outputs are not probabilities.

        Args:
            X: as for `outputs`.
        """
        if not self.gives_probabilities:
            return None
        P = self._network_outputs.of(X)
        return P if P.shape[1] > 1 else np.concatenate([1 - P, P], axis=1)

    @property
    def columns(self) -> tuple[Column, ...]:
        """The raw columns of a table; empty for other data."""
        return self.inputs.columns

    def read_picture(self, path: str | Path) -> Array:
        """Reads a picture as a raw input (1, *raw_shape), in the same way as the data source.

        Raises:
            DataError: the file is not a picture, or the source has no pictures.
        """
        return self.inputs.picture(Path(path))

    def read_table(self, path: str | Path) -> Array:
        """Reads a CSV file as raw inputs (n, columns); columns are matched by name.

        Words that are not in the training table are an error or, with `one_hot: {unknown: ignore}`,
        a warning.

        Raises:
            DataError: the file is not CSV, a column is missing, or the model does not take tables.
        """
        return self.inputs.table(Path(path))

    def read_rows(self, path: str | Path) -> TableRows:
        """Reads a CSV file, with a message for each row that the model cannot take.

        Raises:
            DataError: the file is not CSV, a column is missing, or the model does not take tables.
        """
        return self.inputs.rows(Path(path))

    def incomplete(self, X: Any) -> dict[int, str]:
        """The samples with missing or wrong values, by index, with the reason.

        Args:
            X: as for `outputs`.

        Raises:
            DataError: X has another shape, or lacks a column.
        """
        return self.inputs.incomplete(X)

    def overflowing(self, X: Any) -> dict[int, str]:
        """The samples whose outputs are not finite, by index, with the reason.

        Args:
            X: as for `outputs`.
        """
        outputs = self._network_outputs.computed(self.inputs.checked(X))
        return dict.fromkeys(np.flatnonzero(~np.isfinite(outputs).all(axis=1)).tolist(), OVERFLOW)

    def evaluate(self, split: str | None = None, data: EvaluationData = None) -> SetMetrics:
        """Evaluates the model on one set of its data, or on other labelled data.

        Args:
            split: `train`, `validation` or `test`, loaded and split as in training; default: test.
            data: other data, of which all samples are evaluated: a file or folder, or inputs and
                targets in memory, (X, y); also the place where the model's own data is now.

        Returns:
            The number of samples and the metrics that training computes, such as
            `found["accuracy"]`.

        Raises:
            DataError: the data is missing, has changed, or does not fit the model.
            UsageError: there is no such set.
        """
        chosen = self._evaluation_set(split, data)
        prepared = chosen.prepared_for(self.model)
        metrics = chosen.task.metrics_at_the_end(chosen.name or "other")
        figures = evaluate(
            self.model, prepared, metrics, self._network_outputs.execution(len(prepared))
        )
        return SetMetrics(chosen.name, len(prepared), figures)

    def report(
        self,
        split: str | None = None,
        data: EvaluationData = None,
        decoding: Sequence[DecodingLike] = (),
    ) -> Report:
        """Evaluates the model with all metrics, per class, with confusions.

        Args:
            split: as for `evaluate`.
            data: as for `evaluate`.
            decoding: decoding methods to compare, as for `write`, of a model that translates texts.
                The first one gives the metrics of texts. Default: that of the config.

        Raises:
            DataError: the data is missing, has changed, or does not fit the model.
            UsageError: there is no such set.
        """
        chosen = self._evaluation_set(split, data)
        prepared = chosen.prepared_for(self.model)
        execution = self._network_outputs.execution(len(prepared))
        if decoding and prepared.writing is None:
            raise UsageError("this model translates no texts, so it has no decoding methods")
        methods = [decoding_from(each) for each in decoding]
        task, name = chosen.task, chosen.name
        report = report_on(
            self.model, prepared, name, self.classes, self.target_names, execution, methods
        )
        report = replace(report, baseline=trivial_baseline(task, prepared, name))
        if name is None:
            return report
        warning = constant_prediction_warning(
            task,
            self.model,
            prepared,
            name,
            report.figures,
            train_targets=lambda: task.targets(task.sets["train"], self.model),
            training_loss=self.info.get("figures", {}).get("train.loss"),
        )
        return report if warning is None else replace(report, warnings=(warning,))

    def _evaluation_set(self, split: str | None, data: EvaluationData) -> EvaluationSet:
        sets = EvaluationSets(self.config, self.info, self.inputs, self.scaler, self.sample_classes)
        return sets.load(split, data)

    def __repr__(self) -> str:
        layers = ", ".join(str(stage.spec.tag()) for stage in self.model.stages)
        return (
            f"<TrainedModel '{self.config.name}': expects {self.inputs.expected}, "
            f"{layers}, {self.model.params.size:,} parameters, predicts {self._predicts}>"
        )

    @property
    def _predicts(self) -> str:
        """The predictions of the model in words."""
        if self.coding is not None and self.coding.targets is not None:
            symbols = self.coding.targets.symbols
            of = {"tags": "tags", "next": "the next symbol", "text": "texts"}
            return f"{of[self.coding.predicts]}, {len(symbols.pieces):,} symbols"
        if self.classes is not None:
            return f"{len(self.classes)} classes"
        kind = "numbers" if self.labels is None else "labels"
        return f"{kind}: {', '.join(self.target_names[:MOST_NAMED])}"
