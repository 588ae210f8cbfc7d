"""The network of `benchmarks.translation_speed` in JAX: compiled, with `lax.scan` over the steps.

Sequences are padded to multiples of 5 symbols, because XLA compiles a program for each size.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

import benchmarks.peers.jax_peer  # noqa: F401 (sets the folder where compiled programs are kept)

MULTIPLE = 5  # of symbols
EMBEDDING, UNITS = 16, 64


class Reverser:
    """A bidirectional LSTM and an LSTM with general attention."""

    def __init__(self, symbols: int, feeding: bool) -> None:
        rng = np.random.default_rng(0)
        inputs = EMBEDDING + UNITS * feeding
        shapes = {
            "of_source": (symbols, EMBEDDING),
            "of_target": (symbols, EMBEDDING),
            **_lstm("forward", EMBEDDING),
            **_lstm("backward", EMBEDDING),
            **_lstm("decoder", inputs),
            "bridge": (2 * UNITS, 2 * UNITS),
            "bridge_b": (2 * UNITS,),
            "key": (2 * UNITS, UNITS),
            "combine": (3 * UNITS, UNITS),
            "combine_b": (UNITS,),
            "output": (UNITS, symbols),
            "output_b": (symbols,),
        }
        self.params = {
            name: jnp.asarray(rng.normal(size=shape) / 8, jnp.float32)
            for name, shape in shapes.items()
        }
        self._gradient = jax.jit(jax.value_and_grad(partial(loss, feeding=feeding)))

    def learn(self, batches: Sequence[Sequence[Any]]) -> None:
        """Computes the loss and gradient of each batch (X, T, lengths) of `padded`."""
        for batch in batches:
            jax.block_until_ready(self._gradient(self.params, *batch))


def padded(batch: Sequence[Any]) -> list[Any]:
    """Sources and targets (T, N), padded to multiples of 5 and one more, and their lengths (N,)."""
    X, T, lengths = batch
    longest = -(-len(X) // MULTIPLE) * MULTIPLE
    sources, targets = (
        np.pad(A, ((0, size - len(A)), (0, 0))) for A, size in ((X, longest), (T, longest + 1))
    )
    return [jnp.asarray(A) for A in (sources, targets, lengths)]


def _lstm(name: str, inputs: int) -> dict[str, tuple[int, ...]]:
    return {
        f"{name}_U": (inputs, 4 * UNITS),
        f"{name}_W": (UNITS, 4 * UNITS),
        f"{name}_b": (4 * UNITS,),
    }


def loss(params: Any, X: Any, T: Any, lengths: Any, feeding: bool) -> Any:
    """The mean cross-entropy of the symbols of the targets."""
    real = jnp.arange(len(X))[:, None] < lengths
    E = params["of_source"][X]
    none = (jnp.zeros((X.shape[1], UNITS)),) * 2
    states, (last, _) = swept(params, "forward", E, none, real)
    reverse, (first, _) = swept(params, "backward", E, none, real, reverse=True)
    H = jnp.concatenate([states, reverse], 2) * real[..., None]
    bridged = jnp.concatenate([last, first], 1) @ params["bridge"] + params["bridge_b"]
    start = tuple(jnp.split(jnp.tanh(bridged), 2, axis=1))
    given = jnp.concatenate([jnp.zeros_like(T[:1]), T[:-1]])
    decoded = decoded_with_feeding if feeding else decoded_at_once
    Y = decoded(params, params["of_target"][given], start, H, H @ params["key"], real)
    logs = jax.nn.log_softmax(Y @ params["output"] + params["output_b"])
    counts = jnp.arange(len(T))[:, None] <= lengths
    found = jnp.take_along_axis(logs, T[..., None], axis=2)[..., 0]
    return -jnp.sum(found * counts) / jnp.sum(counts)


def advanced(sums: Any, c: Any) -> tuple[Any, Any]:
    """The state after a step, from the sums of the gates i, f, o, g."""
    i, f, o, g = jnp.split(sums, 4, axis=1)
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    return jax.nn.sigmoid(o) * jnp.tanh(c), c


def swept(
    params: Any, name: str, X: Any, start: Any, real: Any = None, reverse: bool = False
) -> tuple[Any, Any]:
    """The outputs (T, N, units) of an LSTM and its last state, which padding does not change."""
    W = params[f"{name}_W"]

    def step(state: Any, at: Any) -> tuple[Any, Any]:
        sums, goes_on = at
        found = advanced(sums + state[0] @ W, state[1])
        if goes_on is not None:
            found = tuple(
                jnp.where(goes_on[:, None], new, old) for new, old in zip(found, state, strict=True)
            )
        return found, found[0]

    sums = X @ params[f"{name}_U"] + params[f"{name}_b"]
    last, states = lax.scan(step, start, (sums, real), reverse=reverse)
    return states, last


def attended(params: Any, S: Any, H: Any, K: Any, real: Any) -> Any:
    """The outputs of attention for states S (Q, N, units)."""
    scores = jnp.einsum("qnu,tnu->qnt", S, K)
    weights = jax.nn.softmax(jnp.where(real.T, scores, -1e9))
    joined = jnp.concatenate([jnp.einsum("qnt,tnc->qnc", weights, H), S], 2)
    return jnp.tanh(joined @ params["combine"] + params["combine_b"])


def decoded_at_once(params: Any, E: Any, start: Any, H: Any, K: Any, real: Any) -> Any:
    """The outputs (T, N, units) of the decoder without input feeding."""
    S, _ = swept(params, "decoder", E, start)
    return attended(params, S, H, K, real)


def decoded_with_feeding(params: Any, E: Any, start: Any, H: Any, K: Any, real: Any) -> Any:
    """The outputs of the decoder, of which each step reads that of the step before."""
    U, W = params["decoder_U"], params["decoder_W"]
    of_symbols = E @ U[:EMBEDDING] + params["decoder_b"]

    def step(carried: Any, sums: Any) -> tuple[Any, Any]:
        (s, c), y = carried
        s, c = advanced(sums + y @ U[EMBEDDING:] + s @ W, c)
        y = attended(params, s[None], H, K, real)[0]
        return ((s, c), y), y

    _, Y = lax.scan(step, (start, jnp.zeros_like(start[0])), of_symbols)
    return Y
