"""A finding about the texts of a set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

FindingKind = Literal[
    "leak", "duplicates", "empty", "too long", "unknown symbols", "new characters",
    "odd characters", "mixed scripts", "spaces",
]  # fmt: skip
MOST_EXAMPLES = 5
LONGEST_EXAMPLE = 40  # characters


@dataclass(frozen=True, slots=True)
class TextFinding:
    """A property of texts that a user should know of.

    Attributes:
        kind: the property.
        place: the set and, for pairs, the side: `test`, `test source`.
        count: how many have the property.
        total: of how many.
        counted: what is counted, such as `texts`.
        statement: what is said of them, such as `are empty`.
        examples: examples, ready for display.
        is_fault: whether it makes results wrong, so that a strict check fails.
    """

    kind: FindingKind
    place: str
    count: int
    total: int
    counted: str
    statement: str
    examples: tuple[str, ...] = ()
    is_fault: bool = False

    @property
    def message(self) -> str:
        """The finding as a sentence, with some of the examples."""
        share = f"{self.count:,} of {self.total:,} {self.counted} ({self.count / self.total:.2%})"
        more = ["…"] if len(self.examples) > MOST_EXAMPLES else []
        shown = ", ".join([*self.examples[:MOST_EXAMPLES], *more])
        return f"{self.place}: {share} {self.statement}" + (f": {shown}" if shown else "")


def most_common(counts: Counter[str], show: Callable[[str], str] | None = None) -> tuple[str, ...]:
    """The most common items, ready for display: one more than are shown, if there are so many.

    Args:
        counts: the number of each item.
        show: what turns an item into an example; by default `quoted`.
    """
    show = quoted if show is None else show
    return tuple(show(item) for item, _ in counts.most_common(MOST_EXAMPLES + 1))


def quoted_all(texts: Sequence[str]) -> tuple[str, ...]:
    """The first texts as examples: one more than are shown, if there are so many."""
    return tuple(map(quoted, texts[: MOST_EXAMPLES + 1]))


def quoted(text: str) -> str:
    """A text in quotes, cut if it is long, with escapes for what cannot be seen."""
    cut = text if len(text) <= LONGEST_EXAMPLE else f"{text[: LONGEST_EXAMPLE - 1]}…"
    seen = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut)
    return f"'{''.join(seen)}'"
