"""The config's `architecture` and `activation` sections, and the layers built from them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self, cast

from pydantic import (
    AfterValidator,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from nnkit.config.spec import Listed, Spec, members
from nnkit.errors import SettingError, SettingPath
from nnkit.nn.activations import AnyActivation
from nnkit.nn.form import Form, ShapeError
from nnkit.nn.initializers import AnyInitializer, He, Xavier, Zeros
from nnkit.nn.layer_list import EncoderList, Following, LayerList
from nnkit.nn.layer_spec import LayerSpec, Stage
from nnkit.nn.layers import ActivationLayer, AnyLayer, Dropout, GaussianNoise
from nnkit.nn.layers.recurrent import Recurrent
from nnkit.nn.layers.weighted import ActivatedLayer, InitializedLayer
from nnkit.nn.loss import Loss
from nnkit.nn.seq2seq.decoder_layers import AnyDecoderLayer

MOST_PARAMETERS = 1 << 31  # upper bound for one layer: 8 GiB in float32, and the same for gradients


def _returning_all(layer: LayerSpec) -> LayerSpec:
    """A layer of an encoder or decoder; a recurrent one returns the outputs at all positions."""
    if not isinstance(layer, Recurrent) or layer.output == "all":
        return layer
    if "output" in layer.model_fields_set:
        raise ValueError(f"'{layer.tag()}' must return all outputs here; remove 'output: last'")
    return layer.model_copy(update={"output": "all"})


ReturnAll = AfterValidator(_returning_all)


class Architecture(Spec):
    """The layers: a chain, or an encoder and a decoder; the input shape comes from the data.

    A decoder turns what an encoder has read of one sequence into another sequence, symbol by
    symbol: it is given the symbols so far, and computes the next (Sutskever, Vinyals & Le 2014).
    """

    layers: Annotated[tuple[AnyLayer, ...], Listed, Field(min_length=1)] = Field(
        (), description="The layers of a chain, from top to bottom."
    )
    encoder: Annotated[tuple[Annotated[AnyLayer, ReturnAll], ...], Listed, Field(min_length=1)] = (
        Field(
            (),
            description="The layers that read a source sequence. Recurrent layers return the "
            "outputs at all positions.",
            examples=[[{"embedding": 64}, {"lstm": {"units": 64, "bidirectional": True}}]],
        )
    )
    decoder: Annotated[
        tuple[Annotated[AnyDecoderLayer, ReturnAll], ...], Listed, Field(min_length=1)
    ] = Field(
        (),
        description="The layers that compute the next target symbol, of the kinds that need no "
        "later position; the last has an output for each symbol.",
        examples=[[{"embedding": 64}, {"lstm": 64}, {"attention": "general"}, {"dense": "auto"}]],
    )
    start: Literal["bridge", "last", "zero"] = Field(
        "bridge",
        description="The first state of the decoder's recurrent layers: tanh(W s + b) of the last "
        "state s of the encoder's last recurrent layer, the last state of the encoder's layer at "
        "the same place, or zero.",
    )
    initializer: AnyInitializer | None = Field(
        None, description="For all weights; default: He before a rectifier, else Xavier."
    )
    bias_initializer: AnyInitializer = Field(Zeros(), description="For all biases.")

    @model_validator(mode="after")
    def _a_chain_or_both_parts(self) -> Self:
        if bool(self.encoder) != bool(self.decoder) or bool(self.layers) == bool(self.encoder):
            raise ValueError("needs either 'layers', or both 'encoder' and 'decoder'")
        if self.layers and "start" in self.model_fields_set:
            raise ValueError("start has no effect without a decoder")
        return self

    @model_serializer(mode="wrap")
    def _without_what_it_has_not(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        absent = {"encoder", "decoder", "start"} if self.layers else {"layers"}
        return {name: value for name, value in handler(self).items() if name not in absent}

    @property
    def layer_list(self) -> LayerList:
        """The layers that end with the outputs, with the rules that place activations."""
        if self.decoder:
            return LayerList(self.decoder, ("architecture",), key="decoder")
        return LayerList(self.layers, ("architecture",))

    @property
    def layer_lists(self) -> Sequence[LayerList]:
        """All lists of layers: that of a chain, or those of encoder and decoder."""
        if not self.encoder:
            return (self.layer_list,)
        return (EncoderList(self.encoder, ("architecture",), key="encoder"), self.layer_list)

    def all_lists(self) -> Iterator[LayerList]:
        """Yields all lists of layers, also those of the blocks inside them."""
        for layers in self.layer_lists:
            yield from layers.with_blocks()

    def with_outputs(self, outputs: int) -> Self:
        """The architecture with that many units in its last layer with weights, if set to auto."""
        layers = self.layer_list
        sized = layers.layers[layers.last].with_outputs(outputs)
        if sized is layers.layers[layers.last]:
            return self
        changed = (*layers.layers[: layers.last], sized, *layers.layers[layers.last + 1 :])
        return self.model_copy(update={layers.key: changed})


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
    return stages_of(_links(architecture, activations, loss, dropout, input_noise), form)


def stages_of(links: Iterable[PlacedLayer], form: Form) -> tuple[Stage, ...]:
    """A chain of layers as stages, for input samples of that form.

    Raises:
        SettingError: a layer does not accept its input form or has too many parameters.
    """
    stages: list[Stage] = []
    for name, spec, path in links:
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


class PlacedLayer(NamedTuple):
    """A layer in the order of a network, with its name and the setting that it comes from.

    Attributes:
        name: the layer's name in the network.
        spec: the layer.
        path: the setting that it comes from.
    """

    name: str
    spec: LayerSpec
    path: SettingPath


def _links(
    architecture: Architecture,
    activations: Activations,
    loss: Loss,
    dropout: float | None,
    input_noise: float | None,
) -> Iterator[PlacedLayer]:
    """Yields the layers of a network."""
    layers = architecture.layer_list
    output = layers.output(activations.output, activation_named(loss.output))
    if input_noise is not None:
        yield noise_link(input_noise)
    completion = Completion(architecture, activations.hidden, dropout)
    for index, suffix, spec, path in completion.of(layers, output.activation):
        yield PlacedLayer(f"layers.{index}{suffix}", spec, path)
    yield PlacedLayer("output", ActivationLayer(function=output.activation), output.path)


def noise_link(std: float) -> PlacedLayer:
    """Noise on the inputs, with that standard deviation."""
    return PlacedLayer("input.noise", GaussianNoise(std=std), ("regularization", "input_noise"))


@dataclass(frozen=True, slots=True)
class Completion:
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
