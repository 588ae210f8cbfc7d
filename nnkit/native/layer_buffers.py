"""The buffers of a program's layers, and the structures that point the kernels to them."""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import pointer
from math import prod
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nnkit.native.attention_memory import AttentionMemory, bound_feeding, bound_memory
from nnkit.native.direction_states import DirectionStates
from nnkit.native.kernel_kinds import LayerKind
from nnkit.native.program_layer import (
    DROPOUTS,
    SEQUENCE_AXES,
    Frame,
    Normalization,
    ProgramLayer,
    Shape,
    Window,
    is_image,
)
from nnkit.native.recurrence import bound_recurrence
from nnkit.native.row_sizes import padded
from nnkit.native.structures import (
    ImageStructure,
    LayerStructure,
    NormalizationStructure,
    RecurrenceStructure,
)
from nnkit.native.winograd import weight_numbers

Array = NDArray[Any]
BLOCK = 16  # samples in a block of images, as in `source/tiles.h`
KEEPS_BYTES = (LayerKind.MAX_POOL, *DROPOUTS)  # one for each output
BATCH_NUMBERS = 5  # of a channel, as in `source/normalization.h`
SAMPLE_NUMBERS = 2  # of a sample, as in `source/layer_norm.h`


class Allocator(Protocol):
    """Allocates buffers."""

    def empty(self, shape: Shape, dtype: np.dtype[Any]) -> Array:
        """A buffer whose contents need not persist between passes."""

    def full(self, shape: Shape, dtype: np.dtype[Any], value: float) -> Array:
        """A buffer filled with a value before a pass."""


class LayerBuffers:
    """The buffers of one layer of a program.

    Attributes:
        structure: the layer, as the kernels read it.
        output: Y; (N, padded outputs) of vectors, (blocks, C, H, W, 16) with a frame of images;
            None if it stands for the input of a block.
        gradient: dE/dY of vectors, the same shape; None if no gradients are computed.
        states: the states of the directions of a recurrent layer that is given states.
    """

    def __init__(
        self,
        layer: ProgramLayer,
        samples: int,
        buffers: Allocator,
        dtype: np.dtype[Any],
        training: bool,
        frame: Frame,
        gradient_frame: Frame | None,
        before: LayerBuffers | None,
        packed: bool,
    ) -> None:
        """Allocates the buffers.

        Args:
            layer: the layer.
            samples: the number of samples, N.
            buffers: allocates them.
            dtype: the type of numbers.
            training: whether the layer is used in training.
            frame: the frame of zeros around its output.
            gradient_frame: the frame of zeros around dE/dZ; None if no gradients are computed.
            before: the layer that computes the input, if this one stands for the input of a block.
            packed: whether the weights of a dense layer are packed.
        """
        self._arrays: list[Array] = []  # kept alive
        self._samples, self._buffers, self._dtype = samples, buffers, dtype
        self.structure = _structure(layer)
        self.output: Array | None = None
        self.gradient: Array | None = None
        self.states: Sequence[DirectionStates] = ()
        if packed or layer.kind == LayerKind.WINOGRAD:
            self.structure.packed = self._empty((packed_numbers(layer),)).ctypes.data
        if not is_image(layer.output_shape):
            self._bind_vectors(layer, training, gradient_frame is not None)
            return
        if before is not None:
            self.structure.images = before.structure.images
        else:
            self.output, self.structure.images = self._images(layer.output_shape, frame)
        if training and layer.kind == LayerKind.BATCH_NORM:
            numbers = self._empty((layer.output_shape[0], BATCH_NUMBERS))
            self.structure.normalization.batch = numbers.ctypes.data
        if training and (layer.kind in KEEPS_BYTES or layer.unpooled_shape is not None):
            self._bind_bytes((self.blocks, *layer.output_shape, BLOCK))
        if gradient_frame is None:
            return
        if layer.unpooled_shape is None:
            _, self.structure.gradients = self._images(layer.output_shape, gradient_frame)
            self.structure.unpooled = self.structure.gradients
            return
        _, self.structure.gradients = self._images(layer.output_shape, Frame())
        # Windows leave out the last row or column where there is an odd number of them.
        _, self.structure.unpooled = self._images(layer.unpooled_shape, gradient_frame, zeros=True)

    def _bind_vectors(self, layer: ProgramLayer, training: bool, has_gradient: bool) -> None:
        """Allocates the buffers of a layer of vectors, or of the positions of sequences."""
        rows = (self._samples * (layer.positions or 1), padded(of_row(layer.output_shape)))
        if not layer.is_input:
            self.output = self._empty(rows)
            self.structure.output = self.output.ctypes.data
        if has_gradient:
            self.gradient = self._empty(rows)
            self.structure.gradient = self.gradient.ctypes.data
        if training:
            self._bind_for_training(layer, rows)
        if layer.recurrences:
            self._bind_recurrences(layer, training)
        if layer.memory is not None:
            self._bind_memory(layer.memory, layer.positions or 0, training)
        if layer.feeding is not None:
            self._bind_feeding(layer, rows[0], training)

    def _bind_for_training(self, layer: ProgramLayer, rows: Shape) -> None:
        """Allocates what a layer of vectors keeps from the forward pass for the backward pass."""
        if layer.kind in DROPOUTS:
            self._bind_bytes(rows)
        if layer.kind == LayerKind.LAYER_NORM:
            numbers = self._empty((self._samples, SAMPLE_NUMBERS))
            self.structure.normalization.batch = numbers.ctypes.data

    def _bind_bytes(self, shape: Shape) -> None:
        """Allocates a byte for each output."""
        self._arrays.append(self._buffers.empty(shape, np.dtype(np.uint8)))
        self.structure.chosen = self._arrays[-1].ctypes.data

    def _bind_recurrences(self, layer: ProgramLayer, training: bool) -> None:
        """Allocates the buffers of the directions of a recurrent layer."""
        features, positions = layer.input_shape
        structure = self.structure
        rows = self._samples * (layer.positions or 1)
        one = len(layer.recurrences) == 1 and layer.feeding is None
        directions = []
        for found in layer.recurrences:
            own = (rows, padded(found.units))
            output, gradient = structure.output, structure.gradient
            if not one:
                output = self._empty(own).ctypes.data
                gradient = None if gradient is None else self._empty(own).ctypes.data
            directions.append(
                bound_recurrence(
                    found,
                    features,
                    self._samples,
                    self._samples * positions,
                    self._array,
                    output if layer.positions is None else None,
                    output if one and layer.positions is not None else None,
                    gradient,
                    training,
                )
            )
        if layer.is_given_states:
            arrays = {array.ctypes.data: array for array in self._arrays}
            self.states = [
                DirectionStates(direction, self._samples, self._array, arrays, training)
                for direction in directions
            ]
        self._directions = (RecurrenceStructure * len(directions))(*directions)
        structure.recurrences, structure.directions = self._directions, len(directions)

    def _bind_memory(self, memory: AttentionMemory, positions: int, training: bool) -> None:
        """Allocates what an attention reads and keeps."""
        lengths = self._buffers.empty((self._samples,), np.dtype(np.int64))
        self._arrays.append(lengths)
        self._memory = bound_memory(
            memory, positions, self._samples, lengths, self._array, training
        )
        self.structure.memory = pointer(self._memory)

    def _bind_feeding(self, layer: ProgramLayer, rows: int, training: bool) -> None:
        """Allocates what feeds the output of attention to the next step."""
        assert layer.feeding is not None
        assert layer.memory is not None
        units = of_row(layer.output_shape)
        self._feeding = bound_feeding(
            layer.feeding, layer.memory, units, rows, self._array, training
        )
        self.structure.feeding = pointer(self._feeding)

    def _array(self, *shape: int) -> Array:
        return self._empty(shape)

    @property
    def blocks(self) -> int:
        """The number of blocks of images."""
        return -(-self._samples // BLOCK)

    def _empty(self, shape: Shape) -> Array:
        self._arrays.append(self._buffers.empty(shape, self._dtype))
        return self._arrays[-1]

    def _images(
        self, shape: Shape, frame: Frame, zeros: bool = False
    ) -> tuple[Array, ImageStructure]:
        channels, height, width = shape
        rows, columns = height + frame.top + frame.bottom, width + frame.left + frame.right
        whole = (self.blocks, channels, rows, columns, BLOCK)
        if zeros or any(frame):
            array = self._buffers.full(whole, self._dtype, 0)
            self._arrays.append(array)
        else:
            array = self._empty(whole)
        steps = [step // self._dtype.itemsize for step in array.strides]
        first = array.ctypes.data + frame.top * array.strides[2] + frame.left * array.strides[3]
        return array, ImageStructure(first, *shape, *steps[:4])


def packed_numbers(layer: ProgramLayer) -> int:
    """The numbers of the weights of a layer in the order of its kernel."""
    if layer.kind == LayerKind.WINOGRAD:
        return weight_numbers(layer.input_shape[0], layer.output_shape[0])
    return padded(layer.outputs) * padded(layer.inputs)


def of_row(shape: Shape) -> int:
    """The numbers of a row of vectors: of a sample, or of a position of a sequence."""
    return shape[0] if len(shape) == SEQUENCE_AXES else prod(shape)


def _structure(layer: ProgramLayer) -> LayerStructure:
    window = layer.window or Window((0, 0))
    return LayerStructure(
        kind=layer.kind,
        inputs=of_row(layer.input_shape),
        outputs=of_row(layer.output_shape),
        activation=layer.activation.kind,
        a=layer.activation.a,
        b=layer.activation.b,
        c=layer.activation.c,
        weights=-1 if layer.weights is None else layer.weights,
        biases=-1 if layer.biases is None else layer.biases,
        lr_factor=layer.lr_factor,
        decays=layer.decays,
        height=window.size[0],
        width=window.size[1] if layer.window else layer.width,
        top=window.before[0],
        left=window.before[1],
        row_stride=window.stride[0],
        column_stride=window.stride[1],
        row_dilation=window.dilation[0],
        column_dilation=window.dilation[1],
        groups=layer.groups,
        counts_padding=layer.counts_padding,
        pooled=layer.unpooled_shape is not None,
        normalization=_normalization(layer.normalization),
        draw_key=layer.draw_key,
        dropped=layer.dropped,
        by_position=layer.positions is not None,
        merge=layer.merge,
        takes_last=layer.positions is None,
    )


def _normalization(found: Normalization | None) -> NormalizationStructure:
    if found is None:
        return NormalizationStructure(mean=-1)
    return NormalizationStructure(
        mean=found.mean,
        variance=found.variance,
        scale=-1 if found.scale is None else found.scale,
        shift=-1 if found.shift is None else found.shift,
        eps=found.eps,
        momentum=found.momentum,
    )
