"""Recurrent layers by themselves: the compiled kernels run one along a batch of sequences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ctypes import addressof, c_int64, c_void_p, pointer
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nnkit.native.kernel_kinds import CellKind, LayerKind, MergeKind
from nnkit.native.layer_buffers import Allocator
from nnkit.native.library import Library
from nnkit.native.recurrence import Recurrence, bound_recurrence
from nnkit.native.row_sizes import padded
from nnkit.native.structures import (
    MOST_STATE_VECTORS,
    AttentionStructure,
    LayerStructure,
    PaceStructure,
    ProgramStructure,
    RecurrenceStructure,
)

Array = NDArray[Any]
Vectors = Sequence[Array]  # that make up the state of one direction


class ParameterMemory(NamedTuple):
    """Addresses of the parameters of a layer and of their gradients.

    Attributes:
        params: the address of the first block.
        grads: the address of its gradient.
        places: the distance of each block from the first, in numbers.
    """

    params: int
    grads: int
    places: Mapping[str, int]

    @classmethod
    def of(cls, params: Mapping[str, Array], grads: Mapping[str, Array]) -> ParameterMemory | None:
        """The memory of blocks by name; None if the gradients do not lie as the parameters do."""
        (first, places), (first_gradient, of_gradients) = _places(params), _places(grads)
        return cls(first, first_gradient, places) if places == of_gradients else None

    def of_direction(self, prefix: str, names: Sequence[str]) -> Mapping[str, int]:
        """The places of those of the blocks that there are, whose names have a prefix."""
        return {name: self.places[prefix + name] for name in names if prefix + name in self.places}


def _places(blocks: Mapping[str, Array]) -> tuple[int, Mapping[str, int]]:
    """The address of the first block, and the distance of each from it, in numbers."""
    addresses = {name: block.ctypes.data for name, block in blocks.items()}
    first = min(addresses.values())
    return first, {
        name: (address - first) // blocks[name].itemsize for name, address in addresses.items()
    }


class RecurrentSweep:
    """One or two directions of a recurrent layer over all positions, as rows of all steps.

    Step t has a row for each sequence that is longer than t, from the longest sequence to the
    shortest; the rows of all steps lie one after the other (`source/sequences.h`).

    Attributes:
        features: the numbers of an input.
        units: the size of each vector of the state.
        vectors: the number of vectors that make up a state.
        width: the numbers of an output.
        inputs: x of each row, (rows, padded features); the caller writes it.
        outputs: the merged states of each row, (rows, padded outputs), after `forward`.
        d_outputs: dE/dY, the same shape; the caller writes it.
        d_inputs: dE/dX, (rows, padded features), after `backward`.
    """

    def __init__(
        self,
        library: Library,
        cells: Sequence[Recurrence],
        merge: MergeKind,
        memory: ParameterMemory,
        size: tuple[int, int, int],
        buffers: Allocator,
        dtype: np.dtype[Any],
        training: bool,
        threads: int,
    ) -> None:
        """Allocates memory for a batch of the longest sequences.

        Args:
            library: the compiled kernels.
            cells: the directions, with the places of their parameters in `memory`.
            merge: how the outputs of two directions become one.
            memory: where the parameters lie.
            size: the numbers of an input at each step, the positions of the longest sequence, T,
                and the number of sequences, N.
            buffers: allocates the memory.
            dtype: the type of numbers.
            training: whether gradients are computed.
            threads: the number of threads, which divide the sequences.
        """
        features, positions, samples = size
        self.features = features
        self.cells, self.samples, self.units = cells, samples, cells[0].units
        self.vectors = MOST_STATE_VECTORS if cells[0].cell == CellKind.LSTM else 1
        self._buffers, self._dtype, self._kept = buffers, dtype, dict[int, Array]()
        rows, self.width = samples * positions, self.units
        if merge == MergeKind.CONCAT:
            self.width *= len(cells)
        empty = self._empty
        self.inputs, self.outputs = empty(rows, padded(features)), empty(rows, padded(self.width))
        self.inputs[:, features:] = 0
        self.d_inputs, self.d_outputs = self.inputs, self.outputs
        if training:
            self.d_inputs, self.d_outputs = (empty(*Y.shape) for Y in (self.inputs, self.outputs))
        self._directions = (RecurrenceStructure * len(cells))(
            *(self._bound(cell, features, training) for cell in cells)
        )
        # The kernels write dE/dX where a layer before this one would have its own gradient.
        before = LayerStructure(kind=LayerKind.SPLIT, gradient=self.d_inputs.ctypes.data)
        own = LayerStructure(
            kind=LayerKind.RECURRENT,
            inputs=features,
            outputs=self.width,
            weights=-1,
            biases=-1,
            by_position=True,
            output=self.outputs.ctypes.data,
            gradient=self.d_outputs.ctypes.data,
            recurrences=self._directions,
            directions=len(cells),
            merge=merge,
        )
        self._layers = (LayerStructure * 2)(before, own)
        self.structure = ProgramStructure(
            layers=self._layers,
            layer_count=2,
            threads=threads,
            params=memory.params,
            grads=memory.grads,
            input=self.inputs.ctypes.data,
            input_row=self.inputs.shape[1],
            steps=positions,
        )
        self._address = addressof(self.structure)
        self._paces = PaceStructure(), PaceStructure()  # forward and backward
        bits = 8 * dtype.itemsize
        self._sweep = library.function("sweep", bits, None, c_void_p, c_int64, c_int64)

    def _empty(self, *shape: int) -> Array:
        array = self._buffers.empty(shape, self._dtype)
        self._kept[array.ctypes.data] = array
        return array

    def _bound(self, cell: Recurrence, features: int, training: bool) -> RecurrenceStructure:
        """A direction with its memory."""
        rows, width = len(self.outputs), padded(self.units)
        of_states = gradient = 0
        if len(self.cells) == 1:
            of_states, gradient = self.outputs.ctypes.data, self.d_outputs.ctypes.data
        else:
            of_states = self._empty(rows, width).ctypes.data
            if training:
                gradient = self._empty(rows, width).ctypes.data
        found = bound_recurrence(
            cell,
            features,
            self.samples,
            rows,
            self._empty,
            None,
            of_states,
            gradient,
            training,
        )
        starts = self._empty(self.samples, MOST_STATE_VECTORS * width)
        starts.fill(0)
        found.start, found.start_row = starts.ctypes.data, starts.shape[1]
        return found

    def attend(self, attention: AttentionStructure | None) -> None:
        """Sets the attention between the steps of a single direction; None for none."""
        self._attention = attention  # kept alive
        self._layers[1].attention = None if attention is None else pointer(attention)

    def set_steps(self, starts: Array | None, order: Array | None) -> None:
        """Sets how the sequences of the next batch lie in the rows; see `Program.set_steps`."""
        self._steps = starts, order  # kept alive
        self.structure.starts = None if starts is None else starts.ctypes.data
        self.structure.sorted = None if order is None else order.ctypes.data

    def forward(self, first: Sequence[Vectors | None]) -> None:
        """Computes `outputs` from `inputs`.

        Args:
            first: the states before the sequences, of each direction; None for 0.
        """
        for direction, vectors in zip(self._directions, first, strict=True):
            starts = self._kept[direction.start]
            if vectors is None:
                starts.fill(0)
                continue
            width = starts.shape[1] // MOST_STATE_VECTORS
            for number, vector in enumerate(vectors):
                starts[:, number * width : number * width + self.units] = vector.T
        self._run(is_backward=False)

    def _run(self, is_backward: bool) -> None:
        self.structure.pace = pointer(self._paces[is_backward])
        self._sweep(self._address, self.samples, is_backward)

    def states(self, number: int, rows: Array) -> Vectors:
        """The vectors of the state of one direction after some rows, each (len(rows), units)."""
        direction = self._directions[number]
        addresses = (direction.states, direction.cells)[: self.vectors]
        return [self._kept[address][rows, : self.units] for address in addresses]

    def backward(self, d_last: Sequence[Vectors | None]) -> None:
        """Computes `d_inputs` and the gradients of the weights and biases from `d_outputs`.

        Args:
            d_last: the gradients of the states after the sequences, of each direction, each vector
                (units, N); None for 0.
        """
        for number, vectors in enumerate(d_last):
            for i, gradient in enumerate(self._gradients(number)):
                gradient.fill(0)
                if vectors is not None:
                    gradient[:, : self.units] = vectors[i].T
        self._run(is_backward=True)

    def _gradients(self, number: int) -> Vectors:
        direction = self._directions[number]
        addresses = (direction.state_gradients, direction.cell_gradients)[: self.vectors]
        return [self._kept[address] for address in addresses]

    def d_first(self, number: int) -> Vectors:
        """The gradients of the states before the sequences of one direction, each (units, N)."""
        return [gradient[:, : self.units].T for gradient in self._gradients(number)]
