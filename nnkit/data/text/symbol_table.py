"""The symbols of a set of texts, with their numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property


class Reserved(Enum):
    """Symbols that no text contains, whatever a user types; their names are only for display."""

    PADDING = "<padding>"
    START = "<start>"
    END = "<end>"
    UNKNOWN = "<unk>"


Symbol = str | Reserved
ALL_RESERVED = tuple(Reserved)


@dataclass(frozen=True)
class SymbolTable:
    """Numbers of symbols: first the reserved ones, then those of texts, the most frequent first.

    Symbols of equal frequency are in the order of their code points.

    Attributes:
        reserved: the reserved symbols.
        pieces: the symbols of texts.
        counts: the occurrences of each of `pieces` in the texts that the table was built from.
    """

    reserved: tuple[Reserved, ...]
    pieces: tuple[str, ...]
    counts: tuple[int, ...]

    @classmethod
    def of(
        cls,
        counts: Mapping[str, int],
        *,
        min_count: int = 1,
        size: int | None = None,
        always: Collection[str] = (),
        reserved: Iterable[Reserved] = ALL_RESERVED,
    ) -> SymbolTable:
        """Builds a table from the number of occurrences of each symbol.

        Args:
            counts: the occurrences of each symbol of the training texts.
            min_count: rarer symbols are left out.
            size: the number of symbols besides the reserved ones, at most.
            always: symbols that the table contains in any case, even if they do not occur.
            reserved: the reserved symbols of the table, in any order.
        """
        known = {**dict.fromkeys(always, 0), **counts}
        candidates = [
            (piece, count)
            for piece, count in known.items()
            if piece in always or count >= min_count
        ]
        # First those that are always kept, then the most frequent.
        candidates.sort(key=lambda item: (item[0] not in always, -item[1], item[0]))
        kept = candidates[: None if size is None else max(size, len(always))]
        kept.sort(key=lambda item: (-item[1], item[0]))
        chosen = set(reserved)
        return cls(
            tuple(symbol for symbol in Reserved if symbol in chosen),
            tuple(piece for piece, _ in kept),
            tuple(count for _, count in kept),
        )

    def __len__(self) -> int:
        return len(self.reserved) + len(self.pieces)

    @cached_property
    def symbols(self) -> tuple[Symbol, ...]:
        """The reserved symbols and those of texts, by number."""
        return (*self.reserved, *self.pieces)

    @cached_property
    def numbers(self) -> Mapping[Symbol, int]:
        """The number of each symbol."""
        return {symbol: number for number, symbol in enumerate(self.symbols)}

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The name of each symbol, for display; a text may contain that of a reserved one."""
        return tuple(s.value if isinstance(s, Reserved) else s for s in self.symbols)

    def number(self, symbol: Symbol) -> int:
        """The number of a symbol.

        Raises:
            KeyError: the table does not contain the symbol.
        """
        return self.numbers[symbol]

    def __contains__(self, symbol: object) -> bool:
        return symbol in self.numbers


def count_symbols(texts: Iterable[Sequence[str]]) -> Counter[str]:
    """The occurrences of each symbol in texts that are divided into symbols."""
    counts: Counter[str] = Counter()
    for pieces in texts:
        counts.update(pieces)
    return counts
