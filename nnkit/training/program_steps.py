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
            model.program is not None
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

    def take(self) -> Iterator[float]:
        """Takes as many steps as go into one call, and yields the loss of each before its update.

        The progress of the loop is that after all of them. Yields nothing if the loss of the next
        step is not finite; that step is not taken.
        """
        loop, progress, batch = self.loop, self.loop.progress, self.loop.batches.batch_size
        epoch, place = divmod(progress.step, loop.per_epoch)
        if epoch != self._epoch:
            order = loop.batches.order(epoch)
            self._order, self._epoch = np.ascontiguousarray(order[:], np.int64), epoch
        steps = min(self._steps, loop.per_epoch - place, loop.steps_to_pause)
        chosen = self._order[place * batch : (place + steps) * batch]
        first = progress.step
        rates = np.empty((steps, 3))
        for i in range(steps):
            lr = loop.learning_rate(first + i)
            rates[i] = lr, *loop.optimizer.program_rates(first + i + 1, lr)
        losses = np.empty(steps)
        began = perf_counter()
        taken = self.program.train(chosen, batch, rates, losses, self.pace)
        each = (perf_counter() - began) / steps
        self._steps = max(1, min(2 * self._steps, int(SECONDS / max(each, 1e-9)), MOST_STEPS))
        for i in range(taken):
            samples = chosen[i * batch : (i + 1) * batch]
            weight = self._weight(samples)
            progress.loss_sum += float(losses[i]) * weight
            progress.loss_count += weight
            progress.samples += len(samples)
        progress.step = first + taken
        return map(float, losses[:taken])

    def _weight(self, samples: Array) -> float:
        weights = self.loop.batches.weights
        return len(samples) if weights is None else float(np.add.reduce(weights[samples]))


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
