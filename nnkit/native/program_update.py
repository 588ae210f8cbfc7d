"""The update of all parameters by the compiled kernels."""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import POINTER, addressof, c_void_p, cast
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nnkit.native.kernel_kinds import ClippingKind, UpdateKind
from nnkit.native.library import Library
from nnkit.native.structures import (
    MOST_STATES,
    BoundedStructure,
    PieceStructure,
    RatesStructure,
    UpdateStructure,
)

Array = NDArray[Any]
PIECE = 1024  # parameters that one thread updates at a time; with their state they fit the cache
RATES = len(RatesStructure._fields_)  # numbers of a step


class ProgramRule(NamedTuple):
    """An optimizer's rule, apart from what changes from step to step.

    The settings are those of `nnkit/optim/optimizers/`.
    """

    kind: UpdateKind
    beta1: float = 0.0
    beta2: float = 0.0
    momentum: float = 0.0
    eps: float = 0.0


class ProgramBlock(NamedTuple):
    """A block of parameters.

    Attributes:
        first: its place in the flat vector.
        size: the number of parameters.
        lr_factor: the factor on the learning rate; 0 if the block is frozen.
        decays: whether weight decay and penalties apply.
        units: the number of units whose weights it holds; 0 if their norm is not bounded.
        unit_of_row: the unit of each row of consecutive weights, (rows,), of int64; None if each
            unit is one row.
    """

    first: int
    size: int
    lr_factor: float
    decays: bool
    units: int = 0
    unit_of_row: Array | None = None


class ProgramConstraints(NamedTuple):
    """Operations of an update besides the rule; a strength of 0 leaves one out.

    Attributes:
        decay: the strength of decoupled weight decay.
        l2: the strength of the L2 penalty.
        l1: the strength of the L1 penalty as a part of the gradient.
        shrinkage: the strength of the L1 penalty as a proximal step.
        clipping: how gradients are clipped.
        limit: the limit of clipping.
        radius: the radius of the ball in which the penalized parameters stay.
        max_norm: the largest norm of the weights into a unit.
    """

    decay: float = 0.0
    l2: float = 0.0
    l1: float = 0.0
    shrinkage: float = 0.0
    clipping: ClippingKind = ClippingKind.NONE
    limit: float = 0.0
    radius: float = 0.0
    max_norm: float = 0.0


class ProgramUpdate:
    """The update of a fixed set of vectors, as the compiled kernels make it.

    Attributes:
        structure: what the kernels read.
        factors: the different factors on the learning rate, besides 0; a step has scalars for each.
    """

    def __init__(
        self,
        library: Library,
        rule: ProgramRule,
        params: Array,
        grads: Array,
        state: Sequence[Array],
        blocks: Sequence[ProgramBlock],
        constraints: ProgramConstraints,
    ) -> None:
        """Divides the blocks into pieces.

        Args:
            library: the compiled kernels.
            rule: the optimizer's rule.
            params: all parameters, (P,).
            grads: their gradients, (P,).
            state: the vectors of the optimizer's state, (P,) each.
            blocks: the blocks of parameters, in the order of the vectors.
            constraints: what the update does besides the rule.
        """
        trained = [block for block in blocks if block.lr_factor]
        self.factors = tuple(sorted({block.lr_factor for block in trained})) or (1.0,)
        self._factors = np.array(self.factors)
        pieces = _pieces(trained)
        self._pieces = (PieceStructure * len(pieces))(*pieces)
        bounded = [block for block in trained if block.units and constraints.max_norm]
        self._bounded = (BoundedStructure * len(bounded))(*map(_bounded, bounded))
        self._sums = np.empty((3, len(pieces)))
        self._unit_sums = np.empty(max((block.units for block in bounded), default=0))
        self._arrays = (params, grads, *state, bounded)  # kept alive
        self._rates = np.zeros((len(self.factors), RATES))
        self.structure = UpdateStructure(
            **rule._asdict(),
            **constraints._asdict(),
            params=params.ctypes.data,
            grads=grads.ctypes.data,
            state=(c_void_p * MOST_STATES)(*(vector.ctypes.data for vector in state)),
            factors=self._factors.ctypes.data,
            factor_count=len(self.factors),
            pieces=cast(self._pieces, POINTER(PieceStructure)),
            piece_count=len(pieces),
            bounded=cast(self._bounded, POINTER(BoundedStructure)),
            bounded_count=len(bounded),
            sums=self._sums.ctypes.data,
            unit_sums=self._unit_sums.ctypes.data,
        )
        bits = 8 * params.dtype.itemsize
        self._update = library.function("update", bits, None, c_void_p, c_void_p)
        self._pointers = addressof(self.structure), self._rates.ctypes.data

    def __call__(self, rates: Sequence[Sequence[float]]) -> None:
        """Updates the parameters from the gradients, which it overwrites.

        Args:
            rates: the scalars of the step for each of `factors`, as in `source/optimizer.h`.
        """
        self._rates[...] = rates
        self._update(*self._pointers)

    def set_average(self, average: Array | None) -> None:
        """Sets the average of the parameters, (P,), that each update moves towards them."""
        self._average = average  # kept alive
        self.structure.average = None if average is None else average.ctypes.data


def _pieces(blocks: Sequence[ProgramBlock]) -> list[PieceStructure]:
    found: list[PieceStructure] = []
    for block in blocks:
        begin = len(found)
        end = begin + -(-block.size // PIECE)
        for start in range(0, block.size, PIECE):
            size = min(PIECE, block.size - start)
            found.append(
                PieceStructure(block.first + start, size, begin, end, block.lr_factor, block.decays)
            )
    return found


def _bounded(block: ProgramBlock) -> BoundedStructure:
    rows = block.units if block.unit_of_row is None else len(block.unit_of_row)
    units = None if block.unit_of_row is None else block.unit_of_row.ctypes.data
    return BoundedStructure(block.first, rows, block.size // rows, units)
