"""Training steps by the compiled kernels, many in one call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import NamedTuple

import numpy as np

from nnkit.data.batches import Batches
from nnkit.native.program import Program
from nnkit.native.program_update import ProgramUpdate
from nnkit.native.structures import PaceStructure
from nnkit.nn.model import Model
from nnkit.nn.params import Array
from nnkit.nn.program_network import ProgramNetwork
from nnkit.training.portions import Portion, portions

SECONDS = 0.05  # how long a call takes at most, so that Ctrl-C and progress are not kept waiting
MOST_STEPS = 4096  # in a call


class Taken(NamedTuple):
    """Steps that have been taken.

    Attributes:
        losses: the mean loss of each batch before its update.
        weights: the total weight of each batch.
        samples: the number of samples.
    """

    losses: list[float]
    weights: list[float]
    samples: int


@dataclass(slots=True)
class ProgramSteps:
    """Takes training steps by the compiled kernels, with the same results as one by one.

    Attributes:
        program: the network, with the update.
        batches: the batches of the training set.
        rates: the scalars of the update at a step, counted from 0, as `Update.rates` has them.
    """

    program: Program
    batches: Batches
    rates: Callable[[int], Sequence[Sequence[float]]]
    _pace: PaceStructure = field(default_factory=PaceStructure)
    _most: int = 1  # steps of the next call
    _coming: Iterator[Portion] | None = None
    _portion: Portion | None = None

    def take(self, step: int, most: int) -> Taken:
        """Takes as many steps as go into one call.

        If the loss of a step is not finite, that step is not taken, and is the last.

        Args:
            step: the number of steps taken before.
            most: the most steps to take.
        """
        size, portion = self.batches.batch_size, self._portion_of(step)
        first = (step - portion.first) * size
        chosen = portion.order[first : first + min(self._most, most) * size]
        steps = -(-len(chosen) // size)
        rates, losses = np.array([*map(self.rates, range(step, step + steps))]), np.empty(steps)
        began = perf_counter()
        self.program.set_draws(step)
        taken = self.program.train(chosen, size, rates, losses, self._pace)
        each = max((perf_counter() - began) / steps, 1e-9)
        self._most = max(1, min(2 * self._most, int(SECONDS / each), MOST_STEPS))
        trained = chosen[: taken * size]
        weights = self._weights(trained, portion.weights)
        return Taken(losses[:taken].tolist(), weights, len(trained))

    def _portion_of(self, step: int) -> Portion:
        """The portion of a step; steps follow one another."""
        if self._coming is None:
            self._coming = portions(self.batches, step)
        portion, size = self._portion, self.batches.batch_size
        if portion is None or (step - portion.first) * size >= len(portion.order):
            portion = self._portion = next(self._coming)
            self.program.set_data(portion.data)
        return portion

    def close(self) -> None:
        """Ends the preparation of further steps."""
        self._coming = self._portion = None

    def _weights(self, samples: Array, weights: Array | None) -> list[float]:
        """The total weight of each batch."""
        size = self.batches.batch_size
        parts = [samples[at : at + size] for at in range(0, len(samples), size)]
        if weights is None:
            return [len(part) for part in parts]
        return [float(np.add.reduce(weights[part])) for part in parts]


def program_steps(
    model: Model,
    update: ProgramUpdate,
    batches: Batches,
    rates: Callable[[int], Sequence[Sequence[float]]],
) -> ProgramSteps | None:
    """The steps of a training, or None if it does anything that the kernels do not know.

    Args:
        model: the model, whose parameters are updated in place.
        update: the update of each step.
        batches: the batches of the training set.
        rates: the scalars of the update at a step, counted from 0.
    """
    if not model.execution.program or model.ranks.size > 1:
        return None
    if not batches.inputs.dtype == batches.targets.dtype == model.dtype:
        return None
    if model.input_form.varies or model.output_form.positions:
        return None
    network = model.network(batches.batch_size, model.input_form.positions)
    if not isinstance(network, ProgramNetwork):
        return None
    program = network.program
    program.set_update(update)
    return ProgramSteps(program, batches, rates)
