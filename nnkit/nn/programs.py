"""Networks as programs of the compiled kernels, where these know all layers and the loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Any, NamedTuple

import numpy as np

from nnkit.native.kernel_kinds import ActivationKind, LayerKind, LossKind
from nnkit.native.program import ProgramLoss
from nnkit.native.program_layer import DROPOUTS, IDENTITY, SEQUENCE_AXES, ProgramLayer, Window
from nnkit.native.winograd import KERNEL, is_worthwhile
from nnkit.nn.layer_spec import Stage
from nnkit.nn.loss import Loss
from nnkit.nn.params import Layout, Shape
from nnkit.nn.program_translation import Translation, takes_activation


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
    translation = Translation(layout, state, seed)
    if not translation.add_all(stages[: len(stages) - fused]) or not translation.layers:
        return None
    found = translation.layers
    if by_position and found[-1].positions is None:
        return None  # images
    inference = _outside_training(found)
    if dtype == np.float32:
        inference = [_by_winograd(layer) for layer in inference]
    return Layers(_joined(found, by_position), _joined(inference, by_position))


def unknown_part(
    stages: Sequence[Stage], layout: Layout, state: Layout, loss: Loss, seed: int
) -> str:
    """The part because of which a chain has no program, by kind and name.

    Arguments are those of `program_layers`.
    """
    *inside, output = stages
    translation = Translation(layout, state, seed)
    translation.add_all(inside if program_loss(stages, loss) else stages)
    if translation.unknown is not None:
        return translation.unknown
    activation = (output.spec.applied_activation or output.spec).tag()
    where = " at each position" if output.output_form.positions else ""
    return f"the loss '{loss.tag()}' of '{activation}'{where}"


def layers_in_rows(
    stages: Sequence[Stage], layout: Layout, state: Layout, seed: int
) -> Layers | None:
    """The layers of a chain over sequences, from and to the rows of their steps.

    Arguments are those of `program_layers`. The caller gives the states before the sequences. None
    if the kernels lack a layer.
    """
    translation = Translation(layout, state, seed)
    if not translation.add_all(stages) or not translation.layers:
        return None
    found = translation.layers
    if any(layer.positions is None for layer in found):
        return None
    found = [replace(layer, is_given_states=bool(layer.recurrences)) for layer in found]
    return Layers(tuple(found), tuple(_outside_training(found)))


def _outside_training(layers: Sequence[ProgramLayer]) -> list[ProgramLayer]:
    """The layers without dropout, and with normalization included in convolutions."""
    found: list[ProgramLayer] = []
    for layer in layers:
        if layer.kind in DROPOUTS and layer.activation == IDENTITY:
            continue
        if layer.kind == LayerKind.ACTIVATION and found and takes_activation(found):
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
