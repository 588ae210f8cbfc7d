"""Embedded Reber strings: a regular language whose end depends on its beginning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

import numpy as np

from nnkit.data.dataset import Dataset
from nnkit.data.sources.generators.generated import RandomlyGenerated, SampleCount, paired_samples
from nnkit.random import generator

States = tuple[Mapping[str, int], ...]

# For each state, the symbols that may follow, and the states to which they lead (Cleeremans,
# Servan-Schreiber & McClelland 1989, figure 3).
REBER: States = (
    {"B": 1},
    {"T": 2, "P": 3},
    {"S": 2, "X": 4},
    {"T": 3, "V": 5},
    {"X": 3, "S": 6},
    {"P": 4, "V": 6},
    {"E": 7},
)


def _embedded() -> States:
    """The states of B, T or P, a Reber string, the same T or P, E; the last one is the end."""
    beginning: list[Mapping[str, int]] = [{"B": 1}]
    branch = len(REBER) + 2
    states = [*beginning, {"T": 2, "P": 2 + branch}]
    end = 2 + 2 * branch
    for outer in "TP":
        start = len(states)
        states += [{symbol: start + to for symbol, to in state.items()} for state in REBER]
        states += [{outer: start + branch - 1}, {"E": end}]
    return (*states, {})


EMBEDDED_REBER = _embedded()


class EmbeddedReber(RandomlyGenerated):
    """Embedded Reber strings such as `BTBPVVETE` (Hochreiter & Schmidhuber 1997, experiment 1).

    B, then T or P, a Reber string, the same T or P, and E. The input is a string without its last
    symbol, the target at each position is the next symbol. Strings may be equal.
    """

    kind: Literal["reber"] = "reber"
    count: SampleCount = 10_000

    def read(self) -> Dataset:
        strings = reber_strings(self.count, self.seed)
        return Dataset(paired_samples([(string[:-1], string[1:]) for string in strings]))


def reber_strings(count: int, seed: int) -> list[str]:
    """Embedded Reber strings.

    Where two symbols may follow, each has the probability ½. Strings may be equal.

    Args:
        count: the number of strings.
        seed: seed of the draws.
    """
    coins = _coins(generator(seed, "Reber strings"))
    return [_walk(coins) for _ in range(count)]


def _coins(draws: np.random.Generator) -> Iterator[int]:
    """Yields 0 or 1, without end."""
    while True:
        yield from draws.integers(0, 2, 4096).tolist()


def _walk(coins: Iterator[int]) -> str:
    symbols, state = [], EMBEDDED_REBER[0]
    while state:
        following = [*state]
        symbol = following[next(coins) if len(following) > 1 else 0]
        symbols.append(symbol)
        state = EMBEDDED_REBER[state[symbol]]
    return "".join(symbols)


def symbols_after(text: str) -> list[frozenset[str]]:
    """The symbols that may follow each symbol of an embedded Reber string, or of its beginning.

    Raises:
        ValueError: the text does not begin such a string.
    """
    state, found = EMBEDDED_REBER[0], []
    for i, symbol in enumerate(text):
        if symbol not in state:
            raise ValueError(f"'{symbol}' cannot follow '{text[:i]}' in an embedded Reber string")
        state = EMBEDDED_REBER[state[symbol]]
        found.append(frozenset(state))
    return found
