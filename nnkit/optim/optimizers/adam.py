"""Adam and its variants: running moments of the gradients, with their bias corrected."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from nnkit.config.spec import Fraction, NonNegative, Positive
from nnkit.native.kernel_kinds import UpdateKind
from nnkit.native.program_update import ProgramRule
from nnkit.optim.optimizer import Array, Optimizer, State
from nnkit.optim.vectors import blocks, update_mean


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

    def in_program(self) -> ProgramRule:
        kind = UpdateKind.AMSGRAD if self.amsgrad else UpdateKind.ADAM
        return ProgramRule(kind, self.beta1, self.beta2)

    def program_scalars(self, t: int, lr: float) -> Sequence[float]:
        # With M = m/(1−β₁) and V = v/(1−β₂):
        # lr · m̂/(√v̂ + ε) = rate · M/(√V + ε·stretch)
        stretch = sqrt((1 - self.beta2**t) / (1 - self.beta2))
        rate = lr * (1 - self.beta1) / (1 - self.beta1**t) * stretch
        return rate, self.eps * stretch

    def update(self, params: Array, grads: Array, state: State, t: int, lr: float) -> None:
        rate, eps = self.program_scalars(t, lr)
        for p, g, m, v, *largest in blocks(params, grads, *state):
            np.multiply(m, self.beta1, out=m)
            np.add(m, g, out=m)
            np.multiply(v, self.beta2, out=v)
            np.multiply(g, g, out=g)
            np.add(v, g, out=v)
            second = np.maximum(largest[0], v, out=largest[0]) if largest else v
            np.sqrt(second, out=g)
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

    def in_program(self) -> ProgramRule:
        return ProgramRule(UpdateKind.ADAMAX, self.beta1, self.beta2, eps=self.eps)

    def program_scalars(self, t: int, lr: float) -> Sequence[float]:
        return (lr / (1 - self.beta1**t),)

    def update(self, params: Array, grads: Array, state: State, t: int, lr: float) -> None:
        (rate,) = self.program_scalars(t, lr)
        for p, g, m, u in blocks(params, grads, *state):
            update_mean(m, g, self.beta1)
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

    def in_program(self) -> ProgramRule:
        return ProgramRule(UpdateKind.NADAM, self.beta1, self.beta2, eps=self.eps)

    def program_scalars(self, t: int, lr: float) -> Sequence[float]:
        now, following = (_nadam_mu(self.beta1, self.psi, i) for i in (t, t + 1))
        product = _nadam_product(self.beta1, self.psi, t)
        for_gradient = lr * (1 - now) / (1 - product)
        for_moment = lr * following / (1 - product * following)
        return for_gradient, for_moment, 1 - self.beta2**t

    def update(self, params: Array, grads: Array, state: State, t: int, lr: float) -> None:
        for_gradient, for_moment, correction = self.program_scalars(t, lr)
        for p, g, m, v in blocks(params, grads, *state):
            update_mean(m, g, self.beta1)
            update_mean(v, g * g, self.beta2)
            root = np.sqrt(v / correction) + self.eps
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

    def in_program(self) -> ProgramRule:
        return ProgramRule(UpdateKind.RADAM, self.beta1, self.beta2, eps=self.eps)

    def program_scalars(self, t: int, lr: float) -> Sequence[float]:
        longest = 2 / (1 - self.beta2) - 1  # ρ∞, the length of the simple moving average
        correction = 1 - self.beta2**t
        length = longest - 2 * t * self.beta2**t / correction
        rate = lr / (1 - self.beta1**t)
        trusted = length > 5
        if trusted:
            rate *= sqrt(
                (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
            )
            rate *= sqrt(correction)
        return rate, 0.0, trusted

    def update(self, params: Array, grads: Array, state: State, t: int, lr: float) -> None:
        rate, _, trusted = self.program_scalars(t, lr)
        for p, g, m, v in blocks(params, grads, *state):
            update_mean(m, g, self.beta1)
            update_mean(v, g * g, self.beta2)
            p -= rate * m / (np.sqrt(v) + self.eps) if trusted else rate * m


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

    def in_program(self) -> ProgramRule:
        return ProgramRule(UpdateKind.LAMB, self.beta1, self.beta2, eps=self.eps)

    def program_scalars(self, t: int, lr: float) -> Sequence[float]:
        return lr, 1 - self.beta1**t, 1 - self.beta2**t

    def step(
        self, params: Array, grads: Array, state: State, t: int, lr: float, decay: float = 0.0
    ) -> None:
        m, v = state
        update_mean(m, grads, self.beta1)
        update_mean(v, grads * grads, self.beta2)
        root = np.sqrt(v / (1 - self.beta2**t)) + self.eps
        step = m / (1 - self.beta1**t) / root + decay * params
        lengths = float(np.linalg.norm(params)), float(np.linalg.norm(step))
        trust = lengths[0] / lengths[1] if all(lengths) else 1.0
        params -= lr * trust * step

    def update(self, params: Array, grads: Array, state: State, t: int, lr: float) -> None:
        self.step(params, grads, state, t, lr)


AnyAdam = Adam | AdamW | Adamax | NAdam | RAdam | LAMB
