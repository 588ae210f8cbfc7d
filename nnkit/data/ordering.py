"""Orderings: how the samples of a set are shuffled in each epoch, and how held-out sets are drawn.

An ordering computes the position of any sample in any epoch from the seed alone, so that training
can resume at any step, and any number of consumers can share an epoch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from nnkit.data.lazy import Array, Indices, LazyArray
from nnkit.errors import SettingError
from nnkit.random import generator


class Ordering(ABC):
    """Orderings of samples: how they are shuffled in an epoch and divided into sets.

    Attributes:
        window: number of consecutive positions of an epoch whose samples are stored close together;
            None if they may be anywhere.
    """

    window: int | None

    @abstractmethod
    def epoch(self, samples: int, seed: int, epoch: int) -> Indices:
        """The order of an epoch: the index in the set of the sample at each position, (n,).

        Args:
            samples: the number of samples n of the set.
            seed: seed of the shuffle.
            epoch: number of the epoch, from 0.
        """

    @abstractmethod
    def divide(
        self, counts: Mapping[str, int], samples: int, seed: int, strata: Array | LazyArray | None
    ) -> dict[str, Share]:
        """Draws the sets that are held out, and `train`, which contains the remaining samples.

        Args:
            counts: the number of samples of each held-out set; together fewer than `samples`.
            samples: the number of samples n to divide.
            seed: seed of the draw.
            strata: class numbers (n,); None for real targets.
        """


class Share(NamedTuple):
    """The samples of a set: their indices in the undivided data, ascending, and their ordering."""

    indices: Indices
    ordering: Ordering


@dataclass(frozen=True, slots=True)
class FullShuffle(Ordering):
    """Every order of all samples is equally likely; held-out sets are stratified by class.

    The last sample of a class is left for training, unless the other samples are too few.
    """

    window: None = None

    def epoch(self, samples: int, seed: int, epoch: int) -> Array:
        return generator(seed, "shuffle", epoch).permutation(samples)

    def divide(
        self, counts: Mapping[str, int], samples: int, seed: int, strata: Array | LazyArray | None
    ) -> dict[str, Share]:
        labels = None if strata is None else np.asarray(strata)
        rest = generator(seed, "split").permutation(samples)
        shares: dict[str, Share] = {}
        for name, count in counts.items():
            if labels is None:
                held_out, rest = rest[:count], rest[count:]
            else:
                held_out, rest = _hold_out(rest, labels, count)
            shares[name] = Share(np.sort(held_out), self)
        return {**shares, "train": Share(np.sort(rest), self)}


FULL_SHUFFLE: Ordering = FullShuffle()


@dataclass(frozen=True, slots=True)
class Chronological(FullShuffle):
    """Held-out sets are the last samples in time; those for training are shuffled all the same.

    Attributes:
        gap: the samples between two sets that belong to neither, because they overlap both.
    """

    gap: int = 0

    def divide(
        self, counts: Mapping[str, int], samples: int, seed: int, strata: Array | LazyArray | None
    ) -> dict[str, Share]:
        shares: dict[str, Share] = {}
        end = samples
        for name in reversed([*counts]):
            shares[name] = Share(np.arange(max(end - counts[name], 0), end), self)
            end -= counts[name] + self.gap
        if end < 1:
            raise SettingError(
                ("data", "split"),
                f"{' and '.join(counts)} need {samples - end} of {samples} samples, those between "
                "the sets included, which leaves none for training",
                exit_code=3,
            )
        return {**shares, "train": Share(np.arange(end), self)}


def _hold_out(shuffled: Array, strata: Array, count: int) -> tuple[Array, Array]:
    """Splits shuffled indices into `count` held-out ones, stratified, and the rest."""
    labels = strata[shuffled]
    sizes = np.bincount(labels)
    exact = sizes * (count / len(shuffled))
    quota = np.floor(exact).astype(int)
    # The samples left over by rounding down go to the strata with the largest remainders.
    for label in np.argsort(-(exact - quota), kind="stable")[: count - quota.sum()]:
        quota[label] += 1
    quota = _leaving_one(quota, sizes, exact)
    rank = np.empty(len(shuffled), dtype=int)  # rank of each sample within its stratum
    rank[np.argsort(labels, kind="stable")] = np.arange(len(shuffled)) - np.repeat(
        np.cumsum(sizes) - sizes, sizes
    )
    chosen = rank < quota[labels]
    return shuffled[chosen], shuffled[~chosen]


def _leaving_one(quota: Array, sizes: Array, exact: Array) -> Array:
    """The quotas, moved from classes that would have no sample left to others.

    Args:
        quota: the number of samples to hold out of each class, (classes,).
        sizes: the number of samples of each class, (classes,).
        exact: the quotas before rounding, (classes,).
    """
    most = np.maximum(sizes - 1, 0)
    if most.sum() < quota.sum():
        return quota
    kept = np.minimum(quota, most)
    while missing := quota.sum() - kept.sum():
        order = np.argsort(kept - exact, kind="stable")
        kept[order[kept[order] < most[order]][:missing]] += 1
    return kept
