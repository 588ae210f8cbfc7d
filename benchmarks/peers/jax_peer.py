"""JAX: training in a compiled `lax.scan` or step by step, and jitted inference."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks.peers.networks import (
    IMAGE,
    Array,
    Conv,
    Dense,
    Dropout,
    MaxPool,
    Recurrent,
    Row,
)
from benchmarks.peers.protocol import (
    Assignment,
    Inference,
    Layout,
    Training,
    Weights,
    batches,
    one_hot,
    serve,
)

BETA1, BETA2, EPS = 0.9, 0.999, 1e-8
BATCH_NORM_EPS, BATCH_NORM_MOMENTUM = 1e-5, 0.1
# Compiled programs, kept between runs. XLA compiles for a number of threads, which is no part of
# their key.
CACHE = Path(gettempdir()) / f"nnkit-bench-jax-{os.environ.get('PJRT_NPROC', 'all')}"

jax.config.update("jax_default_prng_impl", "rbg")  # less work than the default generator
jax.config.update("jax_compilation_cache_dir", str(CACHE))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


class Network:
    """A network as a function of its parameters and its running means.

    Args:
        row: the network.
        layout: the memory layout of images.
        unroll: the steps of a recurrent layer in an iteration of its loop.
    """

    def __init__(self, row: Row, layout: Layout, unroll: int = 1) -> None:
        self.row, self.layout, self.unroll = row, layout, unroll

    def logits(self, params: Any, running: Any, X: Any, key: Any = None) -> tuple[Any, Any]:
        """Computes the logits (N, 10) for inputs from `placed`, and the new running means.

        Args:
            params: the parameters of each weighted layer in turn.
            running: mean and variance of each batch normalization in turn.
            X: the inputs.
            key: the key of dropout's draws; None outside training.
        """
        row, blocks, means = self.row, iter(params), iter(running)
        follows = jax.nn.sigmoid if row.squared else jax.nn.relu
        updated: list[Any] = []
        for i, layer in enumerate(row.layers):
            match layer:
                case MaxPool(size):
                    X = max_pool(X, size, self.layout)
                    continue
                case Dropout(rate):
                    X = X if key is None else dropout(X, rate, jax.random.fold_in(key, i))
                    continue
                case Recurrent():
                    X = last_state(layer, blocks, X, self.unroll)
                    continue
                case Conv(_, _, padding, batch_norm=True):
                    X = convolution(X, next(blocks), padding, self.layout)
                    X, *moments = self.batch_norm(X, [next(means), next(means)], key is not None)
                    updated += moments
                    X = X * next(blocks)
                case Conv(_, _, padding):
                    X = convolution(X, next(blocks), padding, self.layout)
                case Dense():
                    X = X.reshape(len(X), -1) @ next(blocks)
            X = X + next(blocks)
            X = X if layer is row.layers[-1] else follows(X)
        return X, updated

    def batch_norm(self, X: Any, running: Any, training: bool) -> tuple[Any, Any, Any]:
        """Normalizes each channel; returns also the running mean and variance."""
        mean, variance = running
        if training:
            axes = (0, 1, 2) if self.layout == "channels last" else (0, 2, 3)
            mean = X.mean(axes, keepdims=True)[0]
            # The mean square minus the squared mean takes one pass less, as in Flax.
            variance = (X * X).mean(axes, keepdims=True)[0] - mean * mean
            count = X.size // mean.size
            batch = lax.stop_gradient((mean, variance * count / (count - 1)))
            running = [
                r + BATCH_NORM_MOMENTUM * (b - r) for r, b in zip(running, batch, strict=True)
            ]
        return (X - mean) * lax.rsqrt(variance + BATCH_NORM_EPS), *running

    def answers(self, params: Any, running: Any, X: Any) -> Any:
        """Computes the network's outputs (N, 10)."""
        Z, _ = self.logits(params, running, X)
        return self.output(Z)

    def output(self, Z: Any) -> Any:
        return jax.nn.sigmoid(Z) if self.row.squared else jax.nn.softmax(Z)

    def loss(self, params: Any, running: Any, X: Any, T: Any, key: Any) -> tuple[Any, Any]:
        """Computes the mean loss in training, and the new running means."""
        Z, running = self.logits(params, running, X, key)
        if self.row.squared:
            return 0.5 * jnp.sum((self.output(Z) - T) ** 2) / len(X), running
        return -jnp.sum(T * jax.nn.log_softmax(Z)) / len(X), running


def last_state(layer: Recurrent, blocks: Iterator[Any], X: Any, unroll: int) -> Any:
    """The last state (n, units) of a recurrent layer over the rows of images (n, 784)."""
    U, W, b = (next(blocks) for _ in range(3))
    d = next(blocks) if layer.kind == "gru" else None
    sums = jnp.swapaxes(X.reshape(-1, *IMAGE[1:]), 0, 1) @ U + b

    def rnn(s: Any, a: Any) -> tuple[Any, None]:
        return jnp.tanh(a + s @ W), None

    def lstm(state: Any, a: Any) -> tuple[Any, None]:
        s, c = state
        i, f, o, g = jnp.split(a + s @ W, 4, axis=1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

    def gru(s: Any, a: Any) -> tuple[Any, None]:
        h, units = s @ W, layer.units
        r, z = jnp.split(jax.nn.sigmoid(a[:, : 2 * units] + h[:, : 2 * units]), 2, axis=1)
        n = jnp.tanh(a[:, 2 * units :] + r * (h[:, 2 * units :] + d))
        return n + z * (s - n), None

    first = jnp.zeros((len(X), layer.units), X.dtype)
    if layer.kind == "lstm":
        (s, _), _ = lax.scan(lstm, (first, first), sums, unroll=unroll)
        return s
    s, _ = lax.scan(gru if layer.kind == "gru" else rnn, first, sums, unroll=unroll)
    return s


def dropout(X: Any, rate: float, key: Any) -> Any:
    kept = jax.random.bernoulli(key, 1 - rate, X.shape)
    return jnp.where(kept, X / (1 - rate), 0)


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


def on_device(row: Row, weights: Weights, layout: Layout) -> tuple[list[Any], list[Any]]:
    """Returns the parameters and the running means, for the layout."""
    params: list[Any] = []
    running: list[Any] = []
    given = iter(weights)

    def of_channels(block: Array) -> Any:
        return jnp.array(block if layout == "channels last" else block.reshape(-1, 1, 1))

    for layer, before, _ in row.shapes():
        match layer:
            case Conv(batch_norm=batch_norm):
                W = next(given)
                params.append(
                    jnp.array(W.transpose(2, 3, 1, 0) if layout == "channels last" else W)
                )
                params += [of_channels(next(given)) for _ in range(2 if batch_norm else 1)]
                running += [of_channels(next(given)) for _ in range(2 if batch_norm else 0)]
            case Recurrent(kind):
                params += [jnp.array(next(given).T) for _ in range(4 if kind == "gru" else 3)]
            case Dense():
                W = next(given)
                if layout == "channels last" and len(before) > 1:
                    W = W.reshape(-1, *before).transpose(0, 2, 3, 1).reshape(len(W), -1)
                params += [jnp.array(W.T), jnp.array(next(given))]
    return params, running


def placed(row: Row, X: Array, layout: Layout) -> Any:
    """Moves inputs (n, 784) to the device, in the network's input shape and layout."""
    X = row.shaped(X)
    return jnp.array(np.moveaxis(X, 1, -1) if layout == "channels last" else X)


class JaxTraining(Training):
    """Training with one call per repetition (`scan`, unrolled as in the mode) or per step."""

    def __init__(self, given: Assignment) -> None:
        super().__init__(given)
        row, self.layout = self.row, given.layout
        self.X = placed(row, self.material.load("inputs"), self.layout)
        self.T = jnp.array(one_hot(self.material.load("classes")))
        self.random = np.random.default_rng(0)
        self.scanned = given.mode.startswith("scan")
        unroll = int(given.mode.rpartition(" ")[2]) if "unroll" in given.mode else 1
        rule, network = sgd if row.squared else adam, Network(row, self.layout, unroll)

        def step(state: Any, X: Any, T: Any, chosen: Any, key: Any) -> Any:
            (params, *moments), running = state
            gradient = jax.value_and_grad(network.loss, has_aux=True)
            (value, running), grads = gradient(params, running, X[chosen], T[chosen], key)
            return (rule((params, *moments), grads, row.lr), running), value

        def steps(state: Any, X: Any, T: Any, order: Any, key: Any) -> Any:
            return lax.scan(
                lambda s, chosen: step(s, X, T, chosen, key), state, order, unroll=unroll
            )

        self.update = jax.jit(steps if self.scanned else step, donate_argnums=0)
        self.answers = jax.jit(network.answers)
        params, running = on_device(row, self.material.weights("initial"), self.layout)
        moments = [[jnp.zeros_like(p) for p in params] for _ in range(2)]
        self.state: Any = ((params,) if row.squared else (params, *moments, jnp.zeros(()))), running
        self.calls, self.endless = 0, self.orders()
        jax.block_until_ready(self.state)

    def repeat(self, times: int) -> None:
        calls = times * (1 if self.scanned else self.steps)
        for chosen in islice(self.endless, calls):
            self.calls += 1
            key = jax.random.key(self.calls) if self.state[1] else None
            self.state, losses = self.update(self.state, self.X, self.T, chosen, key)
        jax.block_until_ready((self.state, losses))

    def orders(self) -> Iterator[Array]:
        """Yields the sample indices for each call: all batches of a repetition, or one batch."""
        while True:
            order = self.random.permutation(self.row.images).astype(np.int32)
            calls = order.reshape(-1, self.steps, self.batch)
            yield from calls if self.scanned else calls.reshape(-1, self.batch)

    def outputs(self, X: Array) -> Array:
        (params, *_), running = self.state
        return np.asarray(self.answers(params, running, placed(self.row, X, self.layout)))


class JaxInference(Inference):
    """Inference with one call per batch, already on the device, or one `lax.map` over all."""

    def __init__(self, given: Assignment) -> None:
        super().__init__(given)
        row, layout, batch = self.row, given.layout, self.batch
        network = Network(row, layout)
        self.weights = on_device(row, self.material.weights("trained"), layout)
        whole = given.mode == "lax.map"
        self.parts = [
            placed(row, part, layout) for part in batches(self.X, len(self.X) if whole else batch)
        ]

        def answer(params: Any, running: Any, X: Any) -> Any:
            if whole:
                return lax.map(
                    lambda x: network.answers(params, running, x[None])[0], X, batch_size=batch
                )
            return network.answers(params, running, X)

        self.answer = jax.jit(answer)

    def forward(self) -> Sequence[Any]:
        return jax.block_until_ready([self.answer(*self.weights, part) for part in self.parts])


if __name__ == "__main__":
    serve(JaxTraining, JaxInference, {name: version(name) for name in ("jax", "jaxlib")})
