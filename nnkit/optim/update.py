"""One update of all parameters: clipping, decay, the optimizer's step, and what follows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby

from nnkit.optim.optimizer import Array, Optimizer, Slots
from nnkit.optim.regularization import Regularization


@dataclass(frozen=True, slots=True)
class Block:
    """A parameter block in the flat vectors.

    Attributes:
        start, stop: where it lies.
        shape: its own.
        lr_factor: on the learning rate; 0 leaves it as it is.
        decays: whether penalties and weight decay apply.
        units: the unit to which each run of its weights leads; None where its first axis is that
            of units.
    """

    start: int
    stop: int
    shape: tuple[int, ...]
    lr_factor: float
    decays: bool
    units: Array | None = field(default=None, compare=False)

    def of(self, flat: Array) -> Array:
        """It as a view of its own shape."""
        return flat[self.start : self.stop].reshape(self.shape)


@dataclass(frozen=True, slots=True)
class _Run:
    """Neighbouring blocks that are updated alike, as views."""

    params: Array
    grads: Array
    slots: Slots
    lr_factor: float
    decay: float


class Update:
    """The update of fixed vectors, prepared once.

    Blocks that are treated alike are updated in one go: where nothing sets them apart, all of
    them are one run over the whole vector.
    """

    def __init__(
        self,
        params: Array,
        grads: Array,
        slots: Slots,
        blocks: Sequence[Block],
        optimizer: Optimizer,
        regularization: Regularization,
    ) -> None:
        self.optimizer = optimizer
        self.regularization = regularization
        self.grads = grads
        decay = optimizer.decay + regularization.weight_decay
        self.runs = tuple(
            _Run(
                params[start:stop],
                grads[start:stop],
                tuple(slot[start:stop] for slot in slots),
                lr_factor,
                decay if decays else 0.0,
            )
            for start, stop, lr_factor, decays in _runs(blocks, optimizer.per_block, bool(decay))
        )
        self.of_blocks = tuple(block.of(grads) for block in blocks)
        self.frozen = tuple(block.of(grads) for block in blocks if not block.lr_factor)
        weights = [block for block in blocks if len(block.shape) > 1 and block.lr_factor]
        self.weights = tuple((b.of(params), b.units) for b in weights if regularization.max_norm)
        self.penalized = tuple(
            params[block.start : block.stop] for block in blocks if block.decays and block.lr_factor
        )
        self.shrunk = tuple(
            (params[start:stop], lr_factor)
            for start, stop, lr_factor, decays in _runs(blocks, False, True)
            if decays and regularization.l1_is_proximal
        )

        own = type(optimizer).constrain is not Optimizer.constrain
        self.constrains = own or bool(self.shrunk or self.weights)

    def __call__(self, t: int, lr: float) -> None:
        """Updates the parameters by the gradients, which serve as scratch.

        Args:
            t: the number of this step, from 1.
            lr: the learning rate.
        """
        if self.optimizer.clip is not None:
            self.leave_out_frozen()
            self.optimizer.clip.clip(self.grads, self.of_blocks)
        for run in self.runs:
            rate = lr * run.lr_factor
            self.optimizer.step(run.params, run.grads, run.slots, t, rate, run.decay)
        if self.constrains:
            self.constrain(lr)

    def leave_out_frozen(self) -> None:
        """Makes the gradients of what is not updated 0, for rules that look at all of them."""
        for block in self.frozen:
            block.fill(0)

    def constrain(self, lr: float) -> None:
        """What brings parameters back to where they are allowed, after they were moved."""
        for params, lr_factor in self.shrunk:
            self.regularization.shrink(params, lr * lr_factor)
        self.optimizer.constrain(self.penalized)
        for W, units in self.weights:
            self.regularization.bound(W, units)


def _runs(
    blocks: Sequence[Block], per_block: bool, by_decay: bool
) -> list[tuple[int, int, float, bool]]:
    """Start, stop, factor and decay of each stretch that is treated alike; frozen ones left out."""

    def alike(numbered: tuple[int, Block]) -> tuple[float, bool, int]:
        i, block = numbered
        return block.lr_factor, by_decay and block.decays, i if per_block else 0

    found = []
    for (lr_factor, decays, _), group in groupby(enumerate(blocks), key=alike):
        members = [block for _, block in group]
        if lr_factor:
            found.append((members[0].start, members[-1].stop, lr_factor, decays))
    return found
