"""Samples without a target: an error, or dropped and counted."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from nnkit.data.dataset import Samples, chunks
from nnkit.errors import DataError

OnMissing = Literal["error", "drop"]
MISSING_TARGET = "Samples without a target: an error, or left out, with a message that counts them."


@dataclass(frozen=True)
class MissingTargets:
    """Counts the samples of a source without a target, and locates the first.

    Attributes:
        count: the number of samples without a target.
        samples: the number of all samples.
        place: where the targets were read from, for messages.
        first: where the first of them is, such as `t.csv:14`.
        unit: `row` or `sample`.
        target: what the first of them lacks, such as `label 'price'`.
        several: what each sample has several of by name, such as `label`; empty otherwise.
    """

    count: int
    samples: int
    place: str
    first: str
    unit: Literal["row", "sample"]
    target: str
    several: str = ""

    def check(self, on_missing: OnMissing, *, is_setting: bool = True) -> None:
        """Checks that all samples have a target, or that those without one may be dropped.

        Args:
            on_missing: what becomes of samples without a target.
            is_setting: whether a setting says so, which messages may advise.

        Raises:
            DataError: targets are missing.
        """
        if not self.count:
            return
        if self.count == self.samples:
            wanted = f"all {self.several}s" if self.several else f"a {self.target}"
            raise DataError(
                f"{self.place}: no {self.unit} has {wanted}, so there is nothing to learn"
            )
        if on_missing == "error":
            also = f"is a {self.several} in" if self.several else "in"
            others = f", as {also} {self.count - 1:,} other {self._units(self.count - 1)}"
            drop = "set data.source.missing_target: drop to " * is_setting
            raise DataError(
                f"{self.first}: the {self.target} is missing{others * (self.count > 1)}; fill it "
                f"in, or {drop}leave out such {self.unit}s"
            )

    def notices(self) -> tuple[str, ...]:
        """Says how many samples are left out, if any are."""
        what = f"a {self.several}" if self.several else "it"
        lacking = f"lacks {what} and is" if self.count == 1 else f"lack {what} and are"
        notice = (
            f"{self.first}: the {self.target} is missing; {self.count:,} of {self.samples:,} "
            f"{self._units(self.samples)} {lacking} left out (missing_target: drop)"
        )
        return (notice,) if self.count else ()

    def warn(self) -> None:
        """Warns of samples that are left out, where there is no list of notices."""
        for notice in self.notices():
            warnings.warn(notice, stacklevel=3)

    def _units(self, count: int) -> str:
        return f"{self.unit}{'s' * (count != 1)}"


@dataclass(frozen=True)
class MissingTargetsInMemory(MissingTargets):
    """The samples of a source in memory that have no target.

    Attributes:
        absent: a mask of them, (n,).
    """

    absent: NDArray[np.bool_] = field(kw_only=True)

    @classmethod
    def of(
        cls,
        absent: NDArray[np.bool_],
        place: str,
        first: str,
        unit: Literal["row", "sample"],
        target: str,
        several: str = "",
    ) -> Self:
        """Counts the samples of a mask (n,); the other arguments are attributes."""
        count = int(absent.sum())
        return cls(count, absent.size, place, first, unit, target, several, absent=absent)

    @classmethod
    def in_array(cls, targets: NDArray[Any], place: str) -> Self:
        """Finds the samples whose target, or one of whose targets, is NaN.

        Args:
            targets: targets, (n,) or (n, outputs), of any numeric type.
            place: where they were read from, for messages.
        """
        absent = without_target(targets)
        first = f"{place}: sample {absent.argmax()} (counted from 0)" if absent.any() else ""
        return cls.of(absent, place, first, "sample", "target")

    def drop(self, samples: Samples) -> Samples:
        """The samples that have a target; they keep their rows and lines in the source."""
        return samples.take(np.flatnonzero(~self.absent)) if self.count else samples


def without_target(targets: NDArray[Any]) -> NDArray[np.bool_]:
    """Finds the samples whose target, or one of whose targets, is NaN.

    Args:
        targets: targets, (n,) or (n, outputs), of any numeric type.

    Returns:
        A mask of them, (n,).
    """
    if targets.dtype.kind != "f" or not targets.size:
        return np.zeros(targets.shape[:1], dtype=bool)
    parts = [np.isnan(part).reshape(len(part), -1) for part in chunks(targets)]
    return np.asarray(np.concatenate([part.any(axis=1) for part in parts]))
