"""Translates the stages of a network into the layers of a program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod

from nnkit.native.attention_memory import Feeding
from nnkit.native.kernel_kinds import ActivationKind, LayerKind
from nnkit.native.program_layer import (
    DROPOUTS,
    IDENTITY,
    NEEDS_INPUT,
    ProgramFunction,
    ProgramLayer,
    Window,
    is_image,
)
from nnkit.native.recurrence import PARAMETERS, Recurrence
from nnkit.nn.dropout_mask import purpose
from nnkit.nn.form import Form
from nnkit.nn.layer_spec import Stage
from nnkit.nn.layers.recurrent import REVERSE
from nnkit.nn.layers.residual import Residual
from nnkit.nn.params import Layout, Shape
from nnkit.random import philox_key

OWN_LAYERS = {
    ActivationKind.SOFTMAX: LayerKind.SOFTMAX,
    ActivationKind.LOG_SOFTMAX: LayerKind.LOG_SOFTMAX,
    ActivationKind.PRELU: LayerKind.PRELU,
}
# Layers that apply no activation.
APPLIES_NONE = (
    *OWN_LAYERS.values(),
    LayerKind.SEQUENCE,
    LayerKind.RECURRENT,
    LayerKind.ATTENTION,
    LayerKind.ROOM,
)
# Activations after which the largest of several numbers, where it gets a gradient, is the same.
KEEPS_ORDER = (ActivationKind.IDENTITY, ActivationKind.RELU)


@dataclass(slots=True)
class Translation:
    """Turns the stages of a chain, one after the other, into the layers of a program.

    Its methods return whether the kernels know what they are given.

    Attributes:
        layout: the place of each parameter block.
        state: the place of each block of running state.
        seed: the seed of random draws.
        layers: the layers so far.
        unknown: the first stage that the kernels do not know, by kind and name; None so far.
    """

    layout: Layout
    state: Layout
    seed: int
    layers: list[ProgramLayer] = field(default_factory=list)
    unknown: str | None = None

    def add_all(self, stages: Sequence[Stage], block: str = "") -> bool:
        """Adds the stages of a chain; `block` is the name of the block that it is in, and a dot."""
        for stage in stages:
            name = block + stage.name
            if not self._add(stage, name):
                kind = (stage.spec.applied_activation or stage.spec).tag()
                self.unknown = self.unknown or f"'{kind}' ({name})"
                return False
        return True

    def _add(self, stage: Stage, name: str) -> bool:
        activation = stage.spec.applied_activation
        if activation is not None:
            return self._add_activation(activation.in_program(), stage, name)
        if isinstance(stage.spec, Residual):
            return self._add_block(stage.spec, stage.input_form, name)
        if stage.spec.feeds_output:
            return self._add_feeding(stage, name)
        return stage.spec.output_is_view or self._add_layer(stage, name)

    def _add_activation(self, function: ProgramFunction | None, stage: Stage, name: str) -> bool:
        """Lets an activation follow the last layer, or adds it as a layer of its own."""
        shape = _shape(stage.input_form)
        if self.layers and self.layers[-1].positions is not None:
            shape = self.layers[-1].output_shape
        if function is None or shape is None:
            return False
        if function == IDENTITY:
            return True
        if function.kind in OWN_LAYERS:
            return self._add_own_layer(OWN_LAYERS[function.kind], shape, stage, name)
        if self.layers and function.kind not in NEEDS_INPUT and takes_activation(self.layers):
            self.layers[-1] = replace(self.layers[-1], activation=function)
        else:
            if self.layers:
                shape = self.layers[-1].output_shape
            self.layers.append(
                ProgramLayer(LayerKind.ACTIVATION, shape, shape, activation=function)
            )
        return True

    def _add_own_layer(self, kind: LayerKind, shape: Shape, stage: Stage, name: str) -> bool:
        """Adds an activation that depends on all units, or has parameters."""
        layer = ProgramLayer(kind, shape, shape)
        if kind == LayerKind.PRELU:
            (slope,) = stage.parameters
            place = self.layout.offsets[f"{name}.{slope.name}"]
            layer = replace(
                layer, weights=place, lr_factor=slope.lr_factor, groups=prod(slope.shape)
            )
        elif len(shape) > 1:
            return False  # softmax over the channels of each position
        self.layers.append(layer)
        return True

    def _add_block(self, block: Residual, form: Form, name: str) -> bool:
        """Adds a residual block, in the order of `source/branch_layers.h`."""
        before, after = _shape(form), _shape(block.output_form(form))
        if before is None or after is None:
            return False
        inside, shortcut = block.branches(form)
        self.layers.append(ProgramLayer(LayerKind.SPLIT, before, before))
        if shortcut is not None:
            if not self._add(shortcut, f"{name}.{shortcut.name}"):
                return False
            self.layers.append(ProgramLayer(LayerKind.BRANCH, before, before))
        if not self.add_all(inside, f"{name}."):
            return False
        self.layers.append(ProgramLayer(LayerKind.ADD, after, after))
        return True

    def _add_layer(self, stage: Stage, name: str) -> bool:
        """Adds a layer, or lets the last one do its work."""
        layer = stage.spec.in_program(stage.input_form)
        if layer is None:
            return False
        if layer.memory is not None:
            self.layers += self._attention(layer, stage, name)
            return True
        layers = self.layers
        if layer.kind in DROPOUTS:
            key = philox_key(self.seed, purpose(name))
            layer = replace(layer, draw_key=(int(key[0]), int(key[1])))
            if layers and is_image(layers[-1].output_shape):
                # Units are numbered in the same way whatever their shape: images need no
                # flattening.
                shape = layers[-1].output_shape
                layer = replace(layer, input_shape=shape, output_shape=shape)
        layer = self._placed(layer, stage, name)
        if layers and _pools(layers[-1], layer):
            last = layers[-1]
            layers[-1] = replace(
                last, unpooled_shape=last.output_shape, output_shape=layer.output_shape
            )
        else:
            layers.append(layer)
        return True

    def _attention(self, layer: ProgramLayer, stage: Stage, name: str) -> list[ProgramLayer]:
        """The two layers of an attention: [c; s], and the dense layer that reads it."""
        blocks = {parameter.name: parameter for parameter in stage.parameters}
        places = {block: self.layout.offsets[f"{name}.{block}"] for block in blocks}
        scores, combined = blocks.get("W_a"), blocks["W_c"]
        if scores is not None:
            assert layer.memory is not None
            layer = replace(
                layer,
                memory=replace(layer.memory, weights=places["W_a"]),
                lr_factor=scores.lr_factor,
                decays=scores.decay,
            )
        units, _ = combined.shape
        dense = ProgramLayer(
            LayerKind.DENSE,
            layer.output_shape,
            (units, *layer.output_shape[1:]),
            weights=places["W_c"],
            biases=places["b_c"],
            lr_factor=combined.lr_factor,
            decays=combined.decay,
            activation=ProgramFunction(ActivationKind.TANH, 1.0, 1.0),
        )
        return [layer, dense]

    def _add_feeding(self, stage: Stage, name: str) -> bool:
        """Adds a recurrent layer with an attention between its steps."""
        of_states, *others, of_attention = stage.parts
        found = [part.spec.in_program(part.input_form) for part in (of_states, of_attention)]
        cell, attention = found
        if others or cell is None or attention is None or not cell.recurrences:
            return False
        cell = self._placed(cell, of_states, f"{name}.{of_states.name}")
        reads, combines = self._attention(attention, of_attention, f"{name}.{of_attention.name}")
        assert combines.weights is not None
        assert combines.biases is not None
        units, positions = combines.output_shape
        features, _ = cell.input_shape
        before = features - units, positions
        self.layers += [
            ProgramLayer(LayerKind.ROOM, before, cell.input_shape),
            replace(
                cell,
                output_shape=combines.output_shape,
                memory=reads.memory,
                feeding=Feeding(combines.weights, combines.biases),
            ),
        ]
        return True

    def _placed(self, layer: ProgramLayer, stage: Stage, name: str) -> ProgramLayer:
        """The layer with the places of its parameters and its running state."""
        blocks = {parameter.name: parameter for parameter in stage.parameters}
        places = {block: self.layout.offsets[f"{name}.{block}"] for block in blocks}
        if layer.normalization is not None:
            places |= {
                block.name: self.state.offsets[f"{name}.{block.name}"] for block in stage.state
            }
            return replace(
                layer,
                normalization=layer.normalization._replace(**places),
                lr_factor=blocks["scale"].lr_factor if blocks else 0.0,
            )
        if not blocks:
            return layer
        if layer.recurrences:
            return replace(
                layer,
                recurrences=tuple(_placed_recurrence(each, places) for each in layer.recurrences),
                lr_factor=blocks["U"].lr_factor,
                decays=blocks["U"].decay,
            )
        return replace(
            layer,
            weights=places["W"],
            biases=places.get("b"),
            lr_factor=blocks["W"].lr_factor,
            decays=blocks["W"].decay,
        )


def _placed_recurrence(found: Recurrence, places: Mapping[str, int]) -> Recurrence:
    """A direction of a recurrent layer with the places of its parameters."""
    prefix = REVERSE if found.reverse else ""
    own = {name: places[f"{prefix}{name}"] for name in PARAMETERS if f"{prefix}{name}" in places}
    return replace(found, places=own)


def _shape(form: Form) -> Shape | None:
    """The shape of samples of a form in a program; None if it takes none of that form."""
    return form.image_shape if form.positions else form.shape


def takes_activation(layers: Sequence[ProgramLayer]) -> bool:
    """Whether the last layer can do the activation that follows."""
    last = layers[-1]
    return last.activation == IDENTITY and not last.is_input and last.kind not in APPLIES_NONE


def _pools(layer: ProgramLayer, pooling: ProgramLayer) -> bool:
    """Whether a layer can do the max-pooling that follows, before its activation."""
    return (
        layer.kind in (LayerKind.CONV, LayerKind.BATCH_NORM)
        and layer.unpooled_shape is None
        and layer.activation.kind in KEEPS_ORDER
        and pooling.kind == LayerKind.MAX_POOL
        and pooling.window == Window((2, 2), stride=(2, 2))
    )
