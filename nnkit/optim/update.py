"""One update of all parameters: penalties, clipping, decay, the optimizer's step, constraints."""

from __future__ import annotations

import numpy as np

from nnkit.native.kernel_kinds import ClippingKind
from nnkit.native.library import Library
from nnkit.native.program_update import (
    ProgramBlock,
    ProgramConstraints,
    ProgramUpdate,
)
from nnkit.nn.params import Layout, Parameter
from nnkit.optim.optimizer import Array, Optimizer, State
from nnkit.optim.regularization import Regularization
from nnkit.optim.segments import LazySegment, Segment, divided


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
        segments: list[Segment | LazySegment] = []
        for place, block, decays in divided(layout, optimizer.per_block, bool(decay)):
            parts = tuple(vector[place] for vector in state)
            own = decay if decays else 0.0
            segment = Segment(params[place], grads[place], parts, block.lr_factor, own)
            segments.append(LazySegment(segment, block.shape[-1]) if block.lazy else segment)
        self.segments = tuple(segments)
        self.lazy = tuple(found for found in segments if isinstance(found, LazySegment))
        self.state = state
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
            (params[place], block.lr_factor)
            for place, block, decays in divided(layout, False, True)
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
        if t == 1:
            self.start()
        if self.program is not None:
            self.program(self.rates(t, lr))
            return
        for lazy in self.lazy:
            lazy.find_rows()
        self.add_penalties()
        if self.optimizer.clip is not None:
            self.zero_frozen_gradients()
            self.optimizer.clip.clip(self.grads, self.block_grads)
        for segment in self.segments:
            segment.step(self.optimizer, t, lr)
        if self.constrains:
            self.constrain(lr)

    def start(self) -> None:
        """Sets the optimizer's state before the first step."""
        self.optimizer.start(self.state)

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
            for lazy in self.lazy:
                lazy.omit_other_rows()

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
    rule, clip = optimizer.in_program(), optimizer.clip
    clipping = ClippingKind.NONE if clip is None else clip.program_kind
    if rule is None or clipping is None or params.dtype not in (np.float32, np.float64):
        return None
    if any(block.lazy for block in layout.parameters):
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
