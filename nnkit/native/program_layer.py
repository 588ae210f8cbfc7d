"""The layers of a program, as they are described to the compiled kernels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import NamedTuple

from nnkit.native.attention_memory import AttentionMemory, Feeding
from nnkit.native.kernel_kinds import ActivationKind, LayerKind, MergeKind
from nnkit.native.recurrence import Recurrence
from nnkit.native.winograd import TILE, scratch_numbers

Shape = tuple[int, ...]
DROPOUTS = (LayerKind.DROPOUT, LayerKind.SPATIAL_DROPOUT)
MOST_ENTRIES = 256  # of a window; the number of the largest one is kept in a byte
IMAGE_AXES = 3  # channels, height, width
SEQUENCE_AXES = 2  # features, positions


def is_image(shape: Shape) -> bool:
    """Whether samples of a shape are images, in blocks."""
    return len(shape) == IMAGE_AXES


def exceeds_byte(kind: LayerKind, entries: int) -> bool:
    """Whether a pooling has too many entries of a window to note the largest in a byte."""
    return kind == LayerKind.MAX_POOL and entries > MOST_ENTRIES


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
        is_given_states: whether its caller gives the state before each sequence.
        memory: what attention reads, of this layer or between its steps.
        feeding: what follows the attention between the steps of a recurrent layer.
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
    is_given_states: bool = False
    memory: AttentionMemory | None = None
    feeding: Feeding | None = None

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
        if self.memory is not None and self.positions is not None:
            return self.memory.scratch_numbers(self.positions)
        if self.kind != LayerKind.WINOGRAD:
            return 0
        return scratch_numbers(self.input_shape[0], self.output_shape[0])

    @property
    def is_input(self) -> bool:
        """Whether it stands for the input of a block."""
        return self.kind in (LayerKind.SPLIT, LayerKind.BRANCH)
