"""Networks over sequences as programs of the compiled kernels."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np

from nnkit.native.program import Program
from nnkit.nn.arena import Buffers
from nnkit.nn.network import Network
from nnkit.nn.parallel.micro_batches import MicroBatches
from nnkit.nn.params import Array
from nnkit.nn.passes import INFERENCE, Pass
from nnkit.nn.program_network import ProgramNetwork
from nnkit.nn.recurrent.steps import Steps


class SequenceProgramNetwork(ProgramNetwork):
    """A network over sequences that runs as a program of the compiled kernels.

    If the output has positions, each of them is a sample of the loss, and targets are class
    numbers. Passes that begin with given states, and coded targets of positions, are left to NumPy.
    """

    def __init__(
        self,
        program: Program,
        samples: int,
        buffers: Buffers,
        numpy_network: Callable[[], Network],
        other: Callable[[], Network | MicroBatches],
    ) -> None:
        """Divides batches into parts that the program takes at once.

        Args:
            program: the program.
            samples: the number of samples of a batch, N.
            buffers: allocates the buffers.
            numpy_network: binds the same network on NumPy, with its own memory.
            other: binds it as it runs where there is no program.
        """
        super().__init__(program, samples, buffers, numpy_network)
        self._other = other

    @cached_property
    def other(self) -> Network | MicroBatches:
        """The network on NumPy, bound at the first pass that needs it."""
        return self._other()

    def forward(self, X: Array, now: Pass = INFERENCE) -> Array:
        if now.observer is not None or now.states is not None:
            return self.other.forward(X, now)
        self._check_size(X)
        outputs = []
        for part in self._parts:
            rows, steps = self._prepared(X[..., part], now, part)
            outputs.append(self._output(self.program.forward(rows), steps))
        return np.concatenate(outputs, axis=-1)

    def evaluate(
        self, X: Array, T: Array, weights: Array | None = None, now: Pass = INFERENCE
    ) -> tuple[float, Array]:
        if now.observer is not None or now.states is not None or not self._takes(T):
            return self.other.evaluate(X, T, weights, now)
        self._check_size(X)
        outputs, losses, counts = [], [], []
        for part in self._parts:
            rows, steps = self._prepared(X[..., part], now, part)
            targets, own = self._targets(T[..., part], weights, part, steps)
            loss, Y = self.program.evaluate(rows, targets, own)
            outputs.append(self._output(Y, steps))
            losses.append(loss)
            counts.append(len(targets) if own is None else float(np.add.reduce(own)))
        total = max(sum(counts), 1e-30)
        loss = sum(loss * (count / total) for loss, count in zip(losses, counts, strict=True))
        return loss, np.concatenate(outputs, axis=-1)

    def loss_and_gradient(
        self, X: Array, T: Array, now: Pass, weights: Array | None = None, share: float = 1.0
    ) -> float:
        if now.observer is not None or now.states is not None or not self._takes(T):
            return self.other.loss_and_gradient(X, T, now, weights, share)
        self._check_size(X)
        rows, steps = self._prepared(X, now, slice(None))
        targets, own = self._targets(T, weights, slice(None), steps)
        self.program.set_draws(now.key, now.before, now.after)
        return self.program.gradient(rows, targets, own, share)

    def _takes(self, T: Array) -> bool:
        """Whether the program takes targets like these: coded for samples, classes of positions."""
        return T.ndim == 2 and (self.program.positions is None or T.dtype.kind in "iu")

    def _prepared(self, X: Array, now: Pass, part: slice) -> tuple[Array, Steps]:
        """The samples of a part in rows, (n, k), once the program knows their steps."""
        samples = X.shape[-1]
        lengths = None if now.lengths is None else now.lengths[part]
        steps = Steps(int(self.program.structure.steps), samples, lengths)
        if steps.order is None:
            self.program.set_steps(None, None)
        else:
            self.program.set_steps(steps.starts, steps.order)
        return X.reshape(-1, samples).T, steps

    def _targets(
        self, T: Array, weights: Array | None, part: slice, steps: Steps
    ) -> tuple[Array, Array | None]:
        """The targets and weights of the samples of a part, or of the rows of its steps."""
        own = None if weights is None else weights[part]
        if self.program.positions is None:
            return T.T, own
        positions, samples = steps.places
        return T[positions, samples], None if own is None else own[samples]

    def _output(self, rows: Array, steps: Steps) -> Array:
        """The output (outputs, n), or (outputs, T, n) with 0 after the ends of sequences."""
        if self.program.positions is None:
            return rows.T.copy()
        samples = steps.counts[0] if steps.order is None else len(steps.order)
        Y = np.zeros((self.program.positions, samples, rows.shape[1]), rows.dtype)
        Y[steps.places] = rows
        return Y.transpose(2, 0, 1)
