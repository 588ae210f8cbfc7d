"""Training steps by the compiled kernels, many in one call."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from nnkit.data.batches import Batches
from nnkit.native.program import Program
from nnkit.native.structures import PaceStructure
from nnkit.nn.params import Array
from nnkit.nn.programs import ProgramNetwork
from nnkit.task.targets import ClassTargets, Targets

if TYPE_CHECKING:
    from nnkit.training.loop import Loop

SECONDS = 0.05  # how long a call takes at most, so that Ctrl-C and progress are not kept waiting
MOST_STEPS = 4096  # in a call
MOST_CODED = 1 << 26  # bytes of targets that are coded beforehand


@dataclass(slots=True)
class ProgramSteps:
    """Takes steps of a loop by the compiled kernels, with the same results as step by step.

    Attributes:
        loop: the loop.
        program: the network, with the loop's data and update.
    """

    loop: Loop
    program: Program
    pace: PaceStructure = field(default_factory=PaceStructure)
    _steps: int = 1
    _epoch: int = -1
    _order: Array = field(default_factory=lambda: np.empty(0, np.int64))

    @classmethod
    def of(cls, loop: Loop) -> ProgramSteps | None:
        """The program steps of a loop, or None if it does anything that the kernels do not."""
        model, batches, rules = loop.model, loop.batches, loop.regularization
        update = loop.optimizer.in_program()
        simple = (
            model.execution.program
            and model.program is not None
            and update is not None
            and loop.optimizer.clip is None
            and not loop.update.constrains
            and loop.accumulate == 1
            and loop.average is None
            and loop.noisy is None
            and not rules.l1_strength
            and not batches.augment
            and model.ranks.size == 1
        )
        if not simple:
            return None
        data = _data(batches, model.dtype)
        if data is None:
            return None
        network = model.network(batches.batch_size, model.input_form.positions)
        if not isinstance(network, ProgramNetwork):
            return None
        program = network.program
        program.set_data(*data)
        assert update is not None
        decay = loop.optimizer.decay + rules.weight_decay
        program.set_update(update, loop.optimizer_state, decay, rules.l2_strength)
        return cls(loop, program)

    def take(self) -> list[float]:
        """Takes as many steps as go into one call; returns the loss of each before its update.

        The progress of the loop is that after all of them. The list is empty if the loss of the
        next step is not finite; that step is not taken.
        """
        loop, progress, batch = self.loop, self.loop.progress, self.loop.batches.batch_size
        epoch, place = divmod(progress.step, loop.per_epoch)
        if epoch != self._epoch:
            order = loop.batches.order(epoch)
            self._order, self._epoch = np.ascontiguousarray(order[:], np.int64), epoch
        steps = min(self._steps, loop.per_epoch - place, loop.steps_to_pause)
        chosen = self._order[place * batch : (place + steps) * batch]
        first = progress.step
        rates, losses = np.array(list(self._rates(first, steps))), np.empty(steps)
        began = perf_counter()
        taken = self.program.train(chosen, batch, rates, losses, self.pace)
        each = (perf_counter() - began) / steps
        self._steps = max(1, min(2 * self._steps, int(SECONDS / max(each, 1e-9)), MOST_STEPS))
        self._count(losses[:taken], chosen[: taken * batch])
        progress.step = first + taken
        return losses[:taken].tolist()

    def _rates(self, first: int, steps: int) -> Iterator[tuple[float, float, float]]:
        """Yields the learning rate, the factor of the update and its ε for each step."""
        learning_rate, of_rule = self.loop.learning_rate, self.loop.optimizer.program_rates
        for step in range(first, first + steps):
            lr = learning_rate(step)
            yield lr, *of_rule(step + 1, lr)

    def _count(self, losses: Array, samples: Array) -> None:
        """Adds steps to the loop's sums, one after the other, as single steps would."""
        progress, batches = self.loop.progress, self.loop.batches
        starts = np.arange(0, len(samples), batches.batch_size)
        if batches.weights is None:
            weights = np.diff(starts, append=len(samples))
        else:
            parts = np.split(np.asarray(batches.weights)[samples], starts[1:])
            weights = np.array([float(np.add.reduce(part)) for part in parts])
        progress.loss_sum = _running_sum(progress.loss_sum, losses * weights)
        progress.loss_count = _running_sum(progress.loss_count, weights)
        progress.samples += len(samples)


def _running_sum(before: float, values: Array) -> float:
    """The sum from left to right, which does not depend on where calls begin and end."""
    return np.cumsum([before, *values.tolist()])[-1].item()


def _data(
    batches: Batches, dtype: np.dtype
) -> tuple[Array, Array, Array | None, float, float] | None:
    """Inputs, targets and weights as the kernels take them, and the coding of classes."""
    inputs, targets, weights = batches.inputs, batches.targets, batches.weights
    if not isinstance(inputs, np.ndarray) or not isinstance(targets, Targets):
        return None
    if inputs.dtype != dtype or not inputs.flags.c_contiguous:
        return None
    if weights is not None and not isinstance(weights, np.ndarray):
        return None
    if weights is not None:
        weights = np.ascontiguousarray(weights, dtype)
    if isinstance(targets, ClassTargets) and not targets.single:
        numbers = targets.numbers
        if not isinstance(numbers, np.ndarray):
            return None
        off = -1.0 if targets.coding == "signed" else 0.0
        return inputs, np.ascontiguousarray(numbers, np.int64), weights, 1.0, off
    if targets.shape[0] * targets.shape[1] * dtype.itemsize > max(MOST_CODED, inputs.nbytes):
        return None
    coded = np.ascontiguousarray(targets.coded(slice(0, len(targets))), dtype)
    return inputs, coded, weights, 1.0, 0.0
