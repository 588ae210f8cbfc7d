"""Tests of data sets: checks in chunks, and the fingerprint."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nnkit.data.dataset import CHUNK, Column, Dataset, Samples, check_pair, chunks
from nnkit.errors import DataError

SAMPLES = Samples(np.arange(12.0).reshape(4, 3), np.array([0, 1, 0, 1]))
DATASET = Dataset(SAMPLES, classes=("a", "b"), columns=(Column("x"), Column("y", ("u", "v"))))


def test_chunks_are_whole_samples_in_order() -> None:
    array = np.arange(3 * CHUNK, dtype=np.uint8).reshape(-1, CHUNK // 2)
    parts = list(chunks(array))
    assert [len(part) for part in parts] == [2, 2, 2]
    assert all(np.shares_memory(part, array) for part in parts)
    np.testing.assert_array_equal(np.concatenate(parts), array)


def test_a_bad_value_far_down_is_found() -> None:
    inputs = np.zeros((3 * CHUNK, 1), dtype=np.float32)
    inputs[2 * CHUNK + 5] = np.inf
    with pytest.raises(DataError, match=f"x: infinity in sample {2 * CHUNK + 5} "):
        check_pair(inputs, np.zeros(len(inputs)), "x", "y")


def test_equal_data_has_one_fingerprint_and_other_data_another() -> None:
    fingerprint = DATASET.fingerprint()
    again = Samples(np.asfortranarray(SAMPLES.inputs), np.array(SAMPLES.targets))
    assert replace(DATASET, samples=again).fingerprint() == fingerprint
    changed = np.asarray(SAMPLES.inputs).copy()
    changed[3, 2] = np.nextafter(changed[3, 2], 99)
    others = [
        replace(DATASET, samples=replace(SAMPLES, inputs=changed)),
        replace(
            DATASET, samples=replace(SAMPLES, inputs=np.asarray(SAMPLES.inputs).astype(np.float32))
        ),
        replace(
            DATASET, samples=replace(SAMPLES, inputs=np.asarray(SAMPLES.inputs).reshape(4, 1, 3))
        ),
        replace(DATASET, samples=replace(SAMPLES, targets=SAMPLES.targets[::-1])),
        replace(DATASET, samples=SAMPLES.take(np.array([1, 0, 2, 3]))),
        replace(DATASET, test=SAMPLES),
        replace(DATASET, classes=("a", "c")),
        replace(DATASET, columns=(Column("x"), Column("y", ("u", "w")))),
        replace(DATASET, label="kind"),
    ]
    assert len({fingerprint, *(other.fingerprint() for other in others)}) == 1 + len(others)


def test_equal_targets_of_equal_samples_have_one_fingerprint_whatever_the_inputs() -> None:
    drawn = SAMPLES.take(np.array([1, 3]))
    fingerprint = drawn.fingerprint_of_targets()
    others = np.zeros((2, 5))
    assert replace(drawn, inputs=others).fingerprint_of_targets() == fingerprint
    for other in (
        SAMPLES.take(np.array([3, 1])),  # of the same targets
        replace(drawn, targets=np.array([1, 0])),
        replace(drawn, weights=np.array([1.0, 2.0])),
    ):
        assert other.fingerprint_of_targets() != fingerprint


def test_files_count_by_their_place_in_the_folder() -> None:
    here, there, elsewhere = (
        replace(SAMPLES, origins=np.array(paths)).fingerprint_of_targets()
        for paths in (
            ["/a/0/1.png", "/a/1/2.png"],
            ["/data/b/0/1.png", "/data/b/1/2.png"],
            ["/a/0/1.png", "/a/1/3.png"],
        )
    )
    assert here == there != elsewhere
