"""One update of all parameters: penalties, clipping, decay, the optimizer's step, constraints."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

import numpy as np

from nnkit.native.library import Library
from nnkit.native.program_update import (
    ProgramBlock,
    ProgramConstraints,
    ProgramUpdate,
)
from nnkit.native.structures import ClippingKind
from nnkit.nn.params import Layout, Parameter
from nnkit.optim.optimizer import Array, Optimizer, State
from nnkit.optim.regularization import Regularization


@dataclass(frozen=True, slots=True)
class _Segment:
    """Adjacent blocks that are updated with the same settings, as views.

    Attributes:
        params: the parameters.
        grads: their gradients.
        state: the optimizer's state.
        lr_factor: factor on the learning rate.
        decay: the weight decay.
        rows: the number of rows of a lazy block; None for other blocks.
    """

    params: Array
    grads: Array
    state: State
    lr_factor: float
    decay: float
    rows: int | None

    def touched(self) -> Array | None:
        """The rows of a lazy block that have a gradient; None for other blocks."""
        if self.rows is None:
            return None
        return np.flatnonzero(self.grads.reshape(self.rows, -1).any(axis=1))

    def update(self, optimizer: Optimizer, touched: Array | None, t: int, lr: float) -> None:
        """Makes a step, on the touched rows alone if these are given."""
        rate = lr * self.lr_factor
        if touched is None or self.rows is None:
            optimizer.step(self.params, self.grads, self.state, t, rate, self.decay)
            return
        tables = [vector.reshape(self.rows, -1) for vector in (self.params, *self.state)]
        grads = self.grads.reshape(self.rows, -1)[touched].reshape(-1)
        params, *state = (table[touched].reshape(-1) for table in tables)
        optimizer.step(params, grads, tuple(state), t, rate, self.decay)
        for table, part in zip(tables, (params, *state), strict=True):
            table[touched] = part.reshape(len(touched), -1)


class Update:
    """The update of a fixed set of vectors, divided into segments once.

    Adjacent blocks with the same settings are updated together: if all have the same ones, a single
    segment covers the whole vector. The compiled kernels do the same in one pass, if they are given
    and know the optimizer.

    Attributes:
        program: the same update by the compiled kernels; None if NumPy makes it.
    """

    def __init__(
        self,
        params: Array,
        grads: Array,
        state: State,
        layout: Layout,
        optimizer: Optimizer,
        regularization: Regularization,
        kernels: Library | None = None,
    ) -> None:
        self.optimizer = optimizer
        self.regularization = regularization
        self.decayed = params[layout.decayed], grads[layout.decayed]
        self.grads = grads
        decay = optimizer.decay + regularization.weight_decay
        self.segments = tuple(
            _Segment(
                params[place],
                grads[place],
                tuple(vector[place] for vector in state),
                lr_factor,
                decay if decays else 0.0,
                rows,
            )
            for place, lr_factor, decays, rows in _segments(
                layout, optimizer.per_block, bool(decay)
            )
        )
        blocks = layout.parameters
        self.block_grads = tuple(layout.view(block, grads) for block in blocks)
        self.frozen = tuple(layout.view(block, grads) for block in blocks if not block.lr_factor)
        weights = [block for block in blocks if len(block.shape) > 1 and block.lr_factor]
        self.weights = tuple(
            (layout.view(block, params), block.units)
            for block in weights
            if regularization.max_norm
        )
        self.penalized = tuple(
            params[layout.place(block)] for block in blocks if block.decay and block.lr_factor
        )
        self.shrunk = tuple(
            (params[place], lr_factor)
            for place, lr_factor, decays, _ in _segments(layout, False, True)
            if decays and regularization.l1_is_proximal
        )

        own = type(optimizer).constrain is not Optimizer.constrain
        self.constrains = own or bool(self.shrunk or self.weights)
        self.program = kernels and program_update(
            kernels, params, grads, state, layout, optimizer, regularization
        )

    def __call__(self, t: int, lr: float) -> None:
        """Updates the parameters from the gradients, which it overwrites.

        Args:
            t: the number of this step, from 1.
            lr: the learning rate.
        """
        if self.program is not None:
            if t == 1:
                self.start()
            self.program(self.rates(t, lr))
            return
        touched = [segment.touched() for segment in self.segments]  # before penalties on all rows
        self.add_penalties()
        if self.optimizer.clip is not None:
            self.zero_frozen_gradients()
            self.optimizer.clip.clip(self.grads, self.block_grads)
        for segment, rows in zip(self.segments, touched, strict=True):
            segment.update(self.optimizer, rows, t, lr)
        if self.constrains:
            self.constrain(lr)

    def start(self) -> None:
        """Sets the optimizer's state before the first step."""
        for segment in self.segments:
            self.optimizer.start(segment.state)

    def rates(self, t: int, lr: float, average: float = 0.0) -> list[tuple[float, ...]]:
        """The scalars of a step for the compiled kernels; `start` must come before the first step.

        Args:
            t: the number of the step, from 1.
            lr: the learning rate.
            average: the fraction by which the average of the parameters moves towards them.
        """
        assert self.program is not None
        scalars = self.optimizer.program_scalars
        return [
            (lr * factor, *(*scalars(t, lr * factor), 0.0, 0.0)[:3], average)
            for factor in self.program.factors
        ]

    def add_penalties(self) -> None:
        """Adds the gradients of the penalties on weights."""
        if self.regularization.penalizes:
            self.regularization.add_gradient(*self.decayed)

    def zero_frozen_gradients(self) -> None:
        """Sets the gradients of frozen blocks to 0, for operations on all gradients together."""
        for block in self.frozen:
            block.fill(0)

    def constrain(self, lr: float) -> None:
        """Constrains the parameters after a step: L1 shrinkage, projection and norm limits."""
        for params, lr_factor in self.shrunk:
            self.regularization.shrink(params, lr * lr_factor)
        self.optimizer.constrain(self.penalized)
        for W, units in self.weights:
            self.regularization.limit_norms(W, units)


def program_update(
    kernels: Library,
    params: Array,
    grads: Array,
    state: State,
    layout: Layout,
    optimizer: Optimizer,
    regularization: Regularization,
) -> ProgramUpdate | None:
    """The update by the compiled kernels; None if they do not know how to make it."""
    if any(parameter.lazy for parameter in layout.parameters):
        return None
    rule, clip = optimizer.in_program(), optimizer.clip
    clipping = ClippingKind.NONE if clip is None else clip.program_kind
    if rule is None or clipping is None or params.dtype not in (np.float32, np.float64):
        return None
    l1, is_proximal = regularization.l1_strength, regularization.l1_is_proximal
    constraints = ProgramConstraints(
        decay=optimizer.decay + regularization.weight_decay,
        l2=regularization.l2_strength,
        l1=0.0 if is_proximal else l1,
        shrinkage=l1 if is_proximal else 0.0,
        clipping=clipping,
        limit=0.0 if clip is None else clip.limit,
        radius=optimizer.radius or 0.0,
        max_norm=regularization.max_norm or 0.0,
    )
    blocks = [_block(layout, parameter) for parameter in layout.parameters]
    return ProgramUpdate(kernels, rule, params, grads, state, blocks, constraints)


def _block(layout: Layout, parameter: Parameter) -> ProgramBlock:
    place, units, rows = layout.place(parameter), 0, None
    if len(parameter.shape) > 1:
        units = parameter.shape[0]
        if parameter.units is not None:
            rows = np.ascontiguousarray(parameter.units, np.int64)
            units = int(rows.max()) + 1
    return ProgramBlock(
        place.start, parameter.size, parameter.lr_factor, parameter.decay, units, rows
    )


def _segments(
    layout: Layout, per_block: bool, by_decay: bool
) -> list[tuple[slice, float, bool, int | None]]:
    """The slice, factor, decay and, if lazy, rows of each segment that is not frozen."""

    def alike(numbered: tuple[int, Parameter]) -> tuple[float, bool, int]:
        i, block = numbered
        return block.lr_factor, by_decay and block.decay, i if per_block or block.lazy else -1

    found = []
    for (lr_factor, decays, _), group in groupby(enumerate(layout.parameters), key=alike):
        blocks = [block for _, block in group]
        place = slice(layout.place(blocks[0]).start, layout.place(blocks[-1]).stop)
        if lr_factor:
            found.append((place, lr_factor, decays, blocks[0].shape[0] if blocks[0].lazy else None))
    return found
