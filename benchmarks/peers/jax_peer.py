"""JAX: training in a compiled `lax.scan` or step by step, and jitted inference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.metadata import version
from itertools import islice
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks.peers.protocol import (
    Array,
    Assignment,
    Conv,
    Dense,
    Inference,
    Layout,
    MaxPool,
    Row,
    Training,
    Weights,
    batches,
    one_hot,
    serve,
)

BETA1, BETA2, EPS = 0.9, 0.999, 1e-8


def logits(params: Any, X: Any, row: Row, layout: Layout) -> Any:
    """Computes the logits (N, 10) for inputs from `placed`."""
    blocks, follows = iter(params), jax.nn.sigmoid if row.squared else jax.nn.relu
    for layer in row.layers:
        match layer:
            case MaxPool(size):
                X = max_pool(X, size, layout)
                continue
            case Conv(_, _, padding):
                X = convolution(X, next(blocks), padding, layout)
            case Dense():
                X = X.reshape(len(X), -1) @ next(blocks)
        X = X + next(blocks)
        X = X if layer is row.layers[-1] else follows(X)
    return X


def convolution(X: Any, W: Any, padding: str, layout: Layout) -> Any:
    names = ("NHWC", "HWIO", "NHWC") if layout == "channels last" else ("NCHW", "OIHW", "NCHW")
    return lax.conv_general_dilated(X, W, (1, 1), padding.upper(), dimension_numbers=names)


def max_pool(X: Any, size: int, layout: Layout) -> Any:
    """Max-pools by `max` over axes; `lax.reduce_window` doubles the time of a training step."""
    first = 1 if layout == "channels last" else 2
    shape = X.shape
    counts = [length // size for length in shape[first : first + 2]]
    for axis, count in enumerate(counts, start=first):
        X = lax.slice_in_dim(X, 0, count * size, axis=axis)
    windows = (counts[0], size, counts[1], size)
    return X.reshape(*shape[:first], *windows, *shape[first + 2 :]).max((first + 1, first + 3))


def answers(params: Any, X: Any, row: Row, layout: Layout) -> Any:
    """Computes the network's outputs (N, 10)."""
    Z = logits(params, X, row, layout)
    return jax.nn.sigmoid(Z) if row.squared else jax.nn.softmax(Z)


def loss(params: Any, X: Any, T: Any, row: Row, layout: Layout) -> Any:
    if row.squared:
        return 0.5 * jnp.sum((answers(params, X, row, layout) - T) ** 2) / len(X)
    return -jnp.sum(T * jax.nn.log_softmax(logits(params, X, row, layout))) / len(X)


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


def on_device(row: Row, weights: Weights, layout: Layout) -> list[Any]:
    """Returns W and b of each weighted layer: for X @ W + b, or for convolutions in the layout."""
    blocks, given = [], iter(weights)
    for layer, before, _ in row.shapes():
        if isinstance(layer, MaxPool):
            continue
        W, b = next(given), next(given)
        if isinstance(layer, Conv):
            if layout == "channels last":
                W = W.transpose(2, 3, 1, 0)
            else:
                b = b.reshape(-1, 1, 1)
        else:
            if layout == "channels last" and len(before) > 1:
                W = W.reshape(-1, *before).transpose(0, 2, 3, 1).reshape(len(W), -1)
            W = W.T
        blocks += [jnp.array(W), jnp.array(b)]
    return blocks


def placed(row: Row, X: Array, layout: Layout) -> Any:
    """Moves inputs (n, 784) to the device, in the network's input shape and layout."""
    X = row.shaped(X)
    return jnp.array(np.moveaxis(X, 1, -1) if layout == "channels last" else X)


class JaxTraining(Training):
    """Training with one call per epoch (`scan`, unrolled as in the mode) or one call per step."""

    def __init__(self, given: Assignment) -> None:
        super().__init__(given)
        row, self.layout = self.row, given.layout
        self.X = placed(row, self.material.load("inputs"), self.layout)
        self.T = jnp.array(one_hot(self.material.load("classes")))
        self.random = np.random.default_rng(0)
        self.scanned = given.mode.startswith("scan")
        rule, layout = sgd if row.squared else adam, self.layout

        def step(state: Any, X: Any, T: Any, chosen: Any) -> Any:
            value, grads = jax.value_and_grad(loss)(state[0], X[chosen], T[chosen], row, layout)
            return rule(state, grads, row.lr), value

        def epoch(state: Any, X: Any, T: Any, order: Any) -> Any:
            unroll = int(given.mode.rpartition(" ")[2])
            return lax.scan(lambda s, chosen: step(s, X, T, chosen), state, order, unroll=unroll)

        self.update = jax.jit(epoch if self.scanned else step, donate_argnums=0)
        self.answers = jax.jit(lambda params, X: answers(params, X, row, layout))
        self.reset()

    def reset(self) -> None:
        params = on_device(self.row, self.material.weights("initial"), self.layout)
        moments = [[jnp.zeros_like(p) for p in params] for _ in range(2)]
        self.state: Any = (params,) if self.row.squared else (params, *moments, jnp.zeros(()))
        jax.block_until_ready(self.state)

    def repeat(self, times: int) -> None:
        calls = times * (1 if self.scanned else self.steps)
        for chosen in islice(self.orders(), calls):
            self.state, losses = self.update(self.state, self.X, self.T, chosen)
        jax.block_until_ready((self.state, losses))

    def orders(self) -> Iterator[Array]:
        """Yields the sample indices for each call: all batches of an epoch, or one batch."""
        while True:
            order = self.random.permutation(self.row.images).astype(np.int32)
            order = order.reshape(-1, self.batch)
            yield from [order] if self.scanned else order

    def outputs(self, X: Array) -> Array:
        return np.asarray(self.answers(self.state[0], placed(self.row, X, self.layout)))


class JaxInference(Inference):
    """Inference with one call per batch, already on the device, or one `lax.map` over all."""

    def __init__(self, given: Assignment) -> None:
        super().__init__(given)
        row, layout, batch = self.row, given.layout, self.batch
        self.params = on_device(row, self.material.weights("trained"), layout)
        whole = given.mode == "lax.map"
        self.parts = [
            placed(row, part, layout) for part in batches(self.X, len(self.X) if whole else batch)
        ]

        def answer(params: Any, X: Any) -> Any:
            if whole:
                return lax.map(
                    lambda x: answers(params, x[None], row, layout)[0], X, batch_size=batch
                )
            return answers(params, X, row, layout)

        self.answer = jax.jit(answer)

    def forward(self) -> Sequence[Any]:
        return jax.block_until_ready([self.answer(self.params, part) for part in self.parts])


if __name__ == "__main__":
    serve(JaxTraining, JaxInference, {name: version(name) for name in ("jax", "jaxlib")})
