"""The config's `architecture` and `activation` sections, and the layers they stand for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, cast

from pydantic import Field

from nnkit.config.spec import Listed, Spec, members
from nnkit.errors import SettingError, SettingPath
from nnkit.nn.activations import AnyActivation, ReLU
from nnkit.nn.form import Form, ShapeError
from nnkit.nn.initializers import AnyInitializer, He, Xavier, Zeros
from nnkit.nn.layer import LayerSpec, Stage
from nnkit.nn.layers import ActivationLayer, AnyLayer, Dropout, GaussianNoise
from nnkit.nn.layers.weighted import ActivatedLayer
from nnkit.nn.losses import Loss

MOST_PARAMETERS = 1 << 31  # in one layer: 8 GiB in float32, and as much again for gradients


class Architecture(Spec):
    """The layers, from top to bottom; the input shape comes from the data."""

    layers: Annotated[tuple[AnyLayer, ...], Listed, Field(min_length=1)]
    initializer: AnyInitializer | None = Field(
        None, description="For all weights; default: He before a rectifier, else Xavier."
    )
    bias_initializer: AnyInitializer = Field(Zeros(), description="For all biases.")

    @property
    def weighted(self) -> tuple[int, ...]:
        """The indices of the layers with weights."""
        return tuple(i for i, x in enumerate(self.layers) if isinstance(x, ActivatedLayer))

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

    @property
    def own_output(self) -> AnyActivation | None:
        """The output's activation, where the last layer with weights names it as its own."""
        return None if self.last_is_hidden else own_activation(self.layers[self.last])

    @property
    def last_is_hidden(self) -> bool:
        """Whether an activation is written for the last layer with weights, and pooling after that.

        Or another layer over positions. The output's activation comes after those, as in Network
        in Network: its last ReLU stands before global pooling, the softmax after it.

        Lin, Chen & Yan 2014, *Network in network*, ICLR, §3.2.
        """
        place = self.last
        if own_activation(self.layers[place]) is None:
            written = _written(self.layers, place)
            return written is not None and self.goes_on(written)
        return self.goes_on(place)

    def goes_on(self, index: int) -> bool:
        """Whether a layer over positions, such as pooling, comes after the one of that index."""
        return any(layer.precedes_output for layer in self.layers[index + 1 :])


class Activations(Spec):
    """The activations of the hidden layers and the output, and one applied at inference."""

    shorthand: ClassVar[str | None] = "hidden"
    hidden: AnyActivation | None = Field(
        None, description="After every layer with weights except the last; default: relu."
    )
    output: AnyActivation | None = Field(
        None, description="After the last layer; default: the one that matches the loss."
    )
    inference: AnyActivation | None = Field(
        None, description="Applied to the output when predicting, such as sign for a perceptron."
    )


def build_stages(
    architecture: Architecture,
    activations: Activations,
    loss: Loss,
    form: Form,
    dropout: float | None = None,
    input_noise: float | None = None,
) -> tuple[Stage, ...]:
    """The layers with activations, dropout and initializers filled in, and shapes known.

    The last stage is always the output activation.

    Args:
        architecture: the section.
        activations: the section.
        loss: names the output activation where the config does not.
        form: of one sample, such as `Form(4)` or `Form(1, (28, 28))`.
        dropout: rate after every hidden activation, or None.
        input_noise: standard deviation of noise on the inputs, or None.

    Raises:
        SettingError: a layer can't take the shape that reaches it, or there is nothing to train.
    """
    stages: list[Stage] = []
    for name, spec, path in _links(architecture, activations, loss, dropout, input_noise):
        try:
            stage = Stage.of(name, spec, form)
            count = sum(parameter.size for parameter in stage.parameters)
        except ShapeError as error:
            raise SettingError((*path, *error.path), str(error)) from None
        if count > MOST_PARAMETERS:
            raise SettingError(path, f"{count:,} parameters do not fit into memory")
        stages.append(stage)
        form = stage.output_form
    return tuple(stages)


def _links(
    architecture: Architecture,
    activations: Activations,
    loss: Loss,
    dropout: float | None,
    input_noise: float | None,
) -> Iterator[tuple[str, LayerSpec, SettingPath]]:
    layers, last = architecture.layers, architecture.last
    own = architecture.own_output
    output = own or activations.output or activation_named(loss.output)
    awaiting = None if architecture.last_is_hidden else last
    if input_noise is not None:
        yield "input.noise", GaussianNoise(std=input_noise), ("regularization", "input_noise")
    filling = _Filling(architecture, activations, dropout)
    for index, suffix, spec, path in filling.completed(layers, awaiting, output, ("architecture",)):
        yield f"layers.{index}{suffix}", spec, path
    place: SettingPath = ("activation", "output")
    if own is not None:
        place = ("architecture", "layers", last, "activation")
    yield "output", ActivationLayer(function=output), place


@dataclass(frozen=True, slots=True)
class _Filling:
    """What stands in a list of layers unwritten: activations, dropout, initializers."""

    architecture: Architecture
    activations: Activations
    dropout: float | None

    def completed(
        self,
        layers: Sequence[LayerSpec],
        last: int | None,
        final: AnyActivation,
        place: SettingPath,
    ) -> Iterator[tuple[int, str, LayerSpec, SettingPath]]:
        """The layers with what stands between them.

        Args:
            layers: as the config lists them.
            last: the one whose activation, `final`, comes later.
            final: the activation that follows the last.
            place: of the setting `layers` whose they are.

        Yields:
            The index in `layers` to which a layer belongs, what of it this is, the layer, and the
            setting that stands for it.
        """
        hidden = self.activations.hidden or ReLU()
        awaited: tuple[int, AnyActivation, SettingPath] | None = None  # an activation yet to come
        for index, layer in enumerate(layers):
            path = (*place, "layers", index)
            activated = layer.applied_activation is not None
            if not isinstance(layer, ActivatedLayer):
                yield index, "", layer, (*path, "function") if activated else path
            elif index == last:
                yield index, "", self._decided(layer, final, path), path
            else:
                written = written_activation(layers, index)  # as a layer of its own, after this
                follows = layer.activation or written or hidden
                yield index, "", self._decided(layer, follows, path), path
                if layer.activation is not None or written is None:
                    awaited = index, follows, _place(layer, self.activations, path)
            if awaited is not None and not _postponed(awaited[1], layers, index):
                yield awaited[0], ".activation", ActivationLayer(function=awaited[1]), awaited[2]
                awaited, activated = None, True
            activated = activated and not _activation_follows(layers, index)
            if self.dropout is not None and activated and (last is None or index < last):
                dropout = Dropout(rate=self.dropout)
                yield index, ".dropout", dropout, ("regularization", "dropout")

    def _decided(
        self, layer: ActivatedLayer, follows: AnyActivation, path: SettingPath
    ) -> LayerSpec:
        """The layer with its initializers decided, and a block with what stands inside."""
        usual = He() if follows.rectifier else Xavier()
        initializer = self.architecture.initializer or usual
        bias = self.architecture.bias_initializer

        def fill(layers: Sequence[LayerSpec]) -> Iterator[tuple[int, LayerSpec]]:
            weighted = [i for i, x in enumerate(layers) if isinstance(x, ActivatedLayer)]
            last = weighted[-1] if weighted else None
            if last is not None and own_activation(layers[last]) is not None:
                last = None
            for index, _, spec, _ in self.completed(layers, last, follows, path):
                yield index, spec

        return layer.decided(initializer, bias, fill)


def _place(layer: LayerSpec, activations: Activations, path: SettingPath) -> SettingPath:
    """The setting that says what follows a hidden layer."""
    if own_activation(layer) is not None:
        return (*path, "activation")
    return ("activation", "hidden") if activations.hidden is not None else path


def own_activation(layer: LayerSpec) -> AnyActivation | None:
    """The activation that a layer with weights names itself, or None."""
    return layer.activation if isinstance(layer, ActivatedLayer) else None


def written_activation(layers: Sequence[LayerSpec], index: int) -> AnyActivation | None:
    """The first activation that the config writes as a layer between this one and the next weights.

    None where it writes none. As in PyTorch and Keras, `conv`, `max_pool`, `activation: tanh` is
    the tanh of the largest, and no other activation stands before the pooling.
    """
    written = _written(layers, index)
    if written is None:
        return None
    return cast("AnyActivation | None", layers[written].applied_activation)


def _written(layers: Sequence[LayerSpec], index: int) -> int | None:
    """The index of the layer that is that activation."""
    for following in range(index + 1, len(layers)):
        if layers[following].applied_activation is not None:
            return following
        if isinstance(layers[following], ActivatedLayer):
            return None
    return None


def _activation_follows(layers: Sequence[LayerSpec], index: int) -> bool:
    """Whether an activation is written next, at most behind normalizations."""
    while _normalization_follows(layers, index):
        index += 1
    return index + 1 < len(layers) and layers[index + 1].applied_activation is not None


def _normalization_follows(layers: Sequence[LayerSpec], index: int) -> bool:
    return index + 1 < len(layers) and layers[index + 1].normalizes


def _postponed(activation: AnyActivation, layers: Sequence[LayerSpec], index: int) -> bool:
    """Whether an activation after this layer stands behind the next one.

    A normalization comes before it. And the largest of several numbers is, under ReLU, the largest
    of their ReLUs, with the same gradients: taken first, there are fewer numbers to rectify.
    """
    if _normalization_follows(layers, index):
        return True
    selects = index + 1 < len(layers) and layers[index + 1].selects
    return selects and isinstance(activation, ReLU)


def activation_named(tag: str) -> AnyActivation:
    """The activation of that name, with its default settings."""
    return cast("AnyActivation", members(AnyActivation)[tag].model_validate({"kind": tag}))
