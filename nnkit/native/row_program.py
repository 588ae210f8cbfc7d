"""Programs over the rows of sequences' steps, with states that are given before the sequences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ctypes import c_int64, c_void_p, pointer
from typing import Any

from numpy.typing import NDArray

from nnkit.native.direction_states import DirectionStates
from nnkit.native.kernel_kinds import LossKind
from nnkit.native.layer_buffers import Allocator
from nnkit.native.library import Library
from nnkit.native.program import Program, ProgramLoss
from nnkit.native.program_layer import ProgramLayer
from nnkit.native.structures import PaceStructure

Array = NDArray[Any]
NO_LOSS = ProgramLoss(LossKind.SQUARED_ERROR)


class RowProgram(Program):
    """A program whose inputs lie in the rows of steps (`source/sequences.h`).

    It takes batches of up to the positions that its layers are bound to. A part of a network has no
    loss: `run` and `run_back` run it.

    Attributes:
        states: the states of the directions of each recurrent layer, by its place in the program.
        backward_pace: what is known about how fast `run_back` is.
        gradient_of_output: dE/dY of the last layer, (rows, padded outputs), which the caller of
            `run_back` or another program writes.
    """

    def __init__(
        self,
        library: Library,
        layers: Sequence[ProgramLayer],
        loss: ProgramLoss | None,
        vectors: tuple[Array, Array, Array],
        samples: int,
        buffers: Allocator,
        threads: int,
        training: bool,
    ) -> None:
        """Binds the layers to buffers.

        Args:
            library: the compiled kernels.
            layers: the layers.
            loss: the loss; None if the program is a part of a network.
            vectors: all parameters, their gradients, and the running state.
            samples: the number of samples of the largest batch, N.
            buffers: allocates the buffers.
            threads: the number of threads.
            training: whether gradients are computed.
        """
        super().__init__(
            library, layers, loss or NO_LOSS, *vectors, samples, buffers, threads, training
        )
        self._training = training
        self.backward_pace = PaceStructure()
        self.states: Mapping[int, Sequence[DirectionStates]] = {
            place: each.states for place, each in enumerate(self._bound) if each.states
        }
        self.gradient_of_output = self._bound[-1].gradient
        self._memories = [each.contents for each in (x.memory for x in self._layers) if each]
        self._walk = library.function("walk", self.bits, None, c_void_p, *[c_int64] * 3)

    def read(self, encoder: RowProgram) -> None:
        """Lets the attention of this program, a decoder, read the encoder's outputs of a batch."""
        for memory in self._memories:
            memory.encoder = encoder._address
            memory.source, memory.positions = encoder.structure.steps, self.structure.steps

    def set_sequences(self, positions: int, starts: Array | None, order: Array | None) -> None:
        """Sets how the sequences of the next batch lie in rows.

        Args:
            positions: the positions of the longest sequence, T.
            starts: the first row of each step, and the number of all rows, (T + 1,), of int64; None
                if all sequences have the same length.
            order: the samples from the longest sequence to the shortest, (N,), of int64.
        """
        self.positions = self.structure.steps = positions
        self.set_steps(starts, order)

    def set_rows(self, X: Array) -> None:
        """Sets the inputs, (rows, numbers)."""
        self._check_ids(X)
        self._input = X  # kept alive
        self.structure.input, self.structure.input_row = X.ctypes.data, X.shape[1]

    def run(self, samples: int) -> Array:
        """The outputs of a batch, (rows, outputs); the next call overwrites them."""
        self._walk(self._address, samples, self._training, False)
        return self.outputs[: self._rows(samples)]

    def run_back(self, samples: int) -> None:
        """Computes the gradients of the parameters from `gradient_of_output`."""
        forward_pace = self.structure.pace
        self.structure.pace = pointer(self.backward_pace)
        self._walk(self._address, samples, True, True)
        self.structure.pace = forward_pace

    def loss_and_outputs(
        self, samples: int, classes: Array, weights: Array | None
    ) -> tuple[float, Array]:
        """The mean loss of the classes of rows, outside training, and the outputs."""
        self._take_targets(classes, weights)
        self.structure.share = 1.0
        loss = self._evaluate(self._address, samples)
        return loss, self.outputs[: self._rows(samples)]

    def loss_and_gradient(
        self, samples: int, classes: Array, weights: Array | None, share: float
    ) -> float:
        """The mean loss of the classes of rows; writes its gradient. Both are times `share`."""
        self._take_targets(classes, weights)
        self.structure.share = share
        return float(self._gradient(self._address, samples))
