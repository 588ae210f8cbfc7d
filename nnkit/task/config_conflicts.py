"""Checks between the sections of a config: settings that another one overrides or rules out."""

from __future__ import annotations

from collections.abc import Iterator

from nnkit.errors import SettingError, SettingPath
from nnkit.metrics import METRICS, METRICS_OF
from nnkit.nn.activation import Activation
from nnkit.nn.activations.function import Function
from nnkit.nn.architecture import (
    Threshold,
    activation_named,
)
from nnkit.nn.layer_list import Following
from nnkit.nn.layer_spec import LayerSpec
from nnkit.nn.layers.embedding import Embedding
from nnkit.nn.layers.weighted import InitializedLayer, TrainedLayer
from nnkit.nn.loss import Loss
from nnkit.nn.seq2seq.attention import Attention
from nnkit.task.config import Config, Training
from nnkit.task.gate import impossible_bounds
from nnkit.task.predictions import gives_probabilities


def checked(config: Config) -> Config:
    """A config whose sections fit together.

    Raises:
        ConfigError: some settings conflict; lists every conflict.
    """
    if errors := list(conflicts(config)):
        raise config.located(errors)
    return config


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
    yield from _lazy_conflicts(config)
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
    if regularization.l1_strength:
        yield SettingError(
            ("regularization", "elastic_net" if regularization.elastic_net else "l1"),
            f"'{optimizer.tag()}' needs a smooth objective, but the l1 penalty has a kink at 0; "
            "use sgd with l1: {proximal: true}",
        )


def _lazy_conflicts(config: Config) -> Iterator[SettingError]:
    """Checks that nothing would change the vectors that a lazy embedding leaves as they are."""
    optimizer, reason = config.optimizer, ""
    if optimizer.full_batch or optimizer.per_block or optimizer.radius is not None:
        reason = f"'{optimizer.tag()}' takes the vectors of all ids together; use adam or sgd"
    elif config.regularization.l1_is_proximal:
        reason = "the proximal step of the l1 penalty shrinks all vectors; use proximal: false"
    for path, layer in _layers(config):
        if reason and isinstance(layer, Embedding) and layer.lazy:
            yield SettingError((*path, "lazy"), f"{reason}, or remove lazy")


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
    output, blamed, _ = _output(config)
    yield from _last_layer_conflicts(config, output)
    yield from _loss_conflicts(config.loss, output, blamed)
    yield from _threshold_conflicts(config.activation.threshold, output)
    if not gives_probabilities(output):
        for i, name in enumerate(config.training.metrics):
            if METRICS[name].statistic.takes == "probabilities":
                yield SettingError(
                    ("training", "metrics", i),
                    f"'{name}' needs probabilities, which '{output.tag()}' does not return",
                )
    inference = config.activation.inference
    if inference is not None and inference.is_threshold and output.nonnegative:
        yield SettingError(
            ("activation", "inference"),
            f"'{inference.tag()}' splits outputs at 0, but '{output.tag()}' is never negative; "
            "remove it",
        )
    layers = config.architecture.layer_list
    units = layers.layers[layers.last].output_units
    if units is not None and units < output.least_units:
        yield SettingError(
            (*layers.path_of(layers.last), "units"),
            f"{output.tag()} over 1 unit is always {'0' if output.log_probability else '1'}; use "
            "one unit per class, or binary_cross_entropy with 1",
        )


def _last_layer_conflicts(config: Config, output: Activation) -> Iterator[SettingError]:
    """Checks that the last layer's own activation is the only one, or no probability."""
    layers = config.architecture.layer_list
    own = layers.own_activation(layers.last)
    if own is None:
        return
    if not layers.last_is_hidden and config.activation.output is not None:
        yield SettingError(
            ("activation", "output"),
            f"layer {layers.last} sets its own activation, '{own.tag()}'; keep one of the two",
        )
    if layers.last_is_hidden and own == output and output.probability:
        yield SettingError(
            (*layers.path_of(layers.last), "activation"),
            f"'{own.tag()}' would be applied after this layer and again at the end; "
            f"remove it here, or, if both are intended, add '- activation: {own.tag()}' after it",
        )


def _loss_conflicts(loss: Loss, output: Activation, blamed: SettingPath) -> Iterator[SettingError]:
    """Checks that the loss can learn from the outputs; `blamed` is the setting that names them."""
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
