"""The layers of an encoder and a decoder, with all that the config leaves open."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, cast

from nnkit.errors import SettingError, SettingPath
from nnkit.nn.activations import AnyActivation
from nnkit.nn.activations.sigmoids import Tanh
from nnkit.nn.architecture import (
    Activations,
    Architecture,
    Completion,
    PlacedLayer,
    activation_named,
    noise_link,
    stages_of,
)
from nnkit.nn.form import Form
from nnkit.nn.layer_spec import Stage
from nnkit.nn.layers.activation_layer import ActivationLayer
from nnkit.nn.layers.dense import Dense
from nnkit.nn.layers.dropout import Dropout
from nnkit.nn.layers.recurrent import Recurrent
from nnkit.nn.loss import Loss
from nnkit.nn.seq2seq.attention import Attention
from nnkit.nn.seq2seq.context import Context
from nnkit.nn.seq2seq.decoder_start import (
    BridgeStart,
    DecoderStart,
    LastStart,
    RecurrentPlace,
    ZeroStart,
)
from nnkit.nn.seq2seq.input_feeding import InputFeeding

Places = Sequence[RecurrentPlace]
STARTS: Mapping[str, Callable[[Places, Places], DecoderStart]] = {
    "bridge": BridgeStart,
    "last": LastStart,
    "zero": ZeroStart,
}


class EncoderDecoder(NamedTuple):
    """The layers of a network that turns one sequence into another.

    Attributes:
        encoder: the layers that read the source.
        bridge: the layers from the encoder's last state to the decoder's first; empty if none.
        decoder: the layers that compute the next symbol; the last is the output activation.
        start: the first state of the decoder.
    """

    encoder: tuple[Stage, ...]
    bridge: tuple[Stage, ...]
    decoder: tuple[Stage, ...]
    start: DecoderStart

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The layers of the encoder, the bridge and the decoder, in this order."""
        return (*self.encoder, *self.bridge, *self.decoder)


def build_encoder_decoder(
    architecture: Architecture,
    activations: Activations,
    loss: Loss,
    source: Form,
    symbols: int,
    dropout: float | None = None,
    input_noise: float | None = None,
) -> EncoderDecoder:
    """The layers of an encoder and a decoder, with shapes inferred.

    Args:
        architecture: the config's `architecture` section.
        activations: the config's `activation` section.
        loss: determines the output activation if the config sets none.
        source: the form of one source sequence.
        symbols: the number of target symbols, which are the classes of the output.
        dropout: dropout rate after every hidden activation, or None.
        input_noise: standard deviation of noise on the source, or None.

    Raises:
        SettingError: a layer does not fit its place.
    """
    architecture = architecture.with_outputs(symbols)
    completion = Completion(architecture, activations.hidden, dropout)
    of_encoder, of_decoder = architecture.layer_lists
    output = of_decoder.output(activations.output, activation_named(loss.output))
    links = [
        PlacedLayer(f"encoder.{index}{suffix}", spec, path)
        for index, suffix, spec, path in completion.of(of_encoder, output.activation)
    ]
    noise = [] if input_noise is None else [noise_link(input_noise)]
    encoder = stages_of([*noise, *links], source)
    if len(encoder[-1].output_form.positions) != 1:
        raise SettingError(
            of_encoder.path_of(len(of_encoder.layers) - 1),
            "the encoder must end with an output at each position",
        )
    readers = _places(encoder)
    found = [
        PlacedLayer(f"decoder.{index}{suffix}", spec, path)
        for index, suffix, spec, path in completion.of(of_decoder, output.activation)
    ]
    found.append(PlacedLayer("output", ActivationLayer(function=output.activation), output.path))
    read = list(_reading(found, encoder[-1].output_form.channels, readers))
    decoder = stages_of(_fed(read), Form(symbols, (None,), ids=True))
    if decoder[-1].output_form.channels != symbols:
        raise SettingError(
            of_decoder.path_of(of_decoder.last),
            f"the decoder must have an output for each of the {symbols} target symbols, not "
            f"{decoder[-1].output_form.channels}; use '- dense: auto'",
        )
    start = _start(architecture, readers, _places(decoder), found)
    bridge = _bridge(architecture, start)
    return EncoderDecoder(encoder, bridge, decoder, start)


def _places(stages: Sequence[Stage]) -> list[RecurrentPlace]:
    """The recurrent layers among stages, also those that run step by step."""
    found = []
    for stage in stages:
        spec = stage.spec
        if isinstance(spec, Recurrent):
            directions = 2 if spec.bidirectional else 1
            found.append(RecurrentPlace(stage.name, spec.states, spec.units, directions))
        if isinstance(spec, InputFeeding):
            inside = _places(stage.parts)
            found += [
                RecurrentPlace(f"{stage.name}.{x.name}", x.vectors, x.units, x.directions)
                for x in inside
            ]
    return found


def _reading(links: Sequence[PlacedLayer], channels: int, encoder: Places) -> Iterator[PlacedLayer]:
    """Yields the decoder's layers; those that read the encoder know its sizes."""
    for name, spec, path in links:
        if isinstance(spec, Attention):
            yield PlacedLayer(name, spec.reading(channels), path)
        elif isinstance(spec, Context):
            if not encoder:
                raise SettingError(path, "'context' needs an encoder with a recurrent layer")
            yield PlacedLayer(name, spec.reading(encoder[-1].width), path)
        elif isinstance(spec, Recurrent) and spec.bidirectional:
            raise SettingError(
                (*path, "bidirectional"), "a decoder cannot read what it has not computed yet"
            )
        else:
            yield PlacedLayer(name, spec, path)


def _fed(links: Sequence[PlacedLayer]) -> list[PlacedLayer]:
    """The decoder's layers, those of them that are fed their output as one."""
    feeding = [
        number
        for number, link in enumerate(links)
        if isinstance(link.spec, Attention) and link.spec.input_feeding
    ]
    if not feeding:
        return list(links)
    last = feeding[0]
    recurrent = [i for i, link in enumerate(links[:last]) if isinstance(link.spec, Recurrent)]
    if len(feeding) > 1 or not recurrent:
        raise SettingError(
            (*links[feeding[-1]].path, "input_feeding"),
            "only one attention of a decoder can be fed back"
            if recurrent
            else "needs a recurrent layer before it, to which its output is fed",
        )
    first = recurrent[0]
    for link in links[first:last]:
        if not isinstance(link.spec, Recurrent | Dropout):
            raise SettingError(
                link.path,
                "with input_feeding only recurrent layers and dropout may stand between the "
                "first recurrent layer and the attention",
            )
    attention = cast("Attention", links[last].spec)
    units = attention.units or cast("Recurrent", links[recurrent[-1]].spec).units
    inside = InputFeeding(
        names=tuple(link.name.removeprefix("decoder.") for link in links[first : last + 1]),
        layers=(*(link.spec for link in links[first:last]), attention.of_size(units)),
    )
    return [*links[:first], PlacedLayer("decoder", inside, links[last].path), *links[last + 1 :]]


def _start(
    architecture: Architecture,
    encoder: Places,
    decoder: Places,
    links: Sequence[PlacedLayer],
) -> DecoderStart:
    path: SettingPath = ("architecture", "start")
    kind = architecture.start
    if not decoder:
        raise SettingError(("architecture", "decoder"), "a decoder needs a recurrent layer")
    if kind == "zero":
        return ZeroStart(encoder, decoder)
    if not encoder:
        raise SettingError(
            path, f"'{kind}' needs an encoder with a recurrent layer; use 'start: zero'"
        )
    for link in links:
        if isinstance(link.spec, Recurrent) and link.spec.initial_state == "trained":
            raise SettingError(
                (*link.path, "initial_state"),
                f"has no effect: the encoder gives the first state (start: {kind})",
            )
    if kind == "last":
        _check_sizes(encoder, decoder, path)
    return STARTS[kind](encoder, decoder)


def _check_sizes(encoder: Places, decoder: Places, path: SettingPath) -> None:
    """Checks that the states of a decoder can be those of its encoder."""
    if len(encoder) != len(decoder):
        raise SettingError(
            path,
            f"'last' needs as many recurrent layers in the decoder ({len(decoder)}) as in the "
            f"encoder ({len(encoder)}); use 'bridge'",
        )
    for other, own in zip(encoder, decoder, strict=True):
        if own.units != other.width or own.vectors > other.vectors:
            raise SettingError(
                path,
                f"'last' cannot start {own.name} ({own.vectors} × {own.units} numbers) with the "
                f"state of {other.name} ({other.vectors} × {other.width}); use 'bridge'",
            )


def _bridge(architecture: Architecture, start: DecoderStart) -> tuple[Stage, ...]:
    if not start.bridge_units:
        return ()
    tanh: AnyActivation = Tanh()
    dense = Dense(
        units=start.bridge_units,
        initializer=architecture.initializer,
        bias_initializer=architecture.bias_initializer,
    )
    path: SettingPath = ("architecture", "start")
    links = [
        PlacedLayer("bridge", dense, path),
        PlacedLayer("bridge.activation", ActivationLayer(function=tanh), path),
    ]
    return stages_of(links, Form(start.encoder[-1].width))
