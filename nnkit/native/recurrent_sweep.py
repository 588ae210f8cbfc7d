"""Recurrent layers by themselves: the compiled kernels run one along a batch of sequences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ctypes import addressof, c_int64, c_void_p, pointer
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nnkit.native.direction_states import DirectionStates
from nnkit.native.kernel_kinds import LayerKind, MergeKind
from nnkit.native.layer_buffers import Allocator
from nnkit.native.library import Library
from nnkit.native.recurrence import Recurrence, bound_recurrence
from nnkit.native.row_sizes import padded
from nnkit.native.structures import (
    LayerStructure,
    PaceStructure,
    ProgramStructure,
    RecurrenceStructure,
)

Array = NDArray[Any]


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
        states: the states of each direction before and after the sequences.
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
        self.cells, self.samples = cells, samples
        self._buffers, self._dtype, self._kept = buffers, dtype, dict[int, Array]()
        rows, self.width = samples * positions, cells[0].units
        if merge == MergeKind.CONCAT:
            self.width *= len(cells)
        empty = self._empty
        self.inputs, self.outputs = empty(rows, padded(features)), empty(rows, padded(self.width))
        self.inputs[:, features:] = 0
        self.d_inputs, self.d_outputs = self.inputs, self.outputs
        if training:
            self.d_inputs, self.d_outputs = (empty(*Y.shape) for Y in (self.inputs, self.outputs))
        bound = [self._bound(cell, features, training) for cell in cells]
        self.states = [
            DirectionStates(each, samples, self._empty, self._kept, training) for each in bound
        ]
        self._directions = (RecurrenceStructure * len(cells))(*bound)
        # The kernels write dE/dX where a layer before this one would have its own gradient.
        before = LayerStructure(kind=LayerKind.SPLIT, gradient=self.d_inputs.ctypes.data)
        own = LayerStructure(
            kind=LayerKind.RECURRENT,
            inputs=features,
            outputs=self.width,
            weights=-1,
            biases=-1,
            lr_factor=1.0,
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
        self._walk = library.function("walk", bits, None, c_void_p, *[c_int64] * 3)

    def _empty(self, *shape: int) -> Array:
        array = self._buffers.empty(shape, self._dtype)
        self._kept[array.ctypes.data] = array
        return array

    def _bound(self, cell: Recurrence, features: int, training: bool) -> RecurrenceStructure:
        """A direction with its memory."""
        rows, width = len(self.outputs), padded(cell.units)
        of_states = gradient = 0
        if len(self.cells) == 1:
            of_states, gradient = self.outputs.ctypes.data, self.d_outputs.ctypes.data
        else:
            of_states = self._empty(rows, width).ctypes.data
            if training:
                gradient = self._empty(rows, width).ctypes.data
        return bound_recurrence(
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

    def set_steps(self, starts: Array | None, order: Array | None) -> None:
        """Sets how the sequences of the next batch lie in the rows; see `Program.set_steps`."""
        self._steps = starts, order  # kept alive
        self.structure.starts = None if starts is None else starts.ctypes.data
        self.structure.sorted = None if order is None else order.ctypes.data

    def forward(self) -> None:
        """Computes `outputs` from `inputs`, and the states."""
        self._run(is_backward=False)

    def backward(self) -> None:
        """Computes `d_inputs` and the gradients of the weights, biases and states."""
        self._run(is_backward=True)

    def _run(self, is_backward: bool) -> None:
        self.structure.pace = pointer(self._paces[is_backward])
        self._walk(self._address, self.samples, True, is_backward)
