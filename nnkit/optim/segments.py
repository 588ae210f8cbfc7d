"""Parts of the parameter vector that an optimizer updates with the same settings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from nnkit.nn.params import Layout, Parameter
from nnkit.optim.optimizer import Array, Optimizer, State


@dataclass(frozen=True, slots=True)
class Segment:
    """Adjacent blocks that are updated with the same settings, as views."""

    params: Array
    grads: Array
    state: State
    lr_factor: float
    decay: float

    def step(self, optimizer: Optimizer, t: int, lr: float) -> None:
        """Lets the optimizer make step t at the learning rate `lr` times the blocks' own factor."""
        rate = lr * self.lr_factor
        optimizer.step(self.params, self.grads, self.state, t, rate, self.decay)


class LazySegment:
    """A block of rows of which a step updates only those whose gradient is not 0.

    Weights and optimizer state of other rows stay as they are, without weight decay and without
    momentum, as in PyTorch's SparseAdam. Bias corrections count all steps.
    """

    def __init__(self, segment: Segment, width: int) -> None:
        """Divides the block into rows.

        Args:
            segment: the block.
            width: the number of parameters in a row.
        """
        self.segment = segment
        vectors = (segment.params, segment.grads, *segment.state)
        self.blocks = [vector.reshape(-1, width) for vector in vectors]  # views, (rows, width)
        self.has_gradient = np.zeros(len(self.blocks[0]), bool)

    def find_rows(self) -> None:
        """Finds the rows to update; penalties must not yet be in the gradient."""
        np.any(self.blocks[1], axis=1, out=self.has_gradient)

    def omit_other_rows(self) -> None:
        """Removes the penalties' gradients of the other rows."""
        self.blocks[1][~self.has_gradient] = 0

    def step(self, optimizer: Optimizer, t: int, lr: float) -> None:
        """Lets the optimizer make step t on copies of the rows, and puts these back."""
        (rows,) = self.has_gradient.nonzero()
        copies = [block[rows] for block in self.blocks]
        params, grads, *state = (copy.reshape(-1) for copy in copies)
        whole = self.segment
        Segment(params, grads, tuple(state), whole.lr_factor, whole.decay).step(optimizer, t, lr)
        for block, copy in zip(self.blocks, copies, strict=True):
            block[rows] = copy


def divided(
    layout: Layout, per_block: bool, by_decay: bool
) -> Iterator[tuple[slice, Parameter, bool]]:
    """Yields the slice, first block and decay of each run of blocks that can be updated together.

    Frozen blocks are left out.

    Args:
        layout: the places of the blocks.
        per_block: whether each block is updated by itself.
        by_decay: whether blocks with and without weight decay are told apart.
    """

    def alike(numbered: tuple[int, Parameter]) -> tuple[float, bool, int]:
        i, block = numbered
        return block.lr_factor, by_decay and block.decay, i if per_block or block.lazy else -1

    for (lr_factor, decays, _), group in groupby(enumerate(layout.parameters), key=alike):
        blocks = [block for _, block in group]
        if lr_factor:
            start, end = layout.place(blocks[0]).start, layout.place(blocks[-1]).stop
            yield slice(start, end), blocks[0], decays
