"""The root of a config: all sections, and the checks between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, PrivateAttr, model_validator

from nnkit.config.file_kinds import check_is_config
from nnkit.config.load import IsValue, apply_override, load_document
from nnkit.config.spec import Count, FilePath, Listed, OneOf, Spec
from nnkit.config.validation import find_setting, located, validate
from nnkit.config.yaml import Mark, Node, dump_yaml, node_of
from nnkit.data.augment import AnyAugmentation
from nnkit.data.dataset import Dataset
from nnkit.data.preprocess import AnyStep, unknown_words
from nnkit.data.sources import AnySource
from nnkit.data.splits import Split
from nnkit.data.tables.conversion import UnknownWords
from nnkit.data.target_scaling import AnyTargetScaling, Unscaled
from nnkit.data.text.text_coding import TextCoding
from nnkit.data.text_windows import TextWindows
from nnkit.decoding import AnyDecoding
from nnkit.errors import ConfigError, Problem, SettingError, SettingPath, UsageError
from nnkit.metrics import METRICS, METRICS_OF
from nnkit.nn.activations import Function
from nnkit.nn.architecture import (
    Activations,
    Architecture,
    Threshold,
    activation_named,
)
from nnkit.nn.layer import Activation, LayerSpec
from nnkit.nn.layer_list import Following
from nnkit.nn.layers.embedding import Embedding
from nnkit.nn.layers.weighted import InitializedLayer, TrainedLayer
from nnkit.nn.losses import AnyLoss, CrossEntropy
from nnkit.nn.seq2seq.attention import Attention
from nnkit.nn.seq2seq.teacher_forcing import AnyTeacherForcing
from nnkit.optim.averaging import AnyAveraging
from nnkit.optim.optimizers import Adam, AnyOptimizer
from nnkit.optim.regularization import Regularization
from nnkit.task.answers import gives_probabilities
from nnkit.task.gate import Gates, impossible_bounds

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
            raise self._config_error([error]) from None

    def _config_error(self, errors: Sequence[SettingError]) -> ConfigError:
        code = max(error.exit_code for error in errors)
        if self._document is None:
            return ConfigError([Problem("", error.path, error.message) for error in errors], code)
        return located(Config, self._document, errors, code)

    def check(self) -> Self:
        """Checks that the sections fit together.

        Raises:
            ConfigError: some settings conflict; lists every conflict.
        """
        if errors := list(conflicts(self)):
            raise self._config_error(errors)
        return self


ConfigLike = str | Path | Mapping[str, Any] | Config


def load_config(config: ConfigLike, overrides: str | Sequence[str] = ()) -> Config:
    """Reads, extends, overrides and validates a config.

    Args:
        config: a YAML file, or the same as a mapping, or a config to be changed.
        overrides: a text such as `optimizer.lr=0.01`, with the value in YAML, or several.

    Returns:
        The config, with the location of each of its values.

    Raises:
        ConfigError: the config is invalid; lists every problem with file, line and column.
        UsageError: an override is malformed, or there is no config.
    """
    if isinstance(config, Config) and not overrides:
        return config
    return config_in(document_of(config, overrides))


def document_of(config: ConfigLike, overrides: str | Sequence[str] = ()) -> Node:
    """A config as nodes, not yet validated; arguments and errors as for `load_config`."""
    overrides = [overrides] if isinstance(overrides, str) else overrides
    if isinstance(config, str | Path):
        return config_document(config, overrides)
    if isinstance(config, Config):
        document = _document_of(config)
    elif isinstance(config, Mapping):
        document = node_of(dict(config), Mark("config"))
    else:
        raise UsageError(
            f"expected a config: a path, a mapping or a Config, not {type(config).__name__}"
        )
    for text in overrides:
        document = apply_override(document, text)
    return document


def _document_of(config: Config) -> Node:
    """The document of a config, with positions, unless the config was changed since."""
    document, settings = config._document, config.resolved()
    if document is not None and config_in(document).resolved() == settings:
        return document
    return node_of(settings, Mark("config"))


def config_document(
    path: str | Path, overrides: Sequence[str] = (), is_value: IsValue = lambda _: False
) -> Node:
    """Reads a config file as nodes, with the name that the config has if it gives none.

    Args:
        path: the YAML file.
        overrides: texts such as `optimizer.lr=0.01`, values in YAML.
        is_value: whether a mapping is a value, which replaces an inherited one.

    Raises:
        ConfigError: a file cannot be read or is not YAML.
        UsageError: an override is malformed.
    """
    document = load_document(path, overrides, is_value)
    if document.child("name") is None:
        name = "".join(
            c if (c.isalnum() and c.isascii()) or c in "._-" else "-" for c in Path(path).stem
        )
        origin = Mark("the file's name")
        named = Node(name.lstrip("._-")[:80] or "run", origin, origin)
        document = Node({"name": named, **document.value}, document.mark, document.key)
    return document


def config_in(document: Node) -> Config:
    """Validates and checks the config in a document, and stores the location of its values.

    Raises:
        ConfigError: the config is invalid; lists every problem with file, line and column.
    """
    check_is_config(document)
    config = validate(Config, document)
    config._document = document
    return config.check()


def config_from(settings: dict[str, Any]) -> Config:
    """Creates a config from plain data, such as the header of a checkpoint.

    Raises:
        ConfigError: the config is invalid.
    """
    return validate(Config, node_of(settings, Mark("config"))).check()


def conflicts(config: Config) -> Iterator[SettingError]:
    """Yields an error for each setting that another one overrides or rules out."""
    outputs = config.architecture.layer_list
    if not outputs.weighted:
        yield SettingError(
            (*outputs.path, outputs.key), "no layer has weights; add '- dense: UNITS'"
        )
        return
    yield from _activation_conflicts(config)
    yield from _output_conflicts(config)
    yield from _target_conflicts(config)
    yield from _dropout_conflicts(config)
    yield from _optimizer_conflicts(config)
    yield from impossible_bounds(config.expect)
    if config.data.windows is not None and config.data.targets != "next":
        yield SettingError(("data", "windows"), "has no effect without 'targets: next'")
    yield from _idle_settings(config)


def _target_conflicts(config: Config) -> Iterator[SettingError]:
    """Checks that a scaling of targets has targets to scale, which the output can reach."""
    scaling, loss, output = config.data.target, config.loss, _output(config).activation
    path, named = ("data", "target"), f"'{config.data.target.tag()}'"
    if not scaling.scales:
        return
    if config.data.targets == "inputs":
        yield SettingError(
            path, "has no effect: the targets are the inputs, which data.preprocess scales"
        )
    elif loss.coding != "number":
        yield SettingError(
            path, f"{named} scales numbers to predict, but '{loss.tag()}' is a loss for classes"
        )
    elif scaling.signed and output.nonnegative:
        yield SettingError(
            path,
            f"{named} makes targets of either sign, but the output '{output.tag()}' is never "
            "negative; use 'minmax', or 'identity' as the output activation",
        )


def _layers(config: Config) -> Iterator[tuple[SettingPath, LayerSpec]]:
    """Yields each layer of the config, including those inside blocks, with its setting."""
    for layers in config.architecture.all_lists():
        for index, layer in enumerate(layers.layers):
            yield layers.path_of(index), layer


def _trained_layers(config: Config) -> list[tuple[SettingPath, TrainedLayer]]:
    return [(path, layer) for path, layer in _layers(config) if isinstance(layer, TrainedLayer)]


def _threshold_conflicts(threshold: Threshold | None, output: Activation) -> Iterator[SettingError]:
    path = ("activation", "threshold")
    if threshold is None:
        return
    if threshold.maximize is not None:
        known = METRICS_OF["classes"]
        fitting = [name for name, m in known.items() if m.statistic.takes == "decisions"]
        if threshold.maximize not in fitting:
            yield SettingError(
                (*path, "maximize"),
                f"'{threshold.maximize}' is no metric of decisions; available: "
                f"{', '.join(fitting)}",
            )
    elif gives_probabilities(output) and not 0 < (threshold.value or 0) < 1:
        yield SettingError(
            path, f"a probability between 0 and 1 is expected, got {threshold.value:g}"
        )


def _dropout_conflicts(config: Config) -> Iterator[SettingError]:
    layers = config.architecture.layer_list
    if config.regularization.dropout is None:
        return
    if len(layers.weighted) == 1 and not layers.last_is_hidden:
        yield SettingError(("regularization", "dropout"), "has no effect: there is no hidden layer")
    if any(layer.drops_units for _, layer in _layers(config)):
        yield SettingError(
            ("regularization", "dropout"),
            "the architecture already has dropout layers; keep one of the two",
        )


def _idle_settings(config: Config) -> Iterator[SettingError]:
    """Checks for weight settings that leave nothing to train, or that every layer overrides."""
    trained = _trained_layers(config)
    if trained and all(layer.lr_factor == 0 for _, layer in trained):
        yield SettingError(
            (*trained[0][0], "lr_factor"), "all layers are frozen; at least one must be trainable"
        )
    if config.training.teacher_forcing is not None and not config.architecture.decoder:
        yield SettingError(("training", "teacher_forcing"), "has no effect: there is no decoder")
    needing = None if config.decoding is None else config.decoding.of_attention
    if needing and not any(isinstance(layer, Attention) for _, layer in _layers(config)):
        yield SettingError(("decoding", needing), "needs a decoder with attention to the source")
    initialized = (layer for _, layer in _layers(config) if isinstance(layer, InitializedLayer))
    if config.architecture.initializer is not None and all(x.initializer for x in initialized):
        yield SettingError(
            ("architecture", "initializer"), "has no effect: every layer sets its own"
        )


def _optimizer_conflicts(config: Config) -> Iterator[SettingError]:
    """Checks for settings that the optimizer ignores, and for those that it requires."""
    optimizer, regularization, training = config.optimizer, config.regularization, config.training
    required = optimizer.required_l2
    if required is not None and regularization.l2_strength != required:
        yield SettingError(
            ("optimizer", "strength"),
            f"{optimizer.tag()} minimizes the loss with the penalty λ/2·|w|²; "
            f"set regularization.l2 to the same λ, {required:g}",
        )
    decay = optimizer.decay + regularization.weight_decay
    if optimizer.lr * decay >= 1:
        inside = ("optimizer", "weight_decay") if optimizer.decay else None
        yield SettingError(
            inside or ("regularization", "weight_decay"),
            f"lr · weight_decay must be below 1, but is {optimizer.lr * decay:g}",
        )
    if not optimizer.full_batch:
        return
    usual = Training.model_fields["batch_size"].default  # a resolved config contains it explicitly
    unused: list[tuple[SettingPath, bool]] = [
        (("training", "batch_size"), training.batch_size != usual),
        (("training", "accumulate"), training.accumulate > 1),
        (("optimizer", "clip"), optimizer.clip is not None),
        (("regularization", "weight_decay"), bool(regularization.weight_decay)),
        (("regularization", "weight_noise"), regularization.weight_noise is not None),
        (("regularization", "max_norm"), regularization.max_norm is not None),
    ]
    for path, given in unused:
        if given:
            yield SettingError(
                path, f"has no effect: '{optimizer.tag()}' uses all samples in every step"
            )
    for path, layer in _trained_layers(config):
        if layer.lr_factor not in (0, 1):
            yield SettingError(
                (*path, "lr_factor"),
                f"'{optimizer.tag()}' uses the same step for all layers; use 1, or 0 to freeze "
                "the layer",
            )
        if isinstance(layer, Embedding) and layer.lazy:
            yield SettingError(
                (*path, "lazy"),
                f"has no effect: '{optimizer.tag()}' uses all samples in every step",
            )
    if regularization.l1_strength:
        yield SettingError(
            ("regularization", "elastic_net" if regularization.elastic_net else "l1"),
            f"'{optimizer.tag()}' needs a smooth objective, but the l1 penalty has a kink at 0; "
            "use sgd with l1: {proximal: true}",
        )


def _activation_conflicts(config: Config) -> Iterator[SettingError]:
    section, layers = config.activation, config.architecture.layer_list
    for i in range(layers.last + 1, len(layers.layers)):
        if layers.layers[i].applied_activation is not None and not layers.spatial_layer_follows(i):
            yield SettingError(
                layers.path_of(i),
                "the output activation would follow this one; set it as activation.output",
            )
    activations = list(_activations(config))
    by_section = any(path == ("activation", "hidden") for path, _ in activations)
    if section.hidden is not None and not by_section:
        yield SettingError(("activation", "hidden"), "has no effect: no hidden layer uses it")
    inference = section.inference
    if inference is not None and not isinstance(inference, Function):
        yield SettingError(
            ("activation", "inference"),
            f"'{inference.tag()}' has parameters or changes the shape; use it in the network "
            "instead",
        )
    for path, activation in dict(activations).items():
        if not activation.trainable:
            yield SettingError(
                path,
                f"'{activation.tag()}' has no gradient, so no layer before it would learn; "
                "use it as activation.inference",
            )


def _activations(config: Config) -> Iterator[tuple[SettingPath, Activation]]:
    """Yields each activation that gradients pass through, with the setting that names it."""
    for layers in config.architecture.all_lists():
        for index, layer in enumerate(layers.layers):
            if index in layers.weighted and index != layers.output_layer:
                following = layers.following(index, config.activation.hidden)
                yield following.path, following.activation
            elif layer.applied_activation is not None:
                yield (*layers.path_of(index), "function"), layer.applied_activation
    output = _output(config)
    yield output.path, output.activation


def _output(config: Config) -> Following:
    """The output activation and the setting that names it."""
    of_loss = activation_named(config.loss.output)
    return config.architecture.layer_list.output(config.activation.output, of_loss)


def _output_conflicts(config: Config) -> Iterator[SettingError]:
    """Checks that the output activation fits the loss, the metrics and `activation.inference`."""
    loss, layers, section = config.loss, config.architecture.layer_list, config.activation
    last, own = layers.last, layers.own_activation(layers.last)
    output, blamed, _ = _output(config)
    if own is not None and not layers.last_is_hidden and section.output is not None:
        yield SettingError(
            ("activation", "output"),
            f"layer {last} sets its own activation, '{own.tag()}'; keep one of the two",
        )
    if own is not None and layers.last_is_hidden and own == output and output.probability:
        yield SettingError(
            (*layers.path_of(last), "activation"),
            f"'{own.tag()}' would be applied after this layer and again at the end; "
            f"remove it here, or, if both are intended, add '- activation: {own.tag()}' after it",
        )
    pair = f"'{loss.tag()}' expects"
    if loss.outputs is not None and output.tag() not in loss.outputs:
        instead = ", or binary_cross_entropy" if loss.output == "softmax" else ""
        yield SettingError(
            blamed,
            f"{pair} {loss.expected_outputs}, which '{output.tag()}' does not return; "
            f"use '{loss.output}'{instead}",
        )
    elif loss.coding == "signed" and output.nonnegative:
        yield SettingError(
            blamed,
            f"{pair} outputs of either sign, but '{output.tag()}' is never negative; "
            "use 'identity'",
        )
    yield from _threshold_conflicts(section.threshold, output)
    if not gives_probabilities(output):
        for i, name in enumerate(config.training.metrics):
            if METRICS[name].statistic.takes == "probabilities":
                yield SettingError(
                    ("training", "metrics", i),
                    f"'{name}' needs probabilities, which '{output.tag()}' does not return",
                )
    inference = section.inference
    if inference is not None and inference.is_threshold and output.nonnegative:
        yield SettingError(
            ("activation", "inference"),
            f"'{inference.tag()}' splits outputs at 0, but '{output.tag()}' is never negative; "
            "remove it",
        )
    units = layers.layers[last].output_units
    if units is not None and units < output.least_units:
        yield SettingError(
            (*layers.path_of(last), "units"),
            f"{output.tag()} over 1 unit is always {'0' if output.log_probability else '1'}; use "
            "one unit per class, or binary_cross_entropy with 1",
        )
