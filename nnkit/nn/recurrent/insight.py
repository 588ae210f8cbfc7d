"""The numbers behind the outputs of a recurrent cell, for traces."""

from __future__ import annotations

import numpy as np

from nnkit.nn.params import Array
from nnkit.nn.recurrent.cell import RecurrentCell


def insight(cell: RecurrentCell) -> dict[str, Array]:
    """The gates and states of all steps, (units, T, N), by symbol.

    A gate is its value where a step has computed that in place, such as σ(a). After a backward pass
    it is dE/da instead, and there are no states.
    """
    of_gates, of_states = cell.symbols
    gates = dict(zip(of_gates, np.split(_joined(cell, cell.sums), len(of_gates)), strict=True))
    if cell.has_gradients:
        return {f"∂E/∂a{'' if gate == 'a' else f' of {gate}'}": d for gate, d in gates.items()}
    states = {s: _joined(cell, blocks) for s, blocks in zip(of_states, cell.states, strict=True)}
    return gates | states


def _joined(cell: RecurrentCell, blocks: list[Array]) -> Array:
    """The blocks (rows, n) of all steps as an array (rows, T, N), with 0 for padding."""
    first = blocks[0]
    out = np.empty((len(first), cell.length, cell.samples), first.dtype)
    cell.steps.join(blocks, out)
    return out
