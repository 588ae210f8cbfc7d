"""Binds the layers of a program to buffers, each with the frames that its neighbours need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnkit.native.kernel_kinds import LayerKind
from nnkit.native.layer_buffers import Allocator, LayerBuffers
from nnkit.native.program_layer import Frame, ProgramLayer

# The least samples, and the most inputs, for which `source/dense_packed.h` may pack weights first.
WORTH_PACKING, FEW_INPUTS = 128, 256


def bound_layers(
    layers: Sequence[ProgramLayer],
    samples: int,
    buffers: Allocator,
    dtype: np.dtype[Any],
    training: bool,
    packs: bool = True,
) -> list[LayerBuffers]:
    """The layers of a program with their buffers.

    Args:
        layers: the layers.
        samples: the number of samples of the largest batch, N.
        buffers: allocates the buffers.
        dtype: the type of numbers.
        training: whether gradients are computed; that of the output always is.
        packs: whether each pass packs the weights of dense layers, for which they need room.
    """
    first = first_trained(layers)
    others, frames = _others(layers), _frames(layers)
    found: list[LayerBuffers] = []
    packs = packs and not training and are_dense(layers)
    for i, layer in enumerate(layers):
        is_last = i == len(layers) - 1
        gradient_frame = None
        if is_last or (training and i >= first):
            gradient_frame = layer.gradient_frame if i > first else Frame()
        before = None
        if layer.is_input and i > 0:
            before = found[i - 1 if layer.kind == LayerKind.SPLIT else i + others[i]]
        packed = packs and (samples >= WORTH_PACKING or layer.inputs <= FEW_INPUTS)
        found.append(
            LayerBuffers(
                layer, samples, buffers, dtype, training, frames[i], gradient_frame, before, packed
            )
        )
        found[-1].structure.other = others[i]
    return found


def are_dense(layers: Sequence[ProgramLayer]) -> bool:
    """Whether all layers are dense: only then do kernels use packed weights."""
    return all(layer.kind == LayerKind.DENSE for layer in layers)


def _others(layers: Sequence[ProgramLayer]) -> list[int]:
    """The steps from each layer of a block to the other one that `source/branch_layers.h` names."""
    others = [0] * len(layers)
    blocks: list[tuple[int, int | None]] = []  # the places of SPLIT and BRANCH
    for i, layer in enumerate(layers):
        if layer.kind == LayerKind.SPLIT:
            blocks.append((i, None))
        elif layer.kind == LayerKind.BRANCH:
            split, _ = blocks.pop()
            others[i], others[split] = split - i, i - split
            blocks.append((split, i))
        elif layer.kind == LayerKind.ADD:
            split, branch = blocks.pop()
            if branch is None:
                others[i], others[split] = split - i, i - split
            else:
                others[i] = branch - 1 - i
    return others


def _frames(layers: Sequence[ProgramLayer]) -> list[Frame]:
    """The frame that the layers which read it need around the output of each layer."""
    frames = [Frame()] * len(layers)
    others = _others(layers)
    for i in reversed(range(1, len(layers))):
        layer = layers[i]
        if layer.kind == LayerKind.BRANCH:
            split = i + others[i]
            frames[split] = frames[split].around(frames[i])
        elif layer.kind == LayerKind.SPLIT:
            frames[i - 1] = frames[i]
        else:
            frames[i - 1] = frames[i - 1].around(layer.input_frame)
    return frames


def first_trained(layers: Sequence[ProgramLayer]) -> int:
    """The index of the first layer whose parameters are trained; the number of layers if none.

    It is the first of all if a layer needs the gradient of its input itself.
    """
    if any(layer.feeding is not None for layer in layers):
        return 0
    return next((i for i, layer in enumerate(layers) if layer.lr_factor), len(layers))
