"""The layers of a program, and the memory that each needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from nnkit.native.recurrence import Recurrence, bound_recurrence
from nnkit.native.row_sizes import padded
from nnkit.native.structures import (
    ActivationKind,
    ImageStructure,
    LayerKind,
    LayerStructure,
    MergeKind,
    NormalizationStructure,
    RecurrenceStructure,
)
from nnkit.native.winograd import TILE, scratch_numbers, weight_numbers

Array = NDArray[Any]
Shape = tuple[int, ...]
BLOCK = 16  # samples in a block of images, as in `source/tiles.h`
DROPOUTS = (LayerKind.DROPOUT, LayerKind.SPATIAL_DROPOUT)
KEEPS_BYTES = (LayerKind.MAX_POOL, *DROPOUTS)  # one for each output
# The least samples, and the most inputs, for which `source/dense_packed.h` may pack weights first.
WORTH_PACKING, FEW_INPUTS = 128, 256
BATCH_NUMBERS = 5  # of a channel, as in `source/normalization.h`
SAMPLE_NUMBERS = 2  # of a sample, as in `source/layer_norm.h`
MOST_ENTRIES = 256  # of a window; the number of the largest one is kept in a byte
IMAGE_AXES = 3  # channels, height, width
SEQUENCE_AXES = 2  # features, positions


class Allocator(Protocol):
    """Allocates buffers."""

    def empty(self, shape: Shape, dtype: np.dtype[Any]) -> Array:
        """A buffer whose contents need not persist between passes."""

    def full(self, shape: Shape, dtype: np.dtype[Any], value: float) -> Array:
        """A buffer filled with a value before a pass."""


class ProgramFunction(NamedTuple):
    """An activation and its settings, as `source/activations.h` names them."""

    kind: ActivationKind = ActivationKind.IDENTITY
    a: float = 0.0
    b: float = 0.0
    c: float = 0.0


IDENTITY = ProgramFunction()
# Activations whose derivative is computed from their input, so that nothing may overwrite it.
NEEDS_INPUT = [kind for kind in ActivationKind if kind >= ActivationKind.GELU]


class Frame(NamedTuple):
    """The width of a frame of zeros around images."""

    top: int = 0
    left: int = 0
    bottom: int = 0
    right: int = 0

    def around(self, other: Frame) -> Frame:
        """The frame that has room for both."""
        return Frame(*map(max, self, other))


class Window(NamedTuple):
    """The windows of a convolution or pooling; each pair is (vertical, horizontal).

    Attributes:
        size: the size of a window.
        before: the padding above and on the left.
        after: the padding below and on the right.
        stride: the distance between windows.
        dilation: the distance between the entries of a window.
    """

    size: tuple[int, int]
    before: tuple[int, int] = (0, 0)
    after: tuple[int, int] = (0, 0)
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)

    @property
    def frame(self) -> Frame:
        """The frame around images that the windows lie on."""
        return Frame(*self.before, *self.after)

    def frame_of_few(self, shape: Shape) -> Frame:
        """The frame around images of one position for each window.

        It holds the windows that would reach the images only from outside.

        Args:
            shape: the shape (channels, height, width) of the images that the windows lie on.
        """
        axes = list(zip(shape[1:], *self, strict=True))
        top, left = (max((k - 1) * d - b, 0) // s for _, k, b, _, s, d in axes)
        bottom, right = (
            max((n - 1 + b) // s - (n - 1 + b + a - (k - 1) * d) // s, 0)
            for n, k, b, a, s, d in axes
        )
        return Frame(top, left, bottom, right)


class Normalization(NamedTuple):
    """Batch normalization, or layer normalization, which has no running means.

    Attributes:
        eps: ε, which is added to the variance.
        momentum: the weight of a batch in the running means.
        mean: the place of the running mean in the flat vector of running state.
        variance: the place of the running variance.
        scale: the place of the trained scale in the vector of parameters; None if it has none.
        shift: the place of the trained shift.
    """

    eps: float
    momentum: float = 0.0
    mean: int = 0
    variance: int = 0
    scale: int | None = None
    shift: int | None = None


@dataclass(frozen=True, slots=True)
class ProgramLayer:
    """A layer, the max-pooling over windows of 2 × 2 that may follow, and then the activation.

    Attributes:
        kind: what it computes.
        input_shape: the shape of an input sample, (features,), (channels, height, width), or of a
            sequence (features, positions).
        output_shape: the shape of an output sample, after pooling.
        weights: the place of its weights in the flat vector of parameters; None if it has none.
        biases: the place of its biases; None if it has none.
        lr_factor: the factor on the learning rate of both; 0 if they are frozen.
        decays: whether weight decay and penalties apply to the weights.
        activation: the activation.
        window: the windows of a convolution or pooling.
        normalization: the normalization that it consists of, or that it includes outside training.
        dropped: dropout's rate, in 65536ths.
        draw_key: the key of dropout's draws.
        unpooled_shape: the shape of an output sample before pooling; None without pooling.
        groups: the groups of channels and filters of a convolution; the slopes of PReLU.
        counts_padding: whether padding counts in an average.
        width: the neighbouring numbers of a sample that are features of one position, of a layer
            that divides samples into positions.
        recurrences: the directions of a recurrent layer.
        merge: how their outputs become one.
    """

    kind: LayerKind
    input_shape: Shape
    output_shape: Shape
    weights: int | None = None
    biases: int | None = None
    lr_factor: float = 0.0
    decays: bool = False
    activation: ProgramFunction = IDENTITY
    window: Window | None = None
    unpooled_shape: Shape | None = None
    normalization: Normalization | None = None
    dropped: int = 0
    draw_key: tuple[int, int] = (0, 0)
    groups: int = 1
    counts_padding: bool = True
    width: int = 1
    recurrences: tuple[Recurrence, ...] = ()
    merge: MergeKind = MergeKind.CONCAT

    @property
    def inputs(self) -> int:
        """The numbers of an input sample."""
        return prod(self.input_shape)

    @property
    def outputs(self) -> int:
        """The numbers of an output sample."""
        return prod(self.output_shape)

    @property
    def positions(self) -> int | None:
        """The positions of an output sequence; None of other outputs."""
        return self.output_shape[1] if len(self.output_shape) == SEQUENCE_AXES else None

    def at(self, positions: int) -> ProgramLayer:
        """The layer for sequences of at most so many positions, if it is one over sequences."""
        before, after = self.input_shape, self.output_shape
        if len(before) == SEQUENCE_AXES:
            before = (before[0], positions)
        if len(after) == SEQUENCE_AXES:
            after = (after[0], positions)
        if self.kind == LayerKind.SEQUENCE:
            before = (prod(after),)
        return replace(self, input_shape=before, output_shape=after)

    @property
    def input_frame(self) -> Frame:
        """The frame that the layer needs around its input."""
        if self.window is None:
            return Frame()
        if self.kind == LayerKind.CONV_TRANSPOSE:
            return self.window.frame_of_few(self.output_shape)
        if self.kind == LayerKind.WINOGRAD:
            top, left, bottom, right = self.window.frame
            height, width = self.spatial_size
            return Frame(top, left, bottom + height % TILE, right + width % TILE)
        return self.window.frame if self.kind == LayerKind.CONV else Frame()

    @property
    def gradient_frame(self) -> Frame:
        """The frame that it needs around dE/dZ to compute the gradients of input and weights."""
        if self.window is None:
            return Frame()
        if self.kind == LayerKind.CONV:
            return self.window.frame_of_few(self.input_shape)
        return self.window.frame if self.kind == LayerKind.CONV_TRANSPOSE else Frame()

    @property
    def spatial_size(self) -> tuple[int, int]:
        """The height and width of the outputs of a convolution that count: all, or those pooled."""
        _, height, width = self.output_shape
        return (height, width) if self.unpooled_shape is None else (2 * height, 2 * width)

    @property
    def scratch_numbers(self) -> int:
        """The numbers that each thread needs for intermediate results."""
        if self.kind != LayerKind.WINOGRAD:
            return 0
        return scratch_numbers(self.input_shape[0], self.output_shape[0])

    @property
    def is_input(self) -> bool:
        """Whether it stands for the input of a block."""
        return self.kind in (LayerKind.SPLIT, LayerKind.BRANCH)


class LayerBuffers:
    """The buffers of one layer of a program.

    Attributes:
        structure: the layer, as the kernels read it.
        output: Y; (N, padded outputs) of vectors, (blocks, C, H, W, 16) with a frame of images;
            None if it stands for the input of a block.
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
        if packed or layer.kind == LayerKind.WINOGRAD:
            self.structure.packed = self._empty((_packed_numbers(layer),)).ctypes.data
        if len(layer.output_shape) < IMAGE_AXES:
            rows = (samples * (layer.positions or 1), padded(of_row(layer.output_shape)))
            if not layer.is_input:
                self.output = self._empty(rows)
                self.structure.output = self.output.ctypes.data
            if gradient_frame is not None:
                self.structure.gradient = self._empty(rows).ctypes.data
            if training:
                self._bind_for_training(layer, rows)
            if layer.recurrences:
                self._bind_recurrences(layer, training)
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
        one = len(layer.recurrences) == 1
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
                    lambda *shape: self._empty(shape),
                    output if layer.positions is None else None,
                    output if one and layer.positions is not None else None,
                    gradient,
                    training,
                )
            )
        self._directions = (RecurrenceStructure * len(directions))(*directions)
        structure.recurrences, structure.directions = self._directions, len(directions)

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


def _packed_numbers(layer: ProgramLayer) -> int:
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


def bound_layers(
    layers: Sequence[ProgramLayer],
    samples: int,
    buffers: Allocator,
    dtype: np.dtype[Any],
    training: bool,
) -> list[LayerBuffers]:
    """The layers of a program with their buffers.

    Args:
        layers: the layers.
        samples: the number of samples of the largest batch, N.
        buffers: allocates the buffers.
        dtype: the type of numbers.
        training: whether gradients are computed; that of the output always is.
    """
    first = first_trained(layers)
    others, frames = _others(layers), _frames(layers)
    found: list[LayerBuffers] = []
    packs = not training and all(layer.kind == LayerKind.DENSE for layer in layers)
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
    """The index of the first layer whose parameters are trained; the number of layers if none."""
    return next((i for i, layer in enumerate(layers) if layer.lr_factor), len(layers))
