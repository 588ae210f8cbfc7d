"""Tests of lazy samples: on disk or as bytes, they give the same results as prepared ones."""

from pathlib import Path

import numpy as np
import pytest

import nnkit
from nnkit.data import lazy
from nnkit.data.batches import gather
from nnkit.data.lazy import AllIndices, Computed, LazyArray, combined
from nnkit.data.preprocessing.feature_scaling import Rescale, Standardize
from nnkit.data.preprocessing.preprocessing_step import PreprocessingStep
from nnkit.data.preprocessing.preprocessor import Preprocessor
from nnkit.task.config_loading import config_from


def mapped(path: Path, array: lazy.Array) -> lazy.Array:
    np.save(path, array)
    loaded: lazy.Array = np.load(path, mmap_mode="r")
    return loaded


def test_it_is_indexed_like_the_array_it_stands_for(tmp_path: Path) -> None:
    array = np.arange(60.0).reshape(20, 3)
    indices = np.array([7, 3, 3, 19])
    on_disk = LazyArray(mapped(tmp_path / "x.npy", array), indices).then(lambda X: X[:, :2] + 1)
    expected = array[indices][:, :2] + 1
    assert on_disk.shape == expected.shape
    assert on_disk.dtype == expected.dtype
    np.testing.assert_array_equal(on_disk[1:3], expected[1:3])
    np.testing.assert_array_equal(on_disk[np.array([2, 0])], expected[[2, 0]])
    np.testing.assert_array_equal(np.asarray(on_disk), expected)


@pytest.mark.parametrize("kind", ["uint8", "int16", "bool"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "steps", [(), (Rescale(),), (Rescale(), Rescale(by=0.7)), (Standardize(),)]
)
def test_bytes_prepared_as_they_are_read_get_the_same_bits(
    kind: str, dtype: str, steps: tuple[PreprocessingStep, ...]
) -> None:
    X = np.random.default_rng(0).integers(0, 256, (50, 2, 3)).astype(kind)
    fitted, wanted = Preprocessor.fit(steps, X, ()), np.dtype(dtype)
    prepared = fitted.apply(X, wanted)
    some, out = np.array([7, 3, 49]), np.empty((3, 2, 3), dtype)
    gather(prepared, some, out)
    expected = fitted(X, wanted)
    assert prepared.dtype == expected.dtype
    np.testing.assert_array_equal(out, expected[some])
    np.testing.assert_array_equal(prepared[2:5], expected[2:5])


def test_images_stay_as_they_were_read_where_they_are_only_scaled() -> None:
    X = np.zeros((50, 1, 4, 4), np.uint8)
    prepared = Preprocessor.fit((Rescale(),), X, ()).apply(X, np.dtype("float32"))
    assert isinstance(prepared, LazyArray)
    assert prepared.source is X
    assert prepared.nbytes == X.nbytes
    half = lazy.chosen(X, np.arange(25))
    assert isinstance(half, LazyArray)
    assert half.source is X  # a split copies nothing
    assert half.nbytes == X.nbytes // 2


def test_training_from_disk_gives_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    X = rng.random((300, 5), dtype=np.float32)
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", (X[:, 0] > 0.5).astype(np.int64))
    config = config_from(
        {
            "data": {
                "source": {
                    "kind": "npy",
                    "inputs": str(tmp_path / "x.npy"),
                    "targets": str(tmp_path / "y.npy"),
                },
                "preprocess": ["scale", "standardize", "minmax"],
            },
            "architecture": {"layers": [{"dense": 4}, {"dense": 2}]},
            "training": {"epochs": 2},
        }
    )
    in_memory = nnkit.train(config, runs=tmp_path / "memory")
    monkeypatch.setattr(lazy, "IN_MEMORY", 0)
    from_disk = nnkit.train(config, runs=tmp_path / "disk")
    assert from_disk.summary["weights_sha256"] == in_memory.summary["weights_sha256"]
    assert from_disk.summary["results"] == in_memory.summary["results"]


def test_all_indices_take_no_memory_and_are_indexed_like_an_array() -> None:
    every, array = AllIndices(20), np.arange(20)
    for key in (slice(None), slice(3, 7), slice(15, 40), slice(None, None, 3), np.array([4, 4, 0])):
        np.testing.assert_array_equal(every[key], array[key])
    assert (len(every), every.nbytes) == (20, 0)


def test_what_is_computed_from_indices_is_an_array_as_well() -> None:
    array = LazyArray(Computed(9, lambda i: np.column_stack([i, i**2])), AllIndices(9))
    assert array.on_disk  # it is in no memory
    assert (array.shape, array.dtype, array.nbytes) == ((9, 2), np.dtype(np.int64), 0)
    selected = array.selected(np.array([5, 2, 8])).selected(np.array([2, 1]))
    np.testing.assert_array_equal(selected[:], [[8, 64], [2, 4]])
    out = np.empty((1, 2))
    selected.read(np.array([0]), out)
    selected.expect(np.array([0]))
    np.testing.assert_array_equal(out, [[8, 64]])


def test_two_arrays_are_combined_sample_by_sample() -> None:
    A, B = np.arange(8.0), np.arange(8.0)[::-1].copy()
    lazily = LazyArray(A, np.arange(8))
    np.testing.assert_array_equal(combined(np.multiply, A, B), A * B)
    for pair in ((lazily, B), (A, lazily.then(lambda X: X + 1)), (lazily, lazily)):
        found = combined(np.multiply, *pair)
        assert isinstance(found, LazyArray)
        expected = np.asarray(pair[0]) * np.asarray(pair[1])
        np.testing.assert_array_equal(found[:], expected)
        np.testing.assert_array_equal(found[np.array([6, 1])], expected[[6, 1]])
