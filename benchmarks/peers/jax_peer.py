"""JAX: whole epochs in one compiled `lax.scan`, and jitted inference."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks.peers.protocol import (
    Array,
    Inference,
    Material,
    Row,
    Training,
    Weights,
    batches,
    one_hot,
    serve,
)

BETA1, BETA2, EPS = 0.9, 0.999, 1e-8


def logits(params: Any, X: Any, row: Row) -> Any:
    """The output layer's sums (N, 10) for inputs (N, 784)."""
    W1, b1, W2, b2 = params
    hidden = jax.nn.sigmoid if row.squared else jax.nn.relu
    return hidden(X @ W1 + b1) @ W2 + b2


def answers(params: Any, X: Any, row: Row) -> Any:
    """The network's outputs (N, 10)."""
    Z = logits(params, X, row)
    return jax.nn.sigmoid(Z) if row.squared else jax.nn.softmax(Z)


def loss(params: Any, X: Any, T: Any, row: Row) -> Any:
    if row.squared:
        return 0.5 * jnp.sum((answers(params, X, row) - T) ** 2) / len(X)
    return -jnp.sum(T * jax.nn.log_softmax(logits(params, X, row))) / len(X)


def sgd(state: Any, grads: Any, lr: float) -> Any:
    (params,) = state
    return ([p - lr * g for p, g in zip(params, grads, strict=True)],)


def adam(state: Any, grads: Any, lr: float) -> Any:
    params, first, second, steps = state
    steps = steps + 1
    first = [BETA1 * m + (1 - BETA1) * g for m, g in zip(first, grads, strict=True)]
    second = [BETA2 * v + (1 - BETA2) * g * g for v, g in zip(second, grads, strict=True)]
    rate, spread = lr / (1 - BETA1**steps), jnp.sqrt(1 - BETA2**steps)
    params = [
        p - rate * m / (jnp.sqrt(v) / spread + EPS)
        for p, m, v in zip(params, first, second, strict=True)
    ]
    return params, first, second, steps


def on_device(weights: Weights) -> list[Any]:
    """W1 (784, hidden), b1, W2 (hidden, 10), b2."""
    return [jnp.array(block.T) for block in weights]


class JaxTraining(Training):
    """One call an epoch; the mode says how many steps of the scan are unrolled."""

    def __init__(self, row: Row, material: Material, mode: str) -> None:
        super().__init__(row, material)
        self.X = jnp.array(material.load("inputs"))
        self.T = jnp.array(one_hot(material.load("classes")))
        self.random = np.random.default_rng(0)
        update = sgd if row.squared else adam

        def epoch(state: Any, X: Any, T: Any, order: Any) -> Any:
            def step(state: Any, chosen: Any) -> Any:
                value, grads = jax.value_and_grad(loss)(state[0], X[chosen], T[chosen], row)
                return update(state, grads, row.lr), value

            return lax.scan(step, state, order, unroll=int(mode.rpartition(" ")[2]))

        self.epoch = jax.jit(epoch, donate_argnums=0)
        self.reset()

    def reset(self) -> None:
        params = on_device(self.material.weights("initial"))
        moments = [[jnp.zeros_like(p) for p in params] for _ in range(2)]
        self.state: Any = (params,) if self.row.squared else (params, *moments, jnp.zeros(()))
        jax.block_until_ready(self.state)

    def repeat(self, times: int) -> None:
        for _ in range(times):
            order = self.random.permutation(self.samples).astype(np.int32)
            order = order.reshape(-1, self.row.batch)
            self.state, losses = self.epoch(self.state, self.X, self.T, order)
        jax.block_until_ready((self.state, losses))

    def outputs(self, X: Array) -> Array:
        return np.asarray(answers(self.state[0], jnp.array(X), self.row))


class JaxInference(Inference):
    """Either a call a batch, with the batches on the device already, or one `lax.map` over all."""

    def __init__(self, row: Row, material: Material, mode: str, batch: int) -> None:
        super().__init__(material, batch)
        self.params = on_device(material.weights("trained"))
        whole = mode == "lax.map"
        self.parts = [jnp.array(part) for part in batches(self.X, len(self.X) if whole else batch)]

        def answer(params: Any, X: Any) -> Any:
            if whole:
                return lax.map(lambda x: answers(params, x, row), X, batch_size=batch)
            return answers(params, X, row)

        self.answer = jax.jit(answer)

    def forward(self) -> Sequence[Any]:
        return jax.block_until_ready([self.answer(self.params, part) for part in self.parts])


if __name__ == "__main__":
    serve(JaxTraining, JaxInference, {name: version(name) for name in ("jax", "jaxlib")})
