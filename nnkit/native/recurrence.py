"""The directions of recurrent layers in programs, and the memory that each needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from nnkit.native.kernel_kinds import ActivationKind, CellKind
from nnkit.native.row_sizes import padded
from nnkit.native.structures import MOST_STATE_VECTORS, RecurrenceStructure

Array = NDArray[Any]
BLOCK = 16  # units whose gates lie together, as in `source/tiles.h`
PARAMETERS = ("U", "W", "b", "d", "s0", "s1")  # of a direction
GATES = {CellKind.RNN: 1, CellKind.LSTM: 4, CellKind.GRU: 3}


@dataclass(frozen=True, slots=True)
class Recurrence:
    """One direction of a recurrent layer.

    Attributes:
        cell: what it computes at each step.
        units: the size of each vector of the state.
        reverse: whether sequences are read from their ends.
        function: the activation of an RNN, and its settings.
        places: the places of its parameters in the flat vector, by short name, such as `U`.
    """

    cell: CellKind
    units: int
    reverse: bool = False
    function: tuple[ActivationKind, float, float, float] = (ActivationKind.IDENTITY, 0.0, 0.0, 0.0)
    places: Mapping[str, int] = field(default_factory=dict)


def bound_recurrence(
    found: Recurrence,
    inputs: int,
    samples: int,
    positions: int,
    memory: Callable[[int, int], Array],
    output: int | None,
    states: int | None,
    gradient: int | None,
    training: bool,
) -> RecurrenceStructure:
    """A direction with its buffers, as the kernels read it.

    Args:
        found: the direction.
        inputs: the numbers of an input at each step.
        samples: the most sequences of a batch.
        positions: the most positions of all sequences of a batch.
        memory: allocates an array of so many rows and columns, and keeps it alive.
        output: the address where the last states go; None if the output is all states.
        states: the address of all states; None to allocate them.
        gradient: the address of dE/dY; None if no gradients are computed.
        training: whether gradients are computed.
    """
    cell, gates, width = found.cell, GATES[found.cell], padded(found.units)
    of_gates = gates * -(-found.units // BLOCK) * BLOCK
    function, a, b, c = found.function
    places = found.places
    names = [f"s{i}" for i in range(MOST_STATE_VECTORS)]
    if states is None:
        states = memory(positions, width).ctypes.data
    structure = RecurrenceStructure(
        cell=cell,
        units=found.units,
        gates=gates,
        reverse=found.reverse,
        function=function,
        a=a,
        b=b,
        c=c,
        input_weights=places["U"],
        state_weights=places["W"],
        biases=places["b"],
        product_biases=places.get("d", -1),
        initial=(places.get(names[0], -1), places.get(names[1], -1)),
        inputs_packed=memory(inputs, of_gates).ctypes.data,
        states_packed=memory(found.units, of_gates).ctypes.data,
        biases_packed=memory(1, of_gates + width).ctypes.data,
        start=memory(MOST_STATE_VECTORS, width).ctypes.data,
        sums_row=of_gates + BLOCK,  # rows at a distance of 2ᵏ would share lines of the cache
        states=states,
        sums=states,
        cells=states,  # where a cell lacks a vector, it is not used
        tanh_cells=states,
        products=states,
        state_gradients=states,
        cell_gradients=states,
        row_gradients=states,
        output=states if output is None else output,
        gradient=gradient,
    )
    if training or cell != CellKind.RNN:
        structure.sums = memory(positions, structure.sums_row).ctypes.data
    if cell == CellKind.LSTM:
        structure.cells = memory(positions, width).ctypes.data
        structure.tanh_cells = memory(positions, width).ctypes.data
    if cell == CellKind.GRU:
        structure.products = memory(positions, width).ctypes.data
    if training:
        structure.inputs_ordered = memory(of_gates, padded(inputs)).ctypes.data
        structure.states_ordered = memory(of_gates, width).ctypes.data
        structure.state_gradients = memory(samples, width).ctypes.data
        if cell == CellKind.LSTM:
            structure.cell_gradients = memory(samples, width).ctypes.data
        if cell == CellKind.GRU:
            rows = -(-samples // BLOCK) * BLOCK
            structure.row_gradients = memory(rows, of_gates).ctypes.data
    return structure
