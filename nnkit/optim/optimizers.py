"""Optimizers: in-place updates of the flat parameter vector from the flat gradient vector."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import hypot, sqrt
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from nnkit.config.spec import Fraction, NonNegative, Positive, Tagged
from nnkit.native.program import ProgramUpdate
from nnkit.native.structures import UpdateKind
from nnkit.optim.lbfgs import LBFGS
from nnkit.optim.optimizer import Array, Optimizer, State

# Updates of vectors larger than the cache are memory-bound: all passes are done over one block,
# then over the next. Four vectors of this many float32 fill half of a 2 MB second-level cache.
BLOCK = 1 << 16


class SGD(Optimizer):
    """Stochastic gradient descent: p ← p − lr·v with v ← momentum·v + (1 − dampening)·g.

    Nesterov's form steps along g + momentum·v (Sutskever et al. 2013, as PyTorch writes it). With
    `lr_inside`, v holds the step itself, v ← momentum·v + lr·g, which differs if lr changes (as in
    Sutskever et al., Keras and scikit-learn). The first v is g, undampened, as in PyTorch.
    """

    elsewhere: ClassVar[tuple[str, ...]] = ("momentum", "nesterov")
    kind: Literal["sgd"] = "sgd"
    lr: Positive = 0.1
    momentum: Fraction = 0.0
    nesterov: bool = Field(False, description="Whether steps look ahead along the velocity.")
    dampening: Fraction = 0.0
    lr_inside: bool = False

    @model_validator(mode="after")
    def _momentum_is_there(self) -> Self:
        if self.momentum:
            if self.nesterov and self.dampening:
                raise ValueError("nesterov and dampening exclude each other; use one of them")
            return self
        if self.nesterov:
            raise ValueError(
                "nesterov has no effect without momentum; set momentum, for example 0.9"
            )
        if self.dampening or self.lr_inside:
            raise ValueError("dampening and lr_inside have no effect without momentum")
        return self

    @property
    def state_names(self) -> tuple[str, ...]:
        return ("velocity",) if self.momentum else ()

    def in_program(self) -> ProgramUpdate | None:
        if not self.momentum:
            return ProgramUpdate(UpdateKind.SGD)
        if self.nesterov or self.dampening or self.lr_inside:
            return None
        return ProgramUpdate(UpdateKind.MOMENTUM, momentum=self.momentum)

    def update(self, params: Array, grads: Array, state: State, t: int, lr: float) -> None:
        if self.lr_inside:
            np.multiply(grads, lr, out=grads)
            lr = 1.0
        for p, g, *v in blocks(params, grads, *state):
            if v:
                self._accelerate(p, g, v[0], t, lr)
            else:
                np.multiply(g, lr, out=g)
                np.subtract(p, g, out=p)

    def _accelerate(self, p: Array, g: Array, v: Array, t: int, lr: float) -> None:
        np.multiply(v, self.momentum, out=v)
        if self.nesterov:
            np.add(v, g, out=v)
            np.multiply(g, lr, out=g)
            np.subtract(p, g, out=p)
            np.multiply(v, lr * self.momentum, out=g)
        else:
            if self.dampening and t > 1:
                np.multiply(g, 1 - self.dampening, out=g)
            np.add(v, g, out=v)
            np.multiply(v, lr, out=g)
        np.subtract(p, g, out=p)


class Pegasos(Optimizer):
    """SGD with the step 1/(λt), for the penalty ½λ‖w‖² (Shalev-Shwartz et al. 2011).

    Set `regularization.l2` to the same λ; lr is a factor on the step. With `project`, the penalized
    weights are projected onto the ball ‖w‖ ≤ 1/√λ, in which the optimum of a linear SVM lies.
    """

    kind: Literal["pegasos"] = "pegasos"
    shorthand: ClassVar[str | None] = "strength"
    strength: Positive = Field(description="λ.")
    lr: Positive = 1.0
    project: bool = True

    @property
    def required_l2(self) -> float:
        return self.strength

    def update(self, params: Array, grads: Array, state: State, t: int, lr: float) -> None:
        np.multiply(grads, lr / (self.strength * t), out=grads)
        np.subtract(params, grads, out=params)

    def constrain(self, weights: Sequence[Array]) -> None:
        if not self.project:
            return
        length, radius = hypot(*map(np.linalg.norm, weights)), 1 / sqrt(self.strength)
        if length > radius:
            for block in weights:
                np.multiply(block, radius / length, out=block)


class Adagrad(Optimizer):
    """p ← p − lr·g/(√Σg² + ε): scaled by the history of each parameter (Duchi et al. 2011).

    ε is added outside the root, as in PyTorch; in Keras inside.
    """

    kind: Literal["adagrad"] = "adagrad"
    lr: Positive = 0.01
    initial: NonNegative = Field(0.0, description="Initial value of the sum of squares.")
    eps: Positive = 1e-10

    @property
    def state_names(self) -> tuple[str, ...]:
        return ("sum_of_squares",)

    def update(self, params: Array, grads: Array, state: State, t: int, lr: float) -> None:
        if t == 1 and self.initial:
            state[0].fill(self.initial)
        for p, g, s in blocks(params, grads, *state):
            s += g * g
            np.multiply(g, lr, out=g)
            p -= g / (np.sqrt(s) + self.eps)


class Adadelta(Optimizer):
    """Scales g by the root mean square of previous steps over that of gradients (Zeiler 2012).

    p ← p − lr·Δ with Δ = √(E[Δ²] + ε)/√(E[g²] + ε) · g and running means with decay ρ.
    """

    kind: Literal["adadelta"] = "adadelta"
    lr: Positive = 1.0
    rho: Fraction = 0.9
    eps: Positive = 1e-6

    @property
    def state_names(self) -> tuple[str, ...]:
        return ("mean_square", "mean_square_step")

    def update(self, params: Array, grads: Array, state: State, t: int, lr: float) -> None:
        for p, g, s, d in blocks(params, grads, *state):
            _run(s, g * g, self.rho)
            np.multiply(g, np.sqrt(d + self.eps) / np.sqrt(s + self.eps), out=g)
            _run(d, g * g, self.rho)
            p -= lr * g


class RMSprop(Optimizer):
    """p ← p − lr·g/(√E[g²] + ε), E a running mean with decay ρ (Tieleman & Hinton 2012).

    `centered` uses the variance, E[g²] − E[g]² (Graves 2013, eq. 39), instead of the mean square;
    `momentum` accumulates the steps. ε is added outside the root, as in PyTorch.
    """

    kind: Literal["rmsprop"] = "rmsprop"
    lr: Positive = 0.01
    rho: Fraction = 0.99
    momentum: Fraction = 0.0
    centered: bool = False
    eps: Positive = 1e-8

    @property
    def state_names(self) -> tuple[str, ...]:
        momentum = ("velocity",) if self.momentum else ()
        return ("mean_square", *(("mean",) if self.centered else ()), *momentum)

    def update(self, params: Array, grads: Array, state: State, t: int, lr: float) -> None:
        for p, g, s, *more in blocks(params, grads, *state):
            _run(s, g * g, self.rho)
            variance = s
            if self.centered:
                _run(more[0], g, self.rho)
                # rounding can make a zero variance negative
                variance = np.maximum(s - more[0] * more[0], 0)
            np.divide(g, np.sqrt(variance) + self.eps, out=g)
            if self.momentum:
                v = more[-1]
                np.multiply(v, self.momentum, out=v)
                v += g
                g = v
            p -= lr * g


class Adam(Optimizer):
    """Adam (Kingma & Ba 2015, algorithm 1): p ← p − lr·m̂/(√v̂ + ε), from running moments of g.

    m ← β₁m + (1 − β₁)g and v ← β₂v + (1 − β₂)g²; as both begin at 0, m̂ = m/(1 − β₁ᵗ) and
    v̂ = v/(1 − β₂ᵗ) correct their bias.

    ε is added to √v̂, as in the paper and in PyTorch; Keras adds it to √v, before the bias is
    corrected. With `amsgrad` the largest second moment so far is used (Reddi et al. 2018, algorithm
    2, with bias correction as in PyTorch). The state holds m/(1 − β₁) and v/(1 − β₂), which saves
    two passes over memory; the constants are put back, with the bias corrections, into the two
    scalars of the update.
    """

    kind: Literal["adam"] = "adam"
    lr: Positive = 1e-3
    beta1: Fraction = 0.9
    beta2: Fraction = 0.999
    eps: Positive = 1e-8
    amsgrad: bool = False

    @property
    def state_names(self) -> tuple[str, ...]:
        largest = ("largest_second_moment",) if self.amsgrad else ()
        return ("first_moment", "second_moment", *largest)

    def in_program(self) -> ProgramUpdate | None:
        return None if self.amsgrad else ProgramUpdate(UpdateKind.ADAM, self.beta1, self.beta2)

    def program_rates(self, t: int, lr: float) -> tuple[float, float]:
        # With M = m/(1−β₁) and V = v/(1−β₂):
        # lr · m̂/(√v̂ + ε) = rate · M/(√V + ε·stretch)
        stretch = sqrt((1 - self.beta2**t) / (1 - self.beta2))
        rate = lr * (1 - self.beta1) / (1 - self.beta1**t) * stretch
        return rate, self.eps * stretch

    def update(self, params: Array, grads: Array, state: State, t: int, lr: float) -> None:
        scalars = (self.beta1, self.beta2, *self.program_rates(t, lr))
        for p, g, m, v, *largest in blocks(params, grads, *state):
            adam_pass(p, g, m, v, *scalars, *largest)


def adam_pass(
    p: Array,
    g: Array,
    m: Array,
    v: Array,
    beta1: float,
    beta2: float,
    rate: float,
    eps: float,
    largest: Array | None = None,
) -> None:
    """Adam's ten vector operations."""
    np.multiply(m, beta1, out=m)
    np.add(m, g, out=m)
    np.multiply(v, beta2, out=v)
    np.multiply(g, g, out=g)
    np.add(v, g, out=v)
    if largest is not None:
        v = np.maximum(largest, v, out=largest)
    np.sqrt(v, out=g)
    np.add(g, eps, out=g)
    np.divide(m, g, out=g)
    np.multiply(g, rate, out=g)
    np.subtract(p, g, out=p)


class AdamW(Adam):
    """Adam with decoupled weight decay, p ← p − lr·λ·p (Loshchilov & Hutter 2019, algorithm 2)."""

    kind: Literal["adamw"] = "adamw"  # type: ignore[assignment]
    weight_decay: NonNegative = Field(
        0.01, description="λ of the additional update w ← w − lr·λ·w."
    )

    @property
    def decay(self) -> float:
        return self.weight_decay


class Adamax(Optimizer):
    """Adam with the largest gradient instead of the mean square (Kingma & Ba 2015, algorithm 2).

    u ← max(β₂u, |g| + ε), with ε as in PyTorch; p ← p − lr/(1 − β₁ᵗ) · m/u.
    """

    kind: Literal["adamax"] = "adamax"
    lr: Positive = 2e-3
    beta1: Fraction = 0.9
    beta2: Fraction = 0.999
    eps: Positive = 1e-8

    @property
    def state_names(self) -> tuple[str, ...]:
        return ("first_moment", "largest")

    def update(self, params: Array, grads: Array, state: State, t: int, lr: float) -> None:
        rate = lr / (1 - self.beta1**t)
        for p, g, m, u in blocks(params, grads, *state):
            _run(m, g, self.beta1)
            np.multiply(u, self.beta2, out=u)
            np.maximum(u, np.abs(g) + self.eps, out=u)
            p -= rate * (m / u)


class NAdam(Optimizer):
    """Adam with Nesterov's momentum (Dozat 2016), with β₁ rising at a rate set by `psi`.

    p ← p − lr·[(1 − μ_t)g/(1 − Πμ) + μ_{t+1}·m/(1 − μ_{t+1}Πμ)]/(√v̂ + ε) with m and v as in Adam
    (β₁, β₂), Πμ = μ₁·…·μ_t and μ_t = β₁(1 − ½·0.96^{tψ}), as in PyTorch.
    """

    kind: Literal["nadam"] = "nadam"
    lr: Positive = 2e-3
    beta1: Fraction = 0.9
    beta2: Fraction = 0.999
    eps: Positive = 1e-8
    psi: NonNegative = 4e-3

    @property
    def state_names(self) -> tuple[str, ...]:
        return ("first_moment", "second_moment")

    def update(self, params: Array, grads: Array, state: State, t: int, lr: float) -> None:
        now, following = (_nadam_mu(self.beta1, self.psi, i) for i in (t, t + 1))
        product = _nadam_product(self.beta1, self.psi, t)
        for_gradient = lr * (1 - now) / (1 - product)
        for_moment = lr * following / (1 - product * following)
        for p, g, m, v in blocks(params, grads, *state):
            _run(m, g, self.beta1)
            _run(v, g * g, self.beta2)
            root = np.sqrt(v / (1 - self.beta2**t)) + self.eps
            p -= (for_gradient * g + for_moment * m) / root


def _nadam_mu(beta1: float, psi: float, t: int) -> float:
    return beta1 * (1 - 0.5 * 0.96 ** (t * psi))


_PRODUCTS: dict[tuple[float, float], list[float]] = {}


def _nadam_product(beta1: float, psi: float, t: int) -> float:
    """The product μ₁ · … · μ_t, cached so that each step takes one multiplication."""
    products = _PRODUCTS.setdefault((beta1, psi), [1.0])
    for i in range(len(products), t + 1):
        products.append(products[-1] * _nadam_mu(beta1, psi, i))
    return products[t]


class RAdam(Optimizer):
    """Adam that omits the second moment until its estimate is reliable (Liu et al. 2020).

    m, v, β₁, β₂ and ε are Adam's. While the effective length ρ_t of the average v is at most 5, the
    step is p ← p − lr·m̂; afterwards it is p ← p − lr·r_t·m̂/√v̂, with the rectification r_t of
    algorithm 2.
    """

    kind: Literal["radam"] = "radam"
    lr: Positive = 1e-3
    beta1: Fraction = 0.9
    beta2: Annotated[float, Field(gt=0, lt=1)] = 0.999
    eps: Positive = 1e-8

    @property
    def state_names(self) -> tuple[str, ...]:
        return ("first_moment", "second_moment")

    def update(self, params: Array, grads: Array, state: State, t: int, lr: float) -> None:
        longest = 2 / (1 - self.beta2) - 1  # ρ∞, the length of the simple moving average
        correction = 1 - self.beta2**t
        length = longest - 2 * t * self.beta2**t / correction
        rate = lr / (1 - self.beta1**t)
        trusted = length > 5
        if trusted:
            rate *= sqrt(
                (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
            )
        for p, g, m, v in blocks(params, grads, *state):
            _run(m, g, self.beta1)
            _run(v, g * g, self.beta2)
            p -= rate * sqrt(correction) * m / (np.sqrt(v) + self.eps) if trusted else rate * m


class Lion(Optimizer):
    """p ← p − lr·sign(β₁m + (1 − β₁)g), then m ← β₂m + (1 − β₂)g (Chen et al. 2023, alg. 2)."""

    kind: Literal["lion"] = "lion"
    lr: Positive = 1e-4
    beta1: Fraction = 0.9
    beta2: Fraction = 0.99
    weight_decay: NonNegative = Field(0.0, description="λ of the additional update w ← w − lr·λ·w.")

    @property
    def state_names(self) -> tuple[str, ...]:
        return ("momentum",)

    @property
    def decay(self) -> float:
        return self.weight_decay

    def update(self, params: Array, grads: Array, state: State, t: int, lr: float) -> None:
        for p, g, m in blocks(params, grads, *state):
            p -= lr * np.sign(self.beta1 * m + (1 - self.beta1) * g)
            _run(m, g, self.beta2)


class LAMB(Optimizer):
    """Adam's step scaled to the norm of the weights of each block (You et al. 2020).

    r = m̂/(√v̂ + ε) + λw with Adam's m̂ and v̂ (β₁, β₂); w ← w − lr·(‖w‖/‖r‖)·r, block by block; if
    a norm is 0, the ratio is 1. Intended for very large batches. As in the paper and in Optax;
    Keras applies λ separately from r.
    """

    kind: Literal["lamb"] = "lamb"
    per_block: ClassVar[bool] = True
    lr: Positive = 1e-3
    beta1: Fraction = 0.9
    beta2: Fraction = 0.999
    eps: Positive = 1e-6
    weight_decay: NonNegative = Field(
        0.01, description="λ of the additional update w ← w − lr·λ·w."
    )

    @property
    def state_names(self) -> tuple[str, ...]:
        return ("first_moment", "second_moment")

    @property
    def decay(self) -> float:
        return self.weight_decay

    def step(
        self, params: Array, grads: Array, state: State, t: int, lr: float, decay: float = 0.0
    ) -> None:
        m, v = state
        _run(m, grads, self.beta1)
        _run(v, grads * grads, self.beta2)
        root = np.sqrt(v / (1 - self.beta2**t)) + self.eps
        step = m / (1 - self.beta1**t) / root + decay * params
        lengths = float(np.linalg.norm(params)), float(np.linalg.norm(step))
        trust = lengths[0] / lengths[1] if all(lengths) else 1.0
        params -= lr * trust * step

    def update(self, params: Array, grads: Array, state: State, t: int, lr: float) -> None:
        self.step(params, grads, state, t, lr)


def _run(mean: Array, value: Array, rate: float) -> None:
    """Updates a running mean in place: mean ← rate·mean + (1 − rate)·value."""
    np.multiply(mean, rate, out=mean)
    mean += (1 - rate) * value


def blocks(*vectors: Array) -> Iterator[tuple[Array, ...]]:
    """Yields the vectors in parts that together fit into the cache; short vectors as a whole."""
    size = len(vectors[0])
    if size <= 2 * BLOCK:
        yield vectors
        return
    for start in range(0, size, BLOCK):
        yield tuple(vector[start : start + BLOCK] for vector in vectors)


AnyOptimizer = Annotated[
    SGD
    | Pegasos
    | Adagrad
    | Adadelta
    | RMSprop
    | Adam
    | AdamW
    | Adamax
    | NAdam
    | RAdam
    | Lion
    | LAMB
    | LBFGS,
    Tagged(default="adam"),
]
