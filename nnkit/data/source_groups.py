"""Splits by source: samples of the same source text are in one set, or in one fold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from unicodedata import normalize

import numpy as np
from numpy.typing import NDArray

from nnkit.random import generator

Array = NDArray[Any]


def source_groups(texts: Iterable[str]) -> Array:
    """The number of the source of each sample, in the order in which sources first occur, (n,).

    Texts that differ only in case, in white space, or in the way their characters are encoded
    (Unicode's NFKC) are one source.

    Args:
        texts: the source texts, (n,).
    """
    numbers: dict[str, int] = {}
    return np.array(
        [numbers.setdefault(_key(text), len(numbers)) for text in texts], dtype=np.int64
    )


def _key(text: str) -> str:
    return normalize("NFKC", " ".join(text.split()).casefold())


def divide_groups(groups: Array, counts: Mapping[str, int], seed: int) -> dict[str, Array]:
    """Draws the indices of held-out sets of whole groups, and of `train`, each ascending.

    Groups are drawn one after the other. A set gets the next ones as long as it has no more
    samples than wanted, but at least one group.

    Args:
        groups: the group of each sample, numbered from 0 without gaps, (n,).
        counts: the number of samples wanted in each held-out set.
        seed: seed of the draw.
    """
    sizes = np.bincount(groups)
    rest = generator(seed, "split").permutation(len(sizes))
    parts: dict[str, Array] = {}
    for name, count in counts.items():
        fitting = int(np.searchsorted(np.cumsum(sizes[rest]), count, side="right"))
        parts[name], rest = np.split(rest, [max(1, fitting)])
    parts["train"] = rest
    return {name: np.flatnonzero(np.isin(groups, part)) for name, part in parts.items()}
