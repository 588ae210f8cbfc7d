"""The base class of optimizers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from nnkit.config.spec import Component, Positive
from nnkit.native.program_update import ProgramRule
from nnkit.optim.clipping import AnyClipping
from nnkit.optim.schedules import AnySchedule, ConstantRate

Array = NDArray[Any]
State = tuple[Array, ...]
Objective = Callable[[], float]  # computes the objective and writes its gradient into `grads`


class Optimizer(Component):
    """The update rule; its state consists of vectors as long as the parameters.

    Attributes:
        per_block: whether the rule looks at each parameter block as a whole, so that it must be
            given one at a time.
        full_batch: whether a step is taken by `descend`, which looks at the objective as often as
            it wants, so that every step must see the same samples: all of them.
    """

    per_block: ClassVar[bool] = False
    full_batch: ClassVar[bool] = False
    lr: Positive = Field(description="The learning rate, before the schedule is applied.")
    schedule: AnySchedule = Field(
        ConstantRate(), description="How the learning rate changes over the run."
    )
    clip: AnyClipping | None = Field(
        None, description="How gradients are clipped before each update."
    )

    @property
    def state_names(self) -> tuple[str, ...]:
        """The names of the vectors of the optimizer's state, zero at the start."""
        return ()

    @property
    def required_l2(self) -> float | None:
        """The strength of the L2 penalty that the rule requires; None if it accepts any."""
        return None

    @property
    def decay(self) -> float:
        """The rule's own decoupled weight decay."""
        return 0.0

    @property
    def radius(self) -> float | None:
        """The radius of the ball in which the penalized weights stay; None if they are free."""
        return None

    def in_program(self) -> ProgramRule | None:
        """The rule in the compiled kernels, with these settings; None if they do not know it."""
        return None

    def program_scalars(self, t: int, lr: float) -> Sequence[float]:
        """The scalars of the kernels' rule, at most three, at step t (from 1); see `rules.h`."""
        return (lr,)

    def start(self, state: State) -> None:
        """Sets the state before the first step; by default it remains 0."""

    def check(self) -> None:
        """Checks, before the first step, that the libraries that the rule requires are installed.

        Raises:
            UsageError: an optional library is missing.
        """

    def learning_rate(self, step: int, steps: int, per_epoch: int = 1) -> float:
        """The learning rate at step `step` (from 0) of `steps`, `per_epoch` of them in an epoch."""
        return self.lr * self.schedule.factor(step, steps, per_epoch)

    def step(
        self, params: Array, grads: Array, state: State, t: int, lr: float, decay: float = 0.0
    ) -> None:
        """Updates `params` in place.

        Args:
            params: all parameters, shape (P,), or one block.
            grads: their gradients, shape (P,); used as scratch.
            state: the vectors that `state_names` names, each of shape (P,), updated in place.
            t: the number of this step, from 1.
            lr: the learning rate at this step.
            decay: decoupled weight decay: p ← p − lr·decay·p before the actual update
                (Loshchilov & Hutter 2019, algorithm 2).
        """
        if decay:
            np.multiply(params, 1 - lr * decay, out=params)
        self.update(params, grads, state, t, lr)

    def descend(
        self, objective: Objective, params: Array, grads: Array, state: State, t: int, lr: float
    ) -> float:
        """Takes a step of a `full_batch` rule; returns the objective at its starting point.

        Args:
            objective: computes the objective's value and gradient.
            params: (P,), set to each point that is tried, finally to the best one.
            grads: (P,), where the objective writes its gradient.
            state: as named by `state_names`, each (P,).
            t: the number of this step, from 1.
            lr: the first step length tried, relative to the step that the method proposes.
        """
        raise NotImplementedError(f"{self.tag()} goes batch by batch")

    def constrain(self, weights: Sequence[Array]) -> None:
        """Projects the weights onto the set that the rule allows, after a step; by default a no-op.

        Args:
            weights: the penalized blocks, updated in place.
        """

    @abstractmethod
    def update(self, params: Array, grads: Array, state: State, t: int, lr: float) -> None:
        """Updates `params` in place as `step` does, without weight decay."""
