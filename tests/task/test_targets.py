"""Tests of targets of every kind, encoded for the loss in batches."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from nnkit.data.batches import Batches
from nnkit.data.lazy import LazyArray
from nnkit.data.ragged import Ragged
from nnkit.data.target_scaling import LogTargets, TargetScaler
from nnkit.task.targets import (
    AnyTargets,
    ClassTargets,
    InputTargets,
    LabelTargets,
    NumberTargets,
    SequenceTargets,
)

EVERY = slice(None)
RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, size=(50, 2, 3), dtype=np.uint8)
FLOAT32 = np.dtype("float32")
PRICES = RNG.lognormal(size=(50, 3))
PRICE_SCALE = LogTargets().fit(PRICES)
READ_LATER = LazyArray(PIXELS, np.arange(50)).then(lambda X: X.astype(np.float32) / 255)
KINDS: dict[str, AnyTargets] = {
    "classes": ClassTargets(RNG.integers(0, 4, 50), 4, False, "binary", FLOAT32),
    "signed classes": ClassTargets(RNG.integers(0, 4, 50), 4, False, "signed", FLOAT32),
    "many classes": ClassTargets(RNG.integers(0, 200, 50), 200, False, "signed", FLOAT32),
    "two classes": ClassTargets(RNG.integers(0, 2, 50), 2, True, "signed", np.dtype("float64")),
    "one class": ClassTargets(np.zeros(50, int), 1, False, "binary", FLOAT32),
    "labels": LabelTargets(RNG.integers(0, 2, (50, 3)) * 1.0, "binary", FLOAT32),
    "signed labels": LabelTargets(RNG.integers(0, 2, (50, 3)) * 1.0, "signed", FLOAT32),
    "scaled numbers": NumberTargets(PRICES, FLOAT32, TargetScaler(LogTargets(), PRICE_SCALE)),
    "numbers": NumberTargets(RNG.normal(size=(50, 3)), FLOAT32),
    "precise numbers": NumberTargets(RNG.normal(size=(50, 3)), np.dtype("float64")),
    "inputs": InputTargets(READ_LATER[:], FLOAT32),
    "sequences": SequenceTargets(Ragged.joined(RNG.integers(0, 4, (50, 6))), (*"abcd",)),
    "inputs read later": InputTargets(READ_LATER, np.dtype("float64")),
}
each_kind = pytest.mark.parametrize("targets", KINDS.values(), ids=KINDS)


def test_no_kind_is_left_out() -> None:
    assert {type(targets) for targets in KINDS.values()} == set(get_args(AnyTargets))


@each_kind
def test_parts_are_those_of_the_whole(targets: AnyTargets) -> None:
    whole, part = targets.coded(EVERY), slice(7, 19)
    assert (len(targets), whole.shape, whole.dtype) == (50, targets.shape, targets.dtype)
    np.testing.assert_array_equal(targets.coded(part), whole[part])
    if isinstance(targets, SequenceTargets):  # of which a sample is several class numbers
        np.testing.assert_array_equal(targets[part], np.concatenate(targets.sequences.each()[part]))
        return
    np.testing.assert_array_equal(targets[part], targets[:][part])
    np.testing.assert_array_equal(targets[np.array([4, 2])], targets[:][[4, 2]])


@each_kind
def test_chosen_ones_are_written_into_memory_used_again(targets: AnyTargets) -> None:
    whole, out = targets.coded(EVERY), np.full((20, targets.shape[1]), 7, targets.dtype)
    for seed in range(3):
        chosen = np.random.default_rng(seed).integers(0, 50, size=20)
        targets.read(chosen, out)
        np.testing.assert_array_equal(out, whole[chosen])


@each_kind
def test_batches_are_those_of_targets_coded_at_once(targets: AnyTargets) -> None:
    inputs = np.arange(50, dtype=np.float32)[:, None]
    ours, dense = (Batches(inputs, T, 8, seed=0) for T in (targets, targets.coded(EVERY)))
    for batch, wanted in zip(ours.epoch(3), dense.epoch(3), strict=True):
        assert batch.T.dtype == wanted.T.dtype
        assert batch.T.strides == wanted.T.strides
        np.testing.assert_array_equal(batch.T, wanted.T)


# Classes
