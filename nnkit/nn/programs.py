"""Networks as programs of the compiled kernels, where these know all layers and the loss."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any, NamedTuple

import numpy as np

from nnkit.native.attention_memory import Feeding
from nnkit.native.program import Program, ProgramLoss
from nnkit.native.program_layer import (
    BLOCK,
    DROPOUTS,
    IDENTITY,
    IMAGE_AXES,
    NEEDS_INPUT,
    SEQUENCE_AXES,
    ProgramFunction,
    ProgramLayer,
    Window,
)
from nnkit.native.recurrence import PARAMETERS, Recurrence
from nnkit.native.structures import ActivationKind, LayerKind, LossKind
from nnkit.native.winograd import KERNEL, is_worthwhile
from nnkit.nn.arena import Buffers
from nnkit.nn.dropout_mask import purpose
from nnkit.nn.form import Form
from nnkit.nn.layer import Stage
from nnkit.nn.layers.recurrent import REVERSE
from nnkit.nn.layers.residual import Residual
from nnkit.nn.losses import Loss
from nnkit.nn.network import Network
from nnkit.nn.params import Array, Layout, Shape
from nnkit.nn.passes import INFERENCE, Pass
from nnkit.random import philox_key

CACHE = 1 << 20  # bytes, of a processor's core
SHARED_CACHE = 1 << 24  # bytes, of a processor
SEQUENCES = 1 << 24  # bytes of the sequences that are processed at a time, outside training
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


def program_loss(stages: Sequence[Stage], loss: Loss) -> ProgramLoss | None:
    """The loss of a chain in a program; None if the kernels do not know it."""
    found, output = loss.in_program(), stages[-1].spec.applied_activation
    if found is None or output is None:
        return None
    fused = output.tag() == loss.fused
    return found if fused == (found.head != ActivationKind.IDENTITY) else None


class Layers(NamedTuple):
    """The layers of a program.

    Attributes:
        training: those for training.
        inference: those for other passes; some are left out or included in others.
    """

    training: tuple[ProgramLayer, ...]
    inference: tuple[ProgramLayer, ...]


def program_layers(
    stages: Sequence[Stage],
    layout: Layout,
    state: Layout,
    loss: ProgramLoss,
    seed: int,
    dtype: np.dtype[Any],
) -> Layers | None:
    """The layers of a program, each with its activation; None if the kernels lack one.

    Args:
        stages: the chain of layers; the last is the output activation.
        layout: the place of each parameter block.
        state: the place of each block of running state.
        loss: the loss, which may include the output activation.
        seed: the seed of random draws.
        dtype: the type of numbers.
    """
    by_position = bool(stages[-1].output_form.positions)
    fused = loss.head != ActivationKind.IDENTITY
    if by_position and loss.kind != LossKind.SOFTMAX_CROSS_ENTROPY:
        return None  # other losses take vectors
    translation = _Translation(layout, state, seed)
    if not translation.add_all(stages[: len(stages) - fused]) or not translation.layers:
        return None
    found = translation.layers
    if by_position and found[-1].positions is None:
        return None  # images
    inference = _outside_training(found)
    if dtype == np.float32:
        inference = [_by_winograd(layer) for layer in inference]
    return Layers(_joined(found, by_position), _joined(inference, by_position))


def layers_in_rows(
    stages: Sequence[Stage], layout: Layout, state: Layout, seed: int
) -> Layers | None:
    """The layers of a chain over sequences, from and to the rows of their steps.

    Arguments are those of `program_layers`. The caller gives the states before the sequences. None
    if the kernels lack a layer.
    """
    translation = _Translation(layout, state, seed)
    if not translation.add_all(stages) or not translation.layers:
        return None
    found = translation.layers
    if any(layer.positions is None for layer in found):
        return None
    found = [replace(layer, is_given_states=bool(layer.recurrences)) for layer in found]
    return Layers(tuple(found), tuple(_outside_training(found)))


@dataclass(slots=True)
class _Translation:
    """Turns the stages of a chain, one after the other, into the layers of a program.

    Its methods return whether the kernels know what they are given.

    Attributes:
        layout: the place of each parameter block.
        state: the place of each block of running state.
        seed: the seed of random draws.
        layers: the layers so far.
    """

    layout: Layout
    state: Layout
    seed: int
    layers: list[ProgramLayer] = field(default_factory=list)

    def add_all(self, stages: Sequence[Stage], block: str = "") -> bool:
        """Adds the stages of a chain; `block` is the name of the block that it is in, and a dot."""
        return all(self._add(stage, block + stage.name) for stage in stages)

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
        if self.layers and function.kind not in NEEDS_INPUT and _takes_activation(self.layers):
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


def is_image(shape: Shape) -> bool:
    """Whether samples of a shape are images, in blocks."""
    return len(shape) == IMAGE_AXES


def _takes_activation(layers: Sequence[ProgramLayer]) -> bool:
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


def _outside_training(layers: Sequence[ProgramLayer]) -> list[ProgramLayer]:
    """The layers without dropout, and with normalization included in convolutions."""
    found: list[ProgramLayer] = []
    for layer in layers:
        if layer.kind in DROPOUTS and layer.activation == IDENTITY:
            continue
        if layer.kind == LayerKind.ACTIVATION and found and _takes_activation(found):
            found[-1] = replace(found[-1], activation=layer.activation)
            continue
        if layer.kind == LayerKind.BATCH_NORM and found and _includes(found[-1], layer):
            found[-1] = replace(
                found[-1],
                normalization=layer.normalization,
                output_shape=layer.output_shape,
                unpooled_shape=layer.unpooled_shape,
                activation=layer.activation,
            )
        else:
            found.append(layer)
    return found


def _includes(layer: ProgramLayer, normalization: ProgramLayer) -> bool:
    """Whether a convolution can do the normalization that follows."""
    return (
        layer.kind == LayerKind.CONV
        and layer.activation == IDENTITY
        and layer.unpooled_shape is None
        and layer.normalization is None
        and layer.output_shape == normalization.input_shape
    )


def _by_winograd(layer: ProgramLayer) -> ProgramLayer:
    """A convolution by Winograd's method, where that is faster; any other layer as it is."""
    window = layer.window
    if layer.kind != LayerKind.CONV or window is None or layer.groups != 1:
        return layer
    if window != Window(KERNEL, window.before, window.after):
        return layer  # strides or dilation
    channels, filters = layer.input_shape[0], layer.output_shape[0]
    if not is_worthwhile(channels, filters, *layer.spatial_size):
        return layer
    return replace(layer, kind=LayerKind.WINOGRAD)


def _joined(layers: Sequence[ProgramLayer], by_position: bool) -> tuple[ProgramLayer, ...]:
    """The layers with those in between that turn vectors into images or sequences, and back.

    Args:
        layers: the layers.
        by_position: whether the output is a sequence, rather than a vector.
    """
    found: list[ProgramLayer] = []
    shape: Shape = (layers[0].inputs,)
    for layer in layers:
        if layer.kind == LayerKind.BRANCH:  # it reads no layer before it but the input of the block
            shape = layer.input_shape
        found += [*_between(shape, layer.input_shape), layer]
        shape = layer.output_shape
    return (*found, *([] if by_position else _between(shape, (prod(shape),))))


def _between(before: Shape, after: Shape) -> list[ProgramLayer]:
    """The layers that bring values of one shape into another, with the samples in rows."""
    if before == after:
        return []
    vector = (prod(before),)
    if len(before) == SEQUENCE_AXES:
        features, _ = before
        join = ProgramLayer(LayerKind.JOIN, before, vector, groups=features)
        return [join, *_between(vector, after)]
    if len(after) == SEQUENCE_AXES:
        features, _ = after
        divide = ProgramLayer(LayerKind.SEQUENCE, vector, after, groups=features)
        return [*_between(before, vector), divide]
    flatten = [ProgramLayer(LayerKind.FLATTEN, before, vector)] if before != vector else []
    blocks = [ProgramLayer(LayerKind.BLOCKS, vector, after)] if after != vector else []
    return [*flatten, *blocks]


class ProgramNetwork:
    """A `Network` that runs as a program of the compiled kernels.

    Whatever a program cannot do, such as calling an observer, is done by the NumPy network.

    Attributes:
        program: the program.
    """

    def __init__(
        self,
        program: Program,
        samples: int,
        buffers: Buffers,
        numpy_network: Callable[[], Network],
    ) -> None:
        """Divides batches into parts that the program takes at once.

        Args:
            program: the program.
            samples: the number of samples of a batch, N.
            buffers: allocates the buffers.
            numpy_network: binds the same network on NumPy, with its own memory.
        """
        self.program = program
        part, outputs = program.samples, program.outputs
        self._parts = [slice(at, at + part) for at in range(0, samples, part)]
        self._outputs = buffers.empty((samples, outputs.shape[1]), outputs.dtype)
        self._numpy_network = numpy_network

    def forward(self, X: Array, now: Pass = INFERENCE) -> Array:
        """The output Y (outputs, N) for X (*input shape, N)."""
        if now.observer is not None:
            return self._numpy_network().forward(X, now)
        rows = _rows(X)
        if len(self._parts) == 1:
            return self.program.forward(rows).T
        for part in self._parts:
            self._outputs[part] = self.program.forward(rows[part])
        return self._outputs.T

    def evaluate(
        self, X: Array, T: Array, weights: Array | None = None, now: Pass = INFERENCE
    ) -> tuple[float, Array]:
        """The mean loss against targets T, and the output Y, outside training."""
        if now.observer is not None:
            return self._numpy_network().evaluate(X, T, weights, now)
        rows, loss = _rows(X), 0.0
        total = len(rows) if weights is None else max(float(np.add.reduce(weights)), 1e-30)
        for part in self._parts:
            own = None if weights is None else weights[part]
            count = len(rows[part]) if own is None else float(np.add.reduce(own))
            of_part, Y = self.program.evaluate(rows[part], T.T[part], own)
            self._outputs[part] = Y
            loss += of_part * (count / total)
        return loss, self._outputs.T

    def loss_and_gradient(
        self, X: Array, T: Array, now: Pass, weights: Array | None = None, share: float = 1.0
    ) -> float:
        """Returns the mean loss and writes the parameters' gradients into the model's `grads`.

        Arguments and shapes are those of `Network.loss_and_gradient`.
        """
        if now.observer is not None:
            return self._numpy_network().loss_and_gradient(X, T, now, weights, share)
        self.program.set_draws(now.key, now.before, now.after)
        return self.program.gradient(_rows(X), T.T, weights, share)

    def release(self) -> None:
        """Drops the reference to the last input, which may be large."""
        self.program.release()

    def first_nonfinite(self, X: Array, T: Array, now: Pass) -> str | None:
        """The name of the first layer whose output holds a NaN or infinity, or None."""
        return self._numpy_network().first_nonfinite(X, T, now)


def samples_in_cache(layers: Sequence[ProgramLayer], itemsize: int) -> int:
    """The number of samples, a multiple of 16, whose images around a layer fit into the cache.

    Outside training, larger batches of images are processed in parts of that size. If there is room
    in the cache that cores share, it is at least two blocks, so that each of two threads has one:
    the few rows of small images cannot be divided evenly. Sequences are in parts that are larger,
    because each part needs the weights in order.
    """
    of_one = max(layer.inputs + layer.outputs for layer in layers) * itemsize
    if any(is_image(layer.output_shape) for layer in layers):
        two = min(SHARED_CACHE // of_one // BLOCK, 2)
        return max(CACHE // of_one // BLOCK, two, 1) * BLOCK
    if any(layer.recurrences for layer in layers):
        return max(SEQUENCES // of_one // BLOCK, 1) * BLOCK
    return sys.maxsize  # vectors are small


def _rows(X: Array) -> Array:
    """Inputs (*shape, N) with a row for each sample, (N, k)."""
    return X.T if X.ndim == 2 else X.reshape(-1, X.shape[-1]).T
