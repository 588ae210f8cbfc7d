"""The config's `architecture` and `activation` sections, and the chain of layers they stand for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, cast

from pydantic import Field

from nnkit.config.base import Listed, Spec, members
from nnkit.errors import SettingError, SettingPath
from nnkit.nn.activations import AnyActivation, ReLU
from nnkit.nn.initializers import AnyInitializer, He, Xavier, Zeros
from nnkit.nn.layer import LayerSpec, ShapeError
from nnkit.nn.layers import ActivationLayer, AnyLayer, Dropout, Noise
from nnkit.nn.layers.base import WeightedLayer
from nnkit.nn.losses import Loss
from nnkit.nn.params import Shape

MOST_PARAMETERS = 1 << 31  # in one layer: 8 GiB in float32, and as much again for gradients


class Architecture(Spec):
    """The layers, read top to bottom; the input's shape comes from the data."""

    layers: Annotated[tuple[AnyLayer, ...], Listed, Field(min_length=1)]
    initializer: AnyInitializer | None = Field(
        None, description="Of all weights; by default He before a rectifier, else Xavier."
    )
    bias_initializer: AnyInitializer = Field(Zeros(), description="Of all biases.")

    @property
    def weighted(self) -> tuple[int, ...]:
        """The indices of the layers with weights."""
        return tuple(i for i, x in enumerate(self.layers) if isinstance(x, WeightedLayer))

    @property
    def last(self) -> int:
        """The index of the last layer with weights, whose outputs are the network's.

        Raises:
            SettingError: no layer has weights.
        """
        if not self.weighted:
            raise SettingError(
                ("architecture", "layers"), "no layer here has weights; add '- dense: …'"
            )
        return self.weighted[-1]


class Activations(Spec):
    """Which activation follows hidden layers, which the output, and which answers at inference."""

    shorthand: ClassVar[str | None] = "hidden"
    hidden: AnyActivation | None = Field(
        None, description="After every layer with weights but the last; relu by default."
    )
    output: AnyActivation | None = Field(
        None, description="After the last; by default the one that goes with the loss."
    )
    inference: AnyActivation | None = Field(
        None, description="Applied to the output when predicting, such as sign for a perceptron."
    )


@dataclass(frozen=True, slots=True)
class Stage:
    """One link of the chain: a layer and its name.

    Attributes:
        input_shape, output_shape: of one sample.
    """

    name: str
    spec: LayerSpec
    input_shape: Shape
    output_shape: Shape


def chain(
    architecture: Architecture,
    activations: Activations,
    loss: Loss,
    input_shape: Shape,
    dropout: float | None = None,
    input_noise: float | None = None,
) -> tuple[Stage, ...]:
    """The layers with activations, dropout and initializers filled in, and shapes known.

    The last stage is always the output activation.

    Args:
        architecture: the section.
        activations: the section.
        loss: names the output activation where the config does not.
        input_shape: of one sample, such as (4,) or (1, 28, 28).
        dropout: rate after every hidden activation, or None.
        input_noise: standard deviation of noise on the inputs, or None.

    Raises:
        SettingError: a layer can't take the shape that reaches it, or there is nothing to train.
    """
    stages: list[Stage] = []
    shape = input_shape
    for name, spec, path in _links(architecture, activations, loss, dropout, input_noise):
        try:
            output = spec.output_shape(shape)
            count = sum(parameter.size for parameter in spec.parameters(shape))
        except ShapeError as error:
            raise SettingError((*path, error.field) if error.field else path, str(error)) from None
        if count > MOST_PARAMETERS:
            raise SettingError(path, f"{count:,} parameters are more than fit into memory")
        stages.append(Stage(name, spec, shape, output))
        shape = output
    return tuple(stages)


def _links(
    architecture: Architecture,
    activations: Activations,
    loss: Loss,
    dropout: float | None,
    input_noise: float | None,
) -> Iterator[tuple[str, LayerSpec, SettingPath]]:
    layers, last = architecture.layers, architecture.last
    hidden = activations.hidden or ReLU()
    output = own_activation(layers[last]) or activations.output or activation_named(loss.output)
    if input_noise is not None:
        yield "input.noise", Noise(std=input_noise), ("regularization", "input_noise")
    awaited: tuple[str, AnyActivation, SettingPath] | None = None  # an activation yet to come
    for index, layer in enumerate(layers):
        name, path = f"layers.{index}", ("architecture", "layers", index)
        activated = isinstance(layer, ActivationLayer)
        if not isinstance(layer, WeightedLayer):
            yield name, layer, path
        elif index == last:
            yield name, _initialized(layer, architecture, output), path
        else:
            written = written_activation(layers, index)  # as a layer of its own, after this one
            follows = layer.activation or written or hidden
            yield name, _initialized(layer, architecture, follows), path
            if layer.activation is not None or written is None:
                awaited = f"{name}.activation", follows, path
        if awaited is not None and not _normalization_follows(layers, index):
            yield awaited[0], ActivationLayer(function=awaited[1]), awaited[2]
            awaited, activated = None, True
        activated = activated and written_activation(layers, index) is None
        if dropout is not None and activated and index < last:
            yield f"{name}.dropout", Dropout(rate=dropout), ("regularization", "dropout")
    yield "output", ActivationLayer(function=output), ("activation", "output")


def own_activation(layer: LayerSpec) -> AnyActivation | None:
    """The activation that a layer with weights names itself, or None."""
    return layer.activation if isinstance(layer, WeightedLayer) else None


def written_activation(layers: Sequence[LayerSpec], index: int) -> AnyActivation | None:
    """The activation that the config writes as a layer after this one, or None.

    A normalization may stand between the two.
    """
    while _normalization_follows(layers, index):
        index += 1
    following = layers[index + 1] if index + 1 < len(layers) else None
    return following.function if isinstance(following, ActivationLayer) else None


def _normalization_follows(layers: Sequence[LayerSpec], index: int) -> bool:
    return index + 1 < len(layers) and layers[index + 1].normalizes


def _initialized(
    layer: WeightedLayer, architecture: Architecture, follows: AnyActivation
) -> WeightedLayer:
    """The layer with its initializers decided."""
    usual = He() if follows.rectifier else Xavier()
    chosen: dict[str, Any] = {
        "initializer": layer.initializer or architecture.initializer or usual,
        "bias_initializer": layer.bias_initializer or architecture.bias_initializer,
    }
    return layer.model_copy(update=chosen)


def activation_named(tag: str) -> AnyActivation:
    """The activation of that name, with its default settings."""
    return cast("AnyActivation", members(AnyActivation)[tag].model_validate({"kind": tag}))
