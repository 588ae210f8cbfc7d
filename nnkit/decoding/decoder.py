"""The step and the state of a decoder, its symbols, and the sentences to decode."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from nnkit.errors import SettingError

Array = NDArray[Any]
IMPOSSIBLE = -1e9  # instead of ln 0, because −∞ marks symbols that are not permitted
ROUNDING = 1e-5  # by which the logarithm of a probability of 1 may exceed 0


class ColumnState(Protocol):
    """The state of a decoder, with one column for each unfinished output."""

    def select(self, columns: Array) -> Self:
        """The state of the given columns, in their order; a column may occur several times."""


class DecoderStep(Protocol):
    """A step of a decoder: the symbols that were produced last, to probabilities of the next."""

    def __call__(self, state: Any, symbols: Array) -> tuple[Array, Array | None, Any]:
        """Advances all columns by one position.

        Args:
            state: the `ColumnState` of K columns.
            symbols: the numbers of the last symbols, (K,); at first, of those to begin with.

        Returns:
            The natural logarithms of the probabilities of the next symbol, (symbols, K), which the
            caller may overwrite; the attention to the positions of the source, (positions, K), 0
            beyond its length, or None for a model without; and the next state.
        """


@dataclass(frozen=True)
class OutputSymbols:
    """The symbols that a model produces.

    Attributes:
        count: the number of symbols.
        end: the number of the symbol that ends an output; None if there is none.
        never: numbers of symbols that are never produced, such as padding and start.
        unknown: the number of the symbol for unknown words, produced on request only.
        numbers: the numbers of the symbols of texts, by name. Reserved symbols have no names here,
            so that a text that looks like one is a text.
        text_of: the text of an output; outputs of equal text count as one. By default all differ.
    """

    count: int
    end: int | None
    never: tuple[int, ...] = ()
    unknown: int | None = None
    numbers: Mapping[str, int] = field(default_factory=dict)
    text_of: Callable[[tuple[int, ...]], Hashable] = tuple

    def numbered(self, setting: str, names: Sequence[str]) -> list[int]:
        """The numbers of symbols of texts that a setting of `decoding` names.

        Raises:
            SettingError: the model has no such symbol.
        """
        for i, name in enumerate(names):
            if name not in self.numbers:
                close = get_close_matches(name, self.numbers, 1)
                hint = f"; did you mean {close[0]!r}?" if close else ""
                path = ("decoding", setting, i)
                raise SettingError(path, f"the model has no symbol {str(name)!r}{hint}")
        return [self.numbers[name] for name in names]


@dataclass(frozen=True)
class Sentences:
    """The sentences to decode, one for each column of the first state.

    Attributes:
        starts: the symbols to begin with, (n,).
        source_lengths: the lengths of the sources, (n,).
        prefixes: the symbols that each output must begin with; by default none.
        keys: non-negative numbers that key the random draws for each sentence, such as its line,
            (n,); by default 0 … n − 1.
    """

    starts: Array
    source_lengths: Array
    prefixes: Sequence[Sequence[int]] | None = None
    keys: Array | None = None

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def random_keys(self) -> Array:
        """The keys of random draws, (n,)."""
        return np.arange(len(self)) if self.keys is None else self.keys


def checked_logs(log_probabilities: Array) -> Array:
    """The log-probabilities of the next symbol, (symbols, K), made numbers of at most 0 in place.

    They stay in the precision of the model: in float64, those of a large vocabulary would not fit
    in the cache.

    Args:
        log_probabilities: those that a step returns; below `IMPOSSIBLE` they count as that.

    Raises:
        ValueError: a log-probability is positive or not a number.
    """
    if not log_probabilities.max(initial=-np.inf) <= ROUNDING:  # NaN compares false
        raise ValueError("the decoder's log-probabilities must be numbers of at most 0")
    return np.clip(log_probabilities, IMPOSSIBLE, 0.0, out=log_probabilities)


def totals_with(logs: Array, totals: Array, symbols: Array, columns: Array) -> Array:
    """Log-probabilities of outputs with another symbol, (n,), in float64.

    Args:
        logs: those of the next symbol, (symbols, K).
        totals: those of the outputs so far, (K,).
        symbols: the symbol that is added to each output, (n,).
        columns: the output, (n,).
    """
    added: Array = logs[symbols, columns].astype(np.float64) + totals[columns]
    return added
