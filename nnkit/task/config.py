"""The root of a config, with all its sections."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, PrivateAttr, model_validator

from nnkit.config.node import Node
from nnkit.config.spec import Count, FilePath, Listed, OneOf, Spec
from nnkit.config.validation import find_setting, located
from nnkit.config.yaml_dump import dump_yaml
from nnkit.data.augment import AnyAugmentation
from nnkit.data.dataset import Dataset
from nnkit.data.preprocessing import AnyStep
from nnkit.data.preprocessing.one_hot import unknown_words
from nnkit.data.sources import AnySource
from nnkit.data.splits import Split
from nnkit.data.tables.conversion import UnknownWords
from nnkit.data.target_scaling import AnyTargetScaling, Unscaled
from nnkit.data.text.text_coding import TextCoding
from nnkit.data.text_windows import TextWindows
from nnkit.decoding import AnyDecoding
from nnkit.errors import ConfigError, Problem, SettingError, SettingPath
from nnkit.metrics import METRICS
from nnkit.nn.architecture import (
    Activations,
    Architecture,
)
from nnkit.nn.losses import AnyLoss
from nnkit.nn.losses.cross_entropy import CrossEntropy
from nnkit.nn.seq2seq.teacher_forcing import AnyTeacherForcing
from nnkit.optim.averaging import AnyAveraging
from nnkit.optim.optimizers import AnyOptimizer
from nnkit.optim.optimizers.adam import Adam
from nnkit.optim.regularization import Regularization
from nnkit.task.gate import Gates

DEFAULT_EPOCHS = 10


class Data(Spec):
    """The data set, its splits and its preprocessing."""

    source: AnySource = Field(description="Where the samples are read from.")
    split: Split = Field(Split(), description="The validation and test sets.")
    preprocess: Annotated[tuple[AnyStep, ...], Listed] = Field(
        (), description="Steps in order, fitted on the training data and saved in the checkpoint."
    )
    target: AnyTargetScaling = Field(
        Unscaled(),
        description="The scaling of the numbers to predict, fitted on the training data and undone "
        "in predictions and in all metrics but the loss.",
    )
    augment: Annotated[tuple[AnyAugmentation, ...], Listed] = Field(
        (), description="Random transformations of training samples, redrawn each time."
    )
    targets: Literal["labels", "inputs", "next"] = Field(
        "labels",
        description="The targets: the labels, numbers or texts of the source, or, for an "
        "autoencoder, each sample's own inputs, preprocessed and flattened, or, for a language "
        "model, the `next` symbol at each position of a text. Noise and augmentation change the "
        "inputs only, not the targets.",
    )
    text: TextCoding | None = Field(
        None,
        description="The coding of texts as symbols; default: that of the source, mostly "
        "characters.",
    )
    target_text: TextCoding | None = Field(
        None, description="The coding of texts to predict; default: as `text`."
    )
    windows: TextWindows | None = Field(
        None,
        description="Windows of long texts, with `targets: next`; default: whole texts, each with "
        "a start and an end.",
    )

    @property
    def unknown(self) -> UnknownWords:
        """Whether words that are in no row of the training table are an error, or ignored."""
        return unknown_words(self.preprocess)

    def load(self) -> Dataset:
        """Reads the data of the source, with all of its sets.

        Raises:
            DataError: the data is missing, damaged or empty.
            SettingError: a setting of the source does not fit the data.
        """
        return self.source.load(unknown=self.unknown)


class StartFrom(Spec):
    """Initial weights from another run; preprocessing and optimizer state are new."""

    shorthand: ClassVar[str | None] = "checkpoint"
    checkpoint: FilePath = Field(
        description="A checkpoint file, or a run's folder for its best checkpoint.",
        examples=["runs/base-1a2b3c4d"],
    )
    mismatched: Literal["error", "initialize"] = Field(
        "error",
        description="Parameters that the checkpoint lacks or has in another shape: an error, or "
        "initial values.",
    )


class Training(Spec):
    """Training length, batch size and monitoring."""

    epochs: Count | None = Field(None, description="Passes over the training set; default: 10.")
    steps: Count | None = Field(None, description="The number of updates, instead of epochs.")
    batch_size: Count = Field(32, description="Samples per update; at most the whole training set.")
    batch_tokens: Count | None = Field(
        None,
        description="For texts, the most symbols in a batch of texts of similar length, counted "
        "with padding, instead of `batch_size`.",
    )
    evaluate_every: Count | None = Field(
        None, description="Steps between evaluations; default: one epoch."
    )
    evaluate_on: Annotated[tuple[Literal["validation", "test"], ...], Listed] | None = Field(
        None, description="The sets to evaluate during training; default: validation, if any."
    )
    metrics: Annotated[tuple[Annotated[str, OneOf("metric", METRICS)], ...], Listed] = Field(
        (),
        description="Metrics to compute in addition to loss and accuracy, or loss, mae, rmse and "
        "r2.",
    )
    checkpoint_every: Count | None = Field(
        None,
        description="Steps between additional saves; evaluations are saved anyway, at most twice a "
        "second.",
    )
    monitor: str | None = Field(
        None,
        description="The metric that selects the best checkpoint, such as validation.accuracy; "
        "default: validation.loss, or the training objective if there is no validation set. `last` "
        "selects the last one, for instance if augmentation makes the training loss too noisy.",
    )
    start_from: StartFrom | None = Field(
        None, description="Start from the weights of another run instead of initial values."
    )
    accumulate: Count = Field(1, description="Batches whose gradients are averaged for one update.")
    averaging: AnyAveraging | None = Field(
        None, description="Evaluate and save an average of the weights over the steps."
    )
    teacher_forcing: AnyTeacherForcing | None = Field(
        None,
        description="The probability that a decoder is given the target's symbols rather than its "
        "own; default: always.",
    )
    precision: Literal["float32", "float64"] = Field(
        "float32", description="The floating-point type."
    )
    threads: Count | None = Field(
        None,
        description="Threads for matrix products, or for the parts of a batch of images; under MPI "
        "those of all processes together; default: chosen by the size of the layers.",
    )

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if self.epochs is not None and self.steps is not None:
            raise ValueError("epochs and steps both set the training length; use one of them")
        return self


class Config(Spec):
    """A complete config: the data, the five choices, and how to train.

    The five are architecture, activation, loss, optimizer and regularization.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=80)] = Field(
        "run", description="The run folder is runs/NAME-HASH; default: the file's name."
    )
    seed: Annotated[int, Field(ge=0, lt=1 << 63)] = Field(
        0,
        description="Seed of all random draws. The same seed gives the same bits on the same "
        "machine, with the same versions and number of threads.",
    )
    data: Data
    architecture: Architecture
    activation: Activations = Activations()
    loss: AnyLoss = Field(CrossEntropy(), description="The objective to minimize.")
    optimizer: AnyOptimizer = Field(Adam(), description="The update rule.")
    regularization: Regularization = Regularization()
    training: Training = Training()
    decoding: AnyDecoding | None = Field(
        None,
        description="How texts are written, symbol by symbol; default: greedy for an encoder and "
        "decoder, sampling for a language model.",
    )
    expect: Gates = Field(
        default_factory=dict,
        description="Gates on final metrics, such as test.accuracy: {min: 0.98}; the exit code "
        "is 4 if one is not met.",
    )
    _document: Node | None = PrivateAttr(None)

    def resolved(self) -> dict[str, Any]:
        """The config's settings, including defaults, as plain data."""
        return self.model_dump(mode="json")

    def to_yaml(self) -> str:
        """The resolved config as YAML that `load_config` reads back as the same config."""
        return dump_yaml(self.resolved())

    @property
    def document(self) -> Node | None:
        """The document that the config was read from; None if it was created in Python."""
        return self._document

    def read_from(self, document: Node) -> Self:
        """Remembers the document that the config was read from, for the location of its values."""
        self._document = document
        return self

    def origin(self, path: SettingPath) -> str:
        """The origin of a setting, as `file:line:column` or `--set …`; "" if it is a default."""
        if self._document is None:
            return ""
        _, node, exact = find_setting(Config, self._document, path)
        return str(node.mark) if exact else ""

    @contextmanager
    def locating(self) -> Iterator[None]:
        """Turns a `SettingError` raised inside into a `ConfigError` with file, line and column."""
        try:
            yield
        except SettingError as error:
            raise self.located([error]) from None

    def located(self, errors: Sequence[SettingError]) -> ConfigError:
        """The error that tells of wrong settings, with file, line and column."""
        code = max(error.exit_code for error in errors)
        if self._document is None:
            return ConfigError([Problem("", error.path, error.message) for error in errors], code)
        return located(Config, self._document, errors, code)
