"""Sources of pairs with all their targets: several references for one source."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReferencedSources:
    """Different sources, each with its references.

    Attributes:
        sources: each source as it first occurs, (sources,).
        references: the different targets of each source, in their order, (sources,).
        first: the index of the pair in which each source first occurs, (sources,).
    """

    sources: tuple[str, ...]
    references: tuple[tuple[str, ...], ...]
    first: tuple[int, ...]


def collect_references(
    sources: Iterable[str],
    targets: Iterable[str],
    normalize: Callable[[str], str] = str,
) -> ReferencedSources:
    """Collects the targets of each source, in the order in which the sources first occur.

    Args:
        sources: the sources of all pairs, (n,).
        targets: their targets, (n,).
        normalize: what makes sources comparable, such as `TextEncoder.normalize`.
    """
    found: dict[str, tuple[int, str, dict[str, None]]] = {}
    for index, (source, target) in enumerate(zip(sources, targets, strict=True)):
        _, _, references = found.setdefault(normalize(source), (index, source, {}))
        references[target] = None
    return ReferencedSources(
        tuple(source for _, source, _ in found.values()),
        tuple(tuple(references) for _, _, references in found.values()),
        tuple(index for index, _, _ in found.values()),
    )
