"""A pass through a network: its purpose and its observer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from nnkit.nn.params import Array
from nnkit.nn.recurrent.states import States
from nnkit.nn.seq2seq.encoder_memory import EncoderMemory

MICRO_BATCH_KEY_STRIDE = 1 << 40  # difference of random keys; exceeds any number of steps


class Observer:
    """Base class of observers, called with each layer's outputs and gradients; does nothing.

    Names are those of the layers, such as `layers.0`, or `layers.3.layers.0` inside a block. The
    arrays are buffers that the next layer may overwrite: copy what is needed.

    Layers that take a sequence step by step also show their steps. Arrays of a step have a column
    for each of the n sequences that run at that position, the longest first.
    """

    def input(self, name: str, X: Array) -> None:
        """Called with each layer's input X (*input shape, N), before its output."""

    def output(self, name: str, Y: Array) -> None:
        """Called with each layer's output Y (*output shape, N), in the order of the layers."""

    def gradient(self, name: str, dY: Array) -> None:
        """Called with dE/dY of each layer's output, from the last layer to the first."""

    def input_gradient(self, name: str, dX: Array) -> None:
        """Called with dE/dX of each layer's input, where it is computed."""

    def step(self, name: str, position: int, values: Mapping[str, Array]) -> None:
        """Called after each step of a layer over sequences.

        Args:
            name: the layer; with `.reverse` added for the direction that begins at the end.
            position: the position in the sequence, from 0.
            values: what the step computed, by symbol, (rows, n).
        """

    def step_back(
        self,
        name: str,
        position: int,
        gradients: Mapping[str, Array],
        contributions: Mapping[str, Array],
    ) -> None:
        """Called after the backward pass of each step, from the last to the first.

        Args:
            name: the layer, as for `step`.
            position: the position in the sequence, from 0.
            gradients: gradients of what the step computed, by symbol, (rows, n).
            contributions: what the step adds to the gradient of each parameter, by short name.
        """


class Recorder(Observer):
    """Keeps a copy of every output and gradient.

    Attributes:
        outputs: each layer's output by the layer's name, (*output shape, N).
        gradients: the gradients of the loss with respect to these outputs, by the same names.
    """

    def __init__(self) -> None:
        self.outputs: dict[str, Array] = {}
        self.gradients: dict[str, Array] = {}

    def output(self, name: str, Y: Array) -> None:
        self.outputs[name] = Y.copy()

    def gradient(self, name: str, dY: Array) -> None:
        self.gradients[name] = dY.copy()


class Pass(NamedTuple):
    """A pass through a network, forward and possibly backward.

    Attributes:
        training: whether this is a training pass, in which dropout is active and batch
            normalization uses the statistics of the batch.
        step: the number of the training step, or of the batch where a step takes several; part of
            the key of random draws.
        micro_batch: the number of the micro-batch within the batch, also part of that key.
        observer: called with the outputs and gradients, or None.
        before: the number of samples for which the same random draws are made, but which other
            ranks compute: those before this rank's.
        after: the number of such samples after this rank's.
        idle: whether this rank has no sample of the batch; it then passes another rank's, which
            must not count, so that layers in which ranks work together find all of them.
        lengths: the length of each sequence, (N,); None if all samples have the same.
        target_lengths: the length of each sequence of targets, (N,), where it is not that of the
            input; None elsewhere.
        memory: the outputs of the encoder in a pass through a decoder; None in other passes.
        states: the states of recurrent layers before and after the sequences; None if these begin
            anew and nobody needs the last.
    """

    training: bool = True
    step: int = 0
    micro_batch: int = 0
    observer: Observer | None = None
    before: int = 0
    after: int = 0
    idle: bool = False
    lengths: Array | None = None
    target_lengths: Array | None = None
    memory: EncoderMemory | None = None
    states: States | None = None

    @property
    def key(self) -> int:
        """The key of random draws, different for each step and micro-batch."""
        return self.step + self.micro_batch * MICRO_BATCH_KEY_STRIDE

    def encoder_memory(self) -> EncoderMemory:
        """The memory of a pass through a decoder, for a layer that reads it."""
        assert self.memory is not None, "a layer of a decoder runs without an encoder"
        return self.memory


INFERENCE = Pass(training=False)
