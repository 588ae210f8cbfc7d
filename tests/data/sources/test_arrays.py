"""Tests of array files: read as written, and memory-mapped if possible."""

from __future__ import annotations

import random
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnkit.data.dataset import Array, Dataset
from nnkit.data.sources.arrays import Idx, Npy, Npz
from nnkit.data.sources.mnist import Mnist
from nnkit.data.sources.source import ExpectedData
from nnkit.errors import ConfigError, DataError, SettingError, UsageError
from tests.data.files import write_npy
from tests.data.small import DATA, small_config

IMAGES = np.arange(4 * 5 * 6, dtype=np.float32).reshape(4, 5, 6)
LABELS = np.array([0, 2, 1, 0])


def load_npz(folder: Path, **arrays: Any) -> Dataset:
    np.savez(folder / "data.npz", **arrays)
    return Npz(path=str(folder / "data.npz")).load()


def test_npy_is_memory_mapped(tmp_path: Path) -> None:
    dataset = Npy(**write_npy(tmp_path, inputs=IMAGES, targets=LABELS)).load()
    assert isinstance(dataset.samples.inputs, np.memmap)
    np.testing.assert_array_equal(dataset.samples.inputs, IMAGES[:, None])
    np.testing.assert_array_equal(dataset.samples.targets, LABELS)
    assert dataset.classes == ("0", "1", "2")


def test_stored_npz_is_memory_mapped(tmp_path: Path) -> None:
    dataset = load_npz(tmp_path, other=np.ones(3), inputs=IMAGES, targets=LABELS)
    assert isinstance(dataset.samples.inputs, np.memmap)
    np.testing.assert_array_equal(dataset.samples.inputs, IMAGES[:, None])
    np.testing.assert_array_equal(dataset.samples.targets, LABELS)


def test_compressed_npz_is_read(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "data.npz", x=IMAGES, y=LABELS)
    source = Npz(path=str(tmp_path / "data.npz"), inputs="x", targets="y")
    dataset = source.load()
    assert not isinstance(dataset.samples.inputs, np.memmap)
    np.testing.assert_array_equal(dataset.samples.inputs, IMAGES[:, None])


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_every_version_of_npy_is_read(version: tuple[int, int], tmp_path: Path) -> None:
    settings = write_npy(tmp_path, inputs=IMAGES, targets=LABELS)
    with Path(settings["inputs"]).open("wb") as file:
        np.lib.format.write_array(file, IMAGES, version)
    np.testing.assert_array_equal(Npy(**settings).load().samples.inputs, IMAGES[:, None])


@pytest.mark.parametrize("compressed", [False, True])
def test_fortran_order_is_read_as_it_was_meant(compressed: bool, tmp_path: Path) -> None:
    fortran = np.asfortranarray(IMAGES)
    settings = write_npy(tmp_path, inputs=fortran, targets=LABELS)
    np.testing.assert_array_equal(Npy(**settings).load().samples.inputs, IMAGES[:, None])
    save = np.savez_compressed if compressed else np.savez
    save(tmp_path / "data.npz", inputs=fortran, targets=LABELS)
    dataset = Npz(path=str(tmp_path / "data.npz")).load()
    np.testing.assert_array_equal(dataset.samples.inputs, IMAGES[:, None])


@pytest.mark.parametrize("dtype", ["?", "u1", "i2", "<i4", ">i4", "u8", "f2", ">f4", "f8"])
def test_every_type_of_number_is_taken(dtype: str, tmp_path: Path) -> None:
    inputs = IMAGES.astype(dtype)
    dataset = Npy(**write_npy(tmp_path, inputs=inputs, targets=LABELS)).load()
    np.testing.assert_array_equal(dataset.samples.inputs, inputs[:, None])
    assert len(dataset.fingerprint()) == 64


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (np.array([0, 2, 1, 0], dtype=np.uint8), ("0", "1", "2")),
        (np.array([[0], [2], [1], [0]]), ("0", "1", "2")),
        (np.array([True, False, True, True]), ("0", "1")),
        (np.zeros(4, dtype=int), ("0", "1")),
        (np.array([0.0, 2.0, 1.0, 0.0]), None),
        (np.ones((4, 3), dtype=bool), None),
        (np.ones((4, 3), dtype=int), None),
    ],
)
def test_whole_numbers_are_classes_and_others_real_targets(
    labels: Array, classes: tuple[str, ...] | None, tmp_path: Path
) -> None:
    dataset = load_npz(tmp_path, inputs=IMAGES, targets=labels)
    assert dataset.classes == classes
    expected = labels.reshape(-1) if classes else labels.reshape(4, -1)
    np.testing.assert_array_equal(dataset.samples.targets, expected)
    assert dataset.samples.targets.dtype == (np.int64 if classes else np.float64)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((4,), (1,)), ((4, 3), (3,)), ((4, 5, 6), (1, 5, 6)), ((4, 3, 5, 6), (3, 5, 6))],
)
def test_grey_images_get_their_channel(
    shape: tuple[int, ...], expected: tuple[int, ...], tmp_path: Path
) -> None:
    dataset = load_npz(tmp_path, inputs=np.zeros(shape), targets=LABELS)
    assert dataset.input_shape == expected


def test_a_test_set_of_its_own(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", inputs=IMAGES, targets=LABELS, tx=IMAGES[:2], ty=LABELS[:2])
    source = Npz(path=str(tmp_path / "d.npz"), test_inputs="tx", test_targets="ty")
    dataset = source.load()
    assert dataset.test is not None
    np.testing.assert_array_equal(dataset.test.inputs, IMAGES[:2, None])
    np.testing.assert_array_equal(dataset.test.targets, LABELS[:2])


def test_half_a_test_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="test_inputs and test_targets must be given together"):
        small_config({"kind": "npz", "path": "data.npz", "test_inputs": "x"})


def test_idx_reads_mnist(mnist: Dataset) -> None:
    assert mnist.test is not None
    folder = DATA / "mnist"
    source = Idx(
        inputs=str(folder / "t10k-images-idx3-ubyte.gz"),
        targets=str(folder / "t10k-labels-idx1-ubyte.gz"),
    )
    dataset = source.load()
    np.testing.assert_array_equal(dataset.samples.inputs, mnist.test.inputs)
    np.testing.assert_array_equal(dataset.samples.targets, mnist.test.targets)


@pytest.mark.parametrize("kind", ["npy", "npz", "npz compressed"])
def test_a_damaged_file_is_read_or_refused_and_nothing_else(kind: str, tmp_path: Path) -> None:
    settings = write_npy(tmp_path, inputs=IMAGES, targets=LABELS)
    path = tmp_path / "inputs.npy"
    if kind != "npy":
        path = tmp_path / "data.npz"
        save = np.savez if kind == "npz" else np.savez_compressed
        save(path, inputs=IMAGES, targets=LABELS)
    whole, draw = path.read_bytes(), random.Random(0)
    for _ in range(300):
        damaged = bytearray(whole)
        damaged[draw.randrange(min(len(whole), 400))] ^= 1 << draw.randrange(8)
        path.write_bytes(damaged[: draw.choice([len(whole), draw.randrange(len(whole))])])
        source = Npy(**settings) if kind == "npy" else Npz(path=str(path))
        with suppress(DataError):
            source.load()


# Weights

WEIGHTS = np.array([1, 0, 2, 0.5])


@pytest.mark.parametrize("shape", [(4,), (4, 1)])
def test_npy_weights(shape: tuple[int, ...], tmp_path: Path) -> None:
    arrays = {"inputs": IMAGES, "targets": LABELS, "weights": WEIGHTS.reshape(shape)}
    test = {"test_inputs": IMAGES[:2], "test_targets": LABELS[:2], "test_weights": WEIGHTS[2:]}
    dataset = Npy(**write_npy(tmp_path, **arrays, **test)).load()
    np.testing.assert_array_equal(dataset.samples.weights, WEIGHTS)
    assert dataset.test is not None
    np.testing.assert_array_equal(dataset.test.weights, WEIGHTS[2:])


def test_npz_weights(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", inputs=IMAGES, targets=LABELS, w=WEIGHTS.astype("u1"))
    samples = Npz(path=str(tmp_path / "d.npz"), weights="w").load().samples
    assert samples.weights is not None
    assert samples.weights.dtype == np.float64
    np.testing.assert_array_equal(samples.weights, [1, 0, 2, 0])


def test_weights_of_a_test_set_that_is_not() -> None:
    with pytest.raises(ConfigError, match="test_weights requires test_inputs and test_targets"):
        small_config({"kind": "npz", "path": "d.npz", "test_weights": "w"})


# Another place


def test_files_that_were_moved_keep_their_names(tmp_path: Path) -> None:
    before = Npy(**write_npy(tmp_path, inputs=IMAGES, targets=LABELS))
    (tmp_path / "new").mkdir()
    for file in tmp_path.glob("*.npy"):
        file.rename(tmp_path / "new" / file.name)
    moved = before.moved(tmp_path / "new")
    np.testing.assert_array_equal(moved.load().samples.targets, LABELS)
    archive = Npz(path="old.npz").moved(tmp_path / "new.npz")
    assert (archive.path, archive.inputs) == (str(tmp_path / "new.npz"), "inputs")


def test_a_source_without_path_cannot_be_moved(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the config of 'mnist' data contains no path"):
        Mnist().moved(tmp_path)


class TestLabelled:
    """Other files of the same form, for evaluation."""

    def test_an_archive_for_any_source_of_arrays(self, tmp_path: Path) -> None:
        np.savez(tmp_path / "o.npz", inputs=np.ones((3, 2)), targets=[2, 0, 2])
        for source in (
            Npz(path="t.npz"),
            Npy(inputs="x.npy", targets="y.npy"),
            Idx(inputs="x.idx", targets="y.idx"),
            Mnist(),
        ):
            samples = source.read_labelled(
                tmp_path / "o.npz", ExpectedData(classes=("0", "1", "2"))
            )
            assert np.asarray(samples.targets).tolist() == [2, 0, 2]

    def test_the_names_of_the_arrays_are_those_of_the_config(self, tmp_path: Path) -> None:
        np.savez(tmp_path / "o.npz", a=np.ones((3, 2)), b=[1, 0, 1])
        source = Npz(path="t.npz", inputs="a", targets="b", test_inputs="c", test_targets="d")
        samples = source.read_labelled(tmp_path / "o.npz", ExpectedData(classes=("0", "1")))
        assert np.asarray(samples.targets).tolist() == [1, 0, 1]

    def test_files_of_the_same_names_in_another_folder(self, tmp_path: Path) -> None:
        np.save(tmp_path / "x.npy", np.ones((2, 3)))
        np.save(tmp_path / "y.npy", [0.5, 1.5])
        source = Npy(inputs="elsewhere/x.npy", targets="elsewhere/y.npy")
        samples = source.read_labelled(tmp_path, ExpectedData())
        np.testing.assert_array_equal(samples.targets, [[0.5], [1.5]])

    def test_whole_numbers_are_targets_of_a_regression(self, tmp_path: Path) -> None:
        np.savez(tmp_path / "o.npz", inputs=np.ones((2, 2)), targets=[5, 3])
        samples = Npz(path="t.npz").read_labelled(tmp_path / "o.npz", ExpectedData())
        np.testing.assert_array_equal(samples.targets, [[5.0], [3.0]])

    @pytest.mark.parametrize(
        ("targets", "message"),
        [
            ([0, 5], "does not know the class 5; it was trained on 0, 1"),
            ([0.5, 1], "contains real numbers, but this model predicts classes"),
        ],
    )
    def test_targets_must_fit(self, tmp_path: Path, targets: list[float], message: str) -> None:
        np.savez(tmp_path / "o.npz", inputs=np.ones((2, 2)), targets=targets)
        with pytest.raises(DataError, match=message):
            Npz(path="t.npz").read_labelled(tmp_path / "o.npz", ExpectedData(classes=("0", "1")))


def test_samples_without_a_target_are_an_error_or_dropped(tmp_path: Path) -> None:
    y = np.array([0.5, np.nan, 1.5, np.nan])
    np.savez(tmp_path / "t.npz", inputs=np.eye(4), targets=y)
    path = str(tmp_path / "t.npz")
    with pytest.raises(
        DataError, match=r"'targets': sample 1 \(counted from 0\): the target is mis"
    ):
        Npz(path=path).load()
    source = Npz(path=path, missing_target="drop")
    dataset = source.load()
    np.testing.assert_array_equal(dataset.samples.inputs, np.eye(4)[[0, 2]])
    assert np.asarray(dataset.samples.targets).tolist() == [[0.5], [1.5]]
    assert np.asarray(dataset.samples.origins).tolist() == [1, 3]
    assert "2 of 4 samples lack it and are left out" in dataset.notices[0]
    with pytest.warns(UserWarning, match="2 of 4 samples lack it and are left out"):
        assert len(source.read_labelled(tmp_path / "t.npz", ExpectedData())) == 2


def test_an_infinite_target_is_not_a_missing_one(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", inputs=np.eye(3), targets=[0.5, np.nan, np.inf])
    with pytest.raises(DataError, match=r"infinity in sample 2 \(counted from 0\)"):
        Npz(path=str(tmp_path / "t.npz"), missing_target="drop").load()


def test_the_test_set_of_an_archive_may_be_another_one(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", inputs=np.eye(3), targets=[0, 1, 1])
    np.savez(tmp_path / "u.npz", inputs=np.ones((2, 3)), targets=[1, 0], more=[1])
    np.savez(tmp_path / "v.npz", inputs=np.ones((2, 4)), targets=[1, 0])
    archive = Npz(path=str(tmp_path / "t.npz"), test=str(tmp_path / "u.npz"))
    dataset = archive.load()
    assert dataset.test is not None
    assert np.asarray(dataset.test.targets).tolist() == [1, 0]
    for other, message in (
        (
            {"test": str(tmp_path / "v.npz")},
            r"v.npz: samples of shape \(4,\), but training samples",
        ),
        ({"test_inputs": "inputs", "test_targets": "targets"}, "the data has its own test set"),
    ):
        with pytest.raises(SettingError, match=message):
            archive.model_copy(update=other).load()
