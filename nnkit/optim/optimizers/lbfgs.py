"""L-BFGS: a quasi-Newton method, for objectives that are computed on all samples at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf, isfinite, sqrt
from types import ModuleType
from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from nnkit.config.spec import Count, NonNegative, Positive
from nnkit.optim.optimizer import Array, Objective, Optimizer, State
from nnkit.optional import optional

ITERATIONS = 20  # default number of SciPy's iterations in one step


class LBFGS(Optimizer):
    """Limited-memory BFGS with a line search (Nocedal & Wright 2006, alg. 7.4, 7.5, 3.5 and 3.6).

    The line search meets the strong Wolfe conditions. `engine: scipy` runs `iterations` iterations
    of SciPy's L-BFGS-B per step instead, each time with an empty memory. Best with
    `training.precision: float64`: in float32 it stops improving earlier.
    """

    full_batch: ClassVar[bool] = True
    evaluations: ClassVar[int] = 25  # upper bound for one line search
    kind: Literal["lbfgs"] = "lbfgs"
    lr: Positive = 1.0
    memory: Count = Field(10, description="The number of past steps to keep.")
    tolerance: NonNegative = Field(
        1e-9, description="No step is taken if all entries of the gradient are at most this large."
    )
    engine: Literal["own", "scipy"] = "own"
    iterations: Count = Field(ITERATIONS, description="Iterations of SciPy per step.")

    @model_validator(mode="after")
    def _settings_of_its_engine(self) -> Self:
        if self.engine == "own" and self.iterations != ITERATIONS:
            raise ValueError("iterations is a setting of 'engine: scipy' only")
        if self.engine == "scipy" and (self.lr != 1 or not self.schedule.is_constant):
            raise ValueError("'engine: scipy' chooses its own step lengths; remove lr and schedule")
        return self

    @property
    def state_names(self) -> tuple[str, ...]:
        if self.engine == "scipy":
            return ()
        return tuple(f"{what}_{i}" for what in ("step", "change") for i in range(self.memory))

    def check(self) -> None:
        if self.engine == "scipy":
            _scipy()

    def update(self, params: Array, grads: Array, state: State, t: int, lr: float) -> None:
        raise TypeError(f"{self.tag()} needs the objective, not one gradient")

    def descend(
        self, objective: Objective, params: Array, grads: Array, state: State, t: int, lr: float
    ) -> float:
        if self.engine == "scipy":
            return self._by_scipy(objective, params, grads)
        began = objective()
        if not isfinite(began) or float(np.abs(grads).max(initial=0)) <= self.tolerance:
            return began
        steps, changes = state[: self.memory], state[self.memory :]
        newest_first = [(t - 2 - i) % self.memory for i in range(min(t - 1, self.memory))]
        pairs = [(steps[i], changes[i]) for i in newest_first]
        start, gradient = params.copy(), grads.copy()
        direction = _two_loops(gradient, pairs)
        slope = float(np.dot(gradient, direction))
        if slope >= 0:  # no descent direction, due to rounding: restart at −gradient
            direction, pairs = -gradient, []
            slope = -float(np.dot(gradient, gradient))
        if not pairs:  # the scale is still unknown
            lr *= min(1.0, 1 / float(np.abs(gradient).sum()))

        stands = 0.0

        def along(length: float) -> _Point:
            nonlocal stands
            stands = length
            np.add(start, length * direction, out=params)
            value = objective()
            return _Point(length, value, float(np.dot(grads, direction)))

        found = _wolfe(along, _Point(0.0, began, slope), lr, self.evaluations)
        if stands != found.length:  # the last point tried may be a different one
            along(found.length)
        newest = (t - 1) % self.memory
        np.subtract(params, start, out=steps[newest])
        np.subtract(grads, gradient, out=changes[newest])
        return began

    def _by_scipy(self, objective: Objective, params: Array, grads: Array) -> float:
        values: list[float] = []

        def value_and_gradient(x: Array) -> tuple[float, Array]:
            params[...] = x
            values.append(objective())
            return values[-1], grads.astype(np.float64)

        result = _scipy().minimize(
            value_and_gradient,
            params.astype(np.float64),
            jac=True,
            method="L-BFGS-B",
            options={
                "maxiter": self.iterations,
                "maxcor": self.memory,
                "gtol": self.tolerance,
                "ftol": 0.0,
            },
        )
        params[...] = result.x
        return values[0]


def _scipy() -> ModuleType:
    return optional("scipy.optimize", "optimizer.engine: scipy")


def _two_loops(gradient: Array, pairs: Sequence[tuple[Array, Array]]) -> Array:
    """−H·gradient, with the inverse Hessian H estimated from pairs (step, change of gradient).

    Pairs without positive curvature, including all zeros, are skipped. Nocedal & Wright 2006,
    algorithm 7.4.
    """
    told = [(s, y, curvature) for s, y in pairs if (curvature := float(np.dot(s, y))) > 0]
    q = -gradient
    shares = []
    for s, y, curvature in told:
        shares.append(float(np.dot(s, q)) / curvature)
        q -= shares[-1] * y
    if told:
        s, y, curvature = told[0]
        q *= curvature / float(np.dot(y, y))
    for (s, y, curvature), share in zip(reversed(told), reversed(shares), strict=True):
        q += (share - float(np.dot(y, q)) / curvature) * s
    return q


@dataclass(frozen=True, slots=True)
class _Point:
    """A point of the line search: its step length, and the objective's value and slope there."""

    length: float
    value: float
    slope: float


DECREASE, CURVATURE = 1e-4, 0.9  # c₁ and c₂ of the Wolfe conditions, as usual for quasi-Newton
LONGER = 2.0


def _wolfe(
    along: Callable[[float], _Point], start: _Point, length: float, evaluations: int
) -> _Point:
    """A point that meets the strong Wolfe conditions, or the lowest found. Algorithm 3.5."""
    last, lowest = start, start
    for i in range(evaluations):
        point = along(length)
        if isfinite(point.value) and point.value < lowest.value:
            lowest = point
        too_high = not point.value <= start.value + DECREASE * length * start.slope
        if too_high or (i and point.value >= last.value):
            return _zoom(along, start, last, point, lowest, evaluations - i)
        if abs(point.slope) <= -CURVATURE * start.slope:
            return point
        if point.slope >= 0:
            return _zoom(along, start, point, last, lowest, evaluations - i)
        last, length = point, length * LONGER
    return lowest


def _zoom(
    along: Callable[[float], _Point],
    start: _Point,
    low: _Point,
    high: _Point,
    lowest: _Point,
    evaluations: int,
) -> _Point:
    """A step length between two points, of which `low` has the smaller value (algorithm 3.6)."""
    for _ in range(evaluations):
        point = along(_between(low, high))
        if isfinite(point.value) and point.value < lowest.value:
            lowest = point
        too_high = not point.value <= start.value + DECREASE * point.length * start.slope
        if too_high or point.value >= low.value:
            high = point
        else:
            if abs(point.slope) <= -CURVATURE * start.slope:
                return point
            if point.slope * (high.length - low.length) >= 0:
                high = low
            low = point
        if abs(high.length - low.length) <= 1e-12 * max(1.0, abs(low.length)):
            break
    return lowest


def _between(a: _Point, b: _Point) -> float:
    """The minimum of the cubic through two points (eq. 3.59), kept at a distance from both."""
    left, right = sorted((a.length, b.length))
    margin = 0.1 * (right - left)
    d1 = a.slope + b.slope - 3 * (a.value - b.value) / (a.length - b.length)
    under_root = d1 * d1 - a.slope * b.slope
    found = inf
    if isfinite(under_root) and under_root >= 0:
        d2 = sqrt(under_root) if b.length > a.length else -sqrt(under_root)
        below = b.slope - a.slope + 2 * d2
        if below:
            found = b.length - (b.length - a.length) * (b.slope + d2 - d1) / below
    if not isfinite(found):
        found = (left + right) / 2
    return min(max(found, left + margin), right - margin)
