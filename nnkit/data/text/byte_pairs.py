"""Byte-pair encoding: the merges of frequent pairs of symbols, learned and applied.

Sennrich, Haddow and Birch (2016), "Neural machine translation of rare words with subword units",
algorithm 1. As there, a symbol begins as a character, not as a byte. Ties are broken as in the
authors' implementation, which prefers the pair that comes last in the order of code points.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from heapq import heapify, heappop, heappush
from itertools import pairwise

Pair = tuple[str, str]
Word = tuple[str, ...]


def learn_merges(words: Mapping[Word, int], merges: int, min_count: int = 2) -> list[Pair]:
    """Learns merges: again and again, the most frequent pair of neighbouring symbols is joined.

    Args:
        words: the occurrences of each word, as its initial symbols.
        merges: the number of merges, at most.
        min_count: a pair that occurs less often is not merged.

    Returns:
        The merged pairs, in this order.
    """
    parts = [list(word) for word in words]
    weights = list(words.values())
    counts: dict[Pair, int] = defaultdict(int)
    places: dict[Pair, set[int]] = defaultdict(set)  # the words that contain a pair
    for index, (word, weight) in enumerate(zip(parts, weights, strict=True)):
        for pair in pairwise(word):
            counts[pair] += weight
            places[pair].add(index)
    queue = [_Candidate(pair, count) for pair, count in counts.items()]
    heapify(queue)
    learned: list[Pair] = []
    while queue and len(learned) < merges:
        best = heappop(queue)
        if best.count != counts[best.pair]:  # an entry from before the count changed
            continue
        if best.count < min_count:
            break
        learned.append(best.pair)
        changed: set[Pair] = set()
        for index in places.pop(best.pair):
            word, weight = parts[index], weights[index]
            merged = merge(word, best.pair)
            for pair in pairwise(word):
                counts[pair] -= weight
                changed.add(pair)
            for pair in pairwise(merged):
                counts[pair] += weight
                changed.add(pair)
                places[pair].add(index)
            parts[index] = merged
        for pair in changed:
            if counts[pair] > 0:
                heappush(queue, _Candidate(pair, counts[pair]))
    return learned


class _Candidate:
    """A pair in the queue: the more frequent comes first, then the one of later code points."""

    __slots__ = ("count", "pair")

    def __init__(self, pair: Pair, count: int) -> None:
        self.pair = pair
        self.count = count

    def __lt__(self, other: _Candidate) -> bool:
        return (self.count, self.pair) > (other.count, other.pair)


def merge(word: Sequence[str], pair: Pair) -> list[str]:
    """Joins all occurrences of a pair in a word, from left to right."""
    merged: list[str] = []
    first, second = pair
    i, last = 0, len(word) - 1
    while i <= last:
        if i < last and word[i] == first and word[i + 1] == second:
            merged.append(first + second)
            i += 2
        else:
            merged.append(word[i])
            i += 1
    return merged


def segment(word: Sequence[str], ranks: Mapping[Pair, int]) -> Sequence[str]:
    """Divides a word by learned merges, the one learned first first.

    Args:
        word: the initial symbols of the word.
        ranks: the position of each pair in the list of merges.
    """
    while len(word) > 1:
        pair = min(pairwise(word), key=lambda p: ranks.get(p, len(ranks)))
        if pair not in ranks:
            break
        word = merge(word, pair)
    return word
