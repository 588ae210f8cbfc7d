"""Masks of dropout, whose random draws are keyed by step."""

from __future__ import annotations

from math import prod
from typing import Annotated

import numpy as np
from pydantic import Field

from nnkit.nn.layer import Binding
from nnkit.nn.params import Array, Shape
from nnkit.nn.passes import Pass
from nnkit.random import philox

DropoutRate = Annotated[float, Field(gt=0, lt=1)]

LEVELS = 1 << 16  # one 16-bit draw for each unit, four for each 64-bit word
VECTOR_AXES = 2  # of a batch of vectors, (units, N)


def purpose(name: str) -> str:
    """The purpose of the random draws of the dropout layer with a name."""
    return f"dropout/{name}"


def dropped_draws(rate: float) -> int:
    """The number of draws, of LEVELS, that drop a unit."""
    return min(max(round(rate * LEVELS), 1), LEVELS - 1)


class RandomDraws:
    """Draws that decide what is dropped, made anew for each step and micro-batch.

    Attributes:
        dropped: the number of draws, of LEVELS, that drop a number.
        scale: the factor on what is kept, which keeps the mean.
    """

    def __init__(self, rate: float, binding: Binding, name: str = "") -> None:
        """Prepares the key of the draws.

        Args:
            rate: the probability of 0.
            binding: the layer's binding.
            name: the name of the draws where a layer has several kinds.
        """
        self.dropped = dropped_draws(rate)
        self.scale = LEVELS / (LEVELS - self.dropped)
        self.seed = binding.seed
        self.purpose = purpose(f"{binding.name}.{name}" if name else binding.name)

    def of(self, now: Pass, count: int) -> Array:
        """The first draws of this pass, (count,); more of them begin with the same."""
        words = philox(self.seed, self.purpose, now.key).random_raw(-(-count // 4))
        draws: Array = words.view(np.uint16)[:count]
        return draws


class DropoutMask:
    """A mask M (*shape, N) of dropout, drawn anew for each step and micro-batch."""

    def __init__(self, rate: float, binding: Binding, shape: Shape, name: str = "") -> None:
        """Allocates the mask.

        Args:
            rate: the probability of 0.
            binding: the layer's binding.
            shape: the shape of one sample's mask.
            name: the name of the mask where a layer has several.
        """
        self.draws = RandomDraws(rate, binding, name)
        if binding.training:
            self.mask = binding.buffer(*shape)

    def draw(self, now: Pass) -> Array:
        """The mask of this pass: 0, or the scale that keeps the mean."""
        *shape, samples = self.mask.shape
        drawn = (*shape, now.before + samples + now.after)
        draws = in_order_of_positions(self.draws.of(now, prod(drawn)), drawn, now)
        draws = draws[..., now.before : now.before + samples]
        np.greater_equal(draws, self.draws.dropped, out=self.mask, casting="unsafe")
        return np.multiply(self.mask, self.draws.scale, out=self.mask)


class AttentionDropout:
    """Dropout of the weights of attention, each by itself, as in PyTorch's MultiheadAttention.

    The draw of a pair of positions does not depend on the lengths of the sequences, so that more
    padding at the end of a batch changes none.
    """

    def __init__(self, rate: float, binding: Binding) -> None:
        self.draws = RandomDraws(rate, binding, "weights")
        self.samples, self.dtype = binding.batch, binding.dtype

    def draw(self, now: Pass, heads: int, queries: int, keys: int) -> Array:
        """The mask of this pass, (N, heads, queries, keys): 0, or the scale that keeps the mean."""
        pairs = paired(queries, keys)
        drawn = (int(pairs.max(initial=-1)) + 1, heads, now.before + self.samples + now.after)
        draws = self.draws.of(now, prod(drawn)).reshape(drawn)
        draws = draws[pairs][..., now.before : now.before + self.samples]  # (queries, keys, …)
        kept = draws.transpose(3, 2, 0, 1) >= self.draws.dropped
        return np.multiply(kept, self.draws.scale, dtype=self.dtype)


def paired(rows: int, columns: int) -> Array:
    """A number (rows, columns) for each pair of positions, without gaps in any square (n, n).

    Szudzik's pairing function: x² + x + y if y ≤ x, else y² + x.
    """
    x, y = np.arange(rows)[:, None], np.arange(columns)
    return np.where(y <= x, x * x + x + y, y * y + x)


def in_order_of_positions(draws: Array, shape: Shape, now: Pass) -> Array:
    """Random draws as an array (channels, …, N).

    Where sequences differ in length, all draws of a position come before those of the next, so that
    more padding at the end of a batch changes none.
    """
    if now.lengths is None or len(shape) == VECTOR_AXES:
        return draws.reshape(shape)
    channels, positions, samples = shape
    return draws.reshape(positions, channels, samples).swapaxes(0, 1)
