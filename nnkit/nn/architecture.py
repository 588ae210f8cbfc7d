"""The config's `architecture` and `activation` sections, and the layers built from them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar, Self, cast

from pydantic import Field, model_validator

from nnkit.config.spec import Listed, Spec, members
from nnkit.errors import SettingError, SettingPath
from nnkit.nn.activations import AnyActivation
from nnkit.nn.form import Form, ShapeError
from nnkit.nn.initializers import AnyInitializer, He, Xavier, Zeros
from nnkit.nn.layer import LayerSpec, Stage
from nnkit.nn.layer_list import Following, LayerList
from nnkit.nn.layers import ActivationLayer, AnyLayer, Dropout, GaussianNoise
from nnkit.nn.layers.weighted import ActivatedLayer, InitializedLayer
from nnkit.nn.losses import Loss

MOST_PARAMETERS = 1 << 31  # upper bound for one layer: 8 GiB in float32, and the same for gradients


class Architecture(Spec):
    """The layers, from top to bottom; the input shape comes from the data."""

    layers: Annotated[tuple[AnyLayer, ...], Listed, Field(min_length=1)]
    initializer: AnyInitializer | None = Field(
        None, description="For all weights; default: He before a rectifier, else Xavier."
    )
    bias_initializer: AnyInitializer = Field(Zeros(), description="For all biases.")

    @property
    def layer_list(self) -> LayerList:
        """The layers, with the rules that place activations."""
        return LayerList(self.layers, ("architecture",))

    def with_outputs(self, outputs: int) -> Self:
        """The architecture with that many units in its last layer with weights, if set to auto."""
        last = self.layer_list.last
        sized = self.layers[last].with_outputs(outputs)
        if sized is self.layers[last]:
            return self
        return self.model_copy(
            update={"layers": (*self.layers[:last], sized, *self.layers[last + 1 :])}
        )


class Threshold(Spec):
    """The score above which the second of two classes is predicted: a number, or the best one.

    The score is the probability of the class, or the output if that is no probability.
    """

    shorthand: ClassVar[str | None] = "value"
    value: float | None = Field(None, description="The threshold.", examples=[0.5])
    maximize: str | None = Field(
        None,
        description="A metric of decisions, such as f1, whose value on the validation set is to be "
        "highest: chosen after training, with the best weights, and saved in the checkpoint.",
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.value is None) == (self.maximize is None):
            raise ValueError("set either a value or the metric to maximize")
        return self


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
    threshold: Threshold | None = Field(
        None,
        description="The decision threshold of two classes; default: the likelier class is "
        "predicted.",
    )


def build_stages(
    architecture: Architecture,
    activations: Activations,
    loss: Loss,
    form: Form,
    dropout: float | None = None,
    input_noise: float | None = None,
    outputs: int | None = None,
) -> tuple[Stage, ...]:
    """The layers with activations, dropout and initializers filled in and shapes inferred.

    The last stage is always the output activation.

    Args:
        architecture: the config's `architecture` section.
        activations: the config's `activation` section.
        loss: determines the output activation if the config sets none.
        form: the form of one input sample, such as `Form(4)` or `Form(1, (28, 28))`.
        dropout: dropout rate after every hidden activation, or None.
        input_noise: standard deviation of noise on the inputs, or None.
        outputs: the units of an output layer with `units: auto`, or None if none is expected.

    Raises:
        SettingError: a layer does not accept its input form or has too many parameters, or no layer
            has weights.
    """
    if outputs is not None:
        architecture = architecture.with_outputs(outputs)
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
    """Yields each layer's name in the network, its spec, and the setting it comes from."""
    layers = architecture.layer_list
    output = layers.output(activations.output, activation_named(loss.output))
    if input_noise is not None:
        yield "input.noise", GaussianNoise(std=input_noise), ("regularization", "input_noise")
    completion = _Completion(architecture, activations.hidden, dropout)
    for index, suffix, spec, path in completion.of(layers, output.activation):
        yield f"layers.{index}{suffix}", spec, path
    yield "output", ActivationLayer(function=output.activation), output.path


@dataclass(frozen=True, slots=True)
class _Completion:
    """Adds the layers and initializers that the config leaves implicit."""

    architecture: Architecture
    hidden: AnyActivation | None
    dropout: float | None

    def of(
        self, layers: LayerList, final: AnyActivation
    ) -> Iterator[tuple[int, str, LayerSpec, SettingPath]]:
        """Yields the layers with activations and dropout inserted and initializers chosen.

        Args:
            layers: the layers as listed in the config.
            final: the activation that comes at the end; determines the last layer's initializer.

        Yields:
            The index of the listed layer that this one belongs to, a suffix for its name, its spec,
            and the setting it comes from.
        """
        last = layers.output_layer
        awaited: tuple[int, Following] | None = None  # an activation to be inserted later
        for index, layer in enumerate(layers.layers):
            path = layers.path_of(index)
            activated = layer.applied_activation is not None
            inner = layer.inner_activation if isinstance(layer, InitializedLayer) else None
            if inner is not None:
                assert isinstance(layer, InitializedLayer)
                yield index, "", self._completed(layer, inner, path), path
            elif not isinstance(layer, ActivatedLayer):
                yield index, "", layer, (*path, "function") if activated else path
            elif index == last:
                yield index, "", self._completed(layer, final, path), path
            else:
                follows = layers.following(index, self.hidden)
                yield index, "", self._completed(layer, follows.activation, path), path
                if not follows.is_written:
                    awaited = index, follows
            if awaited is not None and not layers.is_postponed(awaited[1].activation, index):
                place, (activation, setting, _) = awaited
                yield place, ".activation", ActivationLayer(function=activation), setting
                awaited, activated = None, True
            activated = activated and not layers.activation_follows(index)
            if self.dropout is not None and activated and (last is None or index < last):
                dropout = Dropout(rate=self.dropout)
                yield index, ".dropout", dropout, ("regularization", "dropout")

    def _completed(
        self, layer: InitializedLayer, follows: AnyActivation, path: SettingPath
    ) -> LayerSpec:
        """The layer with initializers chosen; for a block, also with its inner layers completed."""
        usual = He() if follows.rectifier else Xavier()
        initializer = self.architecture.initializer or usual
        inside = [
            (index, spec)
            for index, _, spec, _ in self.of(LayerList(layer.layers_inside, path, True), follows)
        ]
        return layer.completed(initializer, self.architecture.bias_initializer, inside)


def activation_named(tag: str) -> AnyActivation:
    """The activation with the given tag and its default settings."""
    return cast("AnyActivation", members(AnyActivation)[tag].model_validate({"kind": tag}))
