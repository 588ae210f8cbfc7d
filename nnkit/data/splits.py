"""Splits samples into training, validation and test sets, seeded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from nnkit.config.spec import Spec
from nnkit.data.dataset import Array, Dataset, Samples
from nnkit.data.folds import fold_numbers
from nnkit.data.ordering import FULL_SHUFFLE, Share
from nnkit.data.source_groups import divide_groups, source_groups
from nnkit.errors import SettingError

HeldOutSize = Annotated[float, Field(ge=0)]
DEFAULT_TEST = 0.2


class Split(Spec):
    """Held-out data: sizes as a fraction below 1, or as a number of samples."""

    validation: HeldOutSize = Field(
        0.1,
        description="Held out for monitoring and model selection, unless the source has a "
        "validation set. 0 for none.",
    )
    test: HeldOutSize | None = Field(
        None,
        description="Held out for the final evaluation; default: 0.2 if the source has no test "
        "set. 0 for none.",
    )
    by: Literal["sample", "source"] = Field(
        "sample",
        description="`source` puts all samples of a source text into one set, so that no held-out "
        "set contains a source that was trained on; sets are then not stratified.",
    )
    seed: int | None = Field(
        None, description="Seed of the shuffle; default: the seed of the config."
    )
    folds: Annotated[int, Field(ge=2)] | None = Field(
        None,
        description="Number of folds for cross-validation; `nnkit train --folds` sets it. A test "
        "set of the source, or of `test` if it is given, is left out.",
    )
    fold: Annotated[int, Field(ge=1)] | None = Field(
        None, description="The fold that is the test set, from 1; with `folds`."
    )

    @model_validator(mode="after")
    def _fold_of_folds(self) -> Self:
        if (self.folds is None) != (self.fold is None):
            raise ValueError("folds and fold must be given together")
        if self.folds is not None and self.fold is not None and self.fold > self.folds:
            raise ValueError(f"there is no fold {self.fold} of {self.folds}")
        return self


def split_dataset(dataset: Dataset, split: Split, seed: int) -> dict[str, Samples]:
    """Splits a data set into `train` and, if they are not empty, `validation` and `test`.

    The sets are in this order.

    A source's own validation or test set is used as it is. The ordering of the samples draws the
    other sets. Samples in memory are stratified: each set contains
    the classes in the same proportions.

    Raises:
        SettingError: a test share is given although the source has a test set, or the split
            leaves a set empty.
    """
    samples = dataset.samples
    if split.folds is not None:
        return _in_order(
            _split_fold(dataset, split, split.folds, split.seed if split.seed is not None else seed)
        )
    if dataset.test is not None and split.test:
        raise SettingError(
            ("data", "split", "test"), "this source has its own test set; remove this setting"
        )
    test_share = split.test
    if test_share is None:
        has_test = dataset.is_divided or dataset.test is not None
        test_share = 0.0 if has_test else DEFAULT_TEST
    has_validation = dataset.is_divided or dataset.validation is not None
    validation_share = 0.0 if has_validation else split.validation
    counts = {
        "validation": _count(validation_share, len(samples), "validation"),
        "test": _count(test_share, len(samples), "test"),
    }
    if sum(counts.values()) >= len(samples):
        raise SettingError(
            ("data", "split"),
            f"holding out {sum(counts.values())} of {len(samples)} samples leaves none for "
            "training",
            exit_code=3,
        )
    held_out = {name: count for name, count in counts.items() if count}
    sets: dict[str, Samples] = {}
    if held_out:
        shares = _divide(dataset, split, held_out, split.seed if split.seed is not None else seed)
        sets = {name: samples.take(*share) for name, share in shares.items()}
    if dataset.validation is not None and split.validation:
        sets["validation"] = dataset.validation
    if dataset.test is not None and split.test is None:
        sets["test"] = dataset.test
    # Without held-out samples, a memory-mapped file stays memory-mapped.
    sets.setdefault("train", samples)
    return _in_order(sets)


def _in_order(sets: Mapping[str, Samples]) -> dict[str, Samples]:
    return {name: sets[name] for name in ("train", "validation", "test") if name in sets}


def _divide(
    dataset: Dataset, split: Split, counts: Mapping[str, int], seed: int
) -> dict[str, Share]:
    """Draws held-out sets of so many samples, and `train`."""
    samples = dataset.samples
    if split.by == "source":
        divided = divide_groups(_sources(samples), counts, seed)
        if not all(map(len, divided.values())):
            raise SettingError(
                ("data", "split"),
                "there are too few different sources for these sets",
                exit_code=3,
            )
        return {name: Share(indices, FULL_SHUFFLE) for name, indices in divided.items()}
    strata = samples.targets if dataset.classes is not None else None
    return samples.ordering.divide(counts, len(samples), seed, strata)


def _sources(samples: Samples) -> Array:
    """The number of the source text of each sample, (n,)."""
    if samples.inputs.dtype.kind != "T":
        raise SettingError(
            ("data", "split", "by"), "only texts can be split by source; remove this setting"
        )
    return source_groups(samples.inputs[:])


def split_conflict(dataset: Dataset, split: Split) -> str | None:
    """A message that a share has no effect, because the data has a validation set of its own."""
    given = "validation" in split.model_fields_set and split.validation
    if dataset.validation is None or not given:
        return None
    return (
        f"data.split.validation: {split.validation:g} has no effect: the data has its own "
        "validation set, which 0 would leave out"
    )


def _split_fold(dataset: Dataset, split: Split, folds: int, seed: int) -> dict[str, Samples]:
    """Splits a data set into `train`, `test`, which is a fold, and `validation` of the others."""
    samples = dataset.samples
    if samples.ordering is not FULL_SHUFFLE:
        raise SettingError(
            ("data", "split", "folds"),
            "cross-validation needs data in memory, in no particular order",
        )
    if split.test:
        rest = split.model_copy(update={"folds": None, "fold": None, "validation": 0.0})
        samples = split_dataset(dataset, rest, seed)["train"]
    groups = _sources(samples) if split.by == "source" else np.arange(len(samples))
    count = int(groups.max(initial=-1)) + 1
    if count < folds:
        raise SettingError(
            ("data", "split", "folds"),
            f"{count} {split.by}s are too few for {folds} folds",
            exit_code=3,
        )
    is_stratified = split.by == "sample" and dataset.classes is not None
    strata = np.asarray(samples.targets) if is_stratified else None
    held_out = fold_numbers(count, folds, seed, strata)[groups] == (split.fold or 1) - 1
    test, others = (samples.take(np.flatnonzero(part)) for part in (held_out, ~held_out))
    without_test = split.model_copy(update={"folds": None, "fold": None, "test": 0.0})
    divided = split_dataset(replace(dataset, samples=others, test=None), without_test, seed)
    return {**divided, "test": test}


def _count(share: float, samples: int, name: str) -> int:
    count = round(share * samples) if share < 1 else int(share)
    if share and not count:
        raise SettingError(
            ("data", "split", name),
            f"{share} of {samples} samples gives an empty {name} set; use 0 for no {name} set",
            exit_code=3,
        )
    if share >= 1 and count != share:
        raise SettingError(("data", "split", name), f"{share:g} samples is not a whole number")
    return count
