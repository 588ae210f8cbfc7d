"""Tests of image folders: one folder per class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import nnkit
from nnkit.data.sources.image_folder import ImageFolder
from nnkit.data.splits import Split, split_dataset
from nnkit.errors import DataError
from tests.data.small import small_config

COLOURS = {"green": (0, 200, 0), "red": (200, 0, 0)}


def paint(folder: Path, counts: dict[str, int]) -> Path:
    """Creates a folder per colour, with a number of pictures in different sizes and formats."""
    for name, count in counts.items():
        (folder / name).mkdir(parents=True)
        for i in range(count):
            suffix = (".png", ".jpg", ".bmp")[i % 3]
            Image.new("RGB", (10 + i, 20), COLOURS[name]).save(folder / name / f"{i}{suffix}")
    return folder


def test_folders_are_classes(tmp_path: Path) -> None:
    root = paint(tmp_path, {"red": 3, "green": 2})
    (root / "red" / "notes.txt").write_text("no picture")
    (root / "red" / "._0.png").write_text("no picture either")
    (root / ".cache").mkdir()
    dataset = ImageFolder(path=str(root), size=(6, 4)).load()
    assert dataset.classes == ("green", "red")
    assert dataset.samples.inputs.shape == (5, 1, 6, 4)
    assert dataset.samples.inputs.dtype == np.uint8
    assert np.asarray(dataset.samples.targets).tolist() == [0, 0, 1, 1, 1]
    assert dataset.test is None


def test_every_picture_keeps_its_path_through_the_split(tmp_path: Path) -> None:
    dataset = ImageFolder(path=str(paint(tmp_path, {"red": 3, "green": 2})), size=(4, 4)).load()
    sets = split_dataset(dataset, Split(validation=0, test=2), seed=0)
    paths = []
    for samples in sets.values():
        assert samples.origins is not None
        for path, target in zip(
            np.asarray(samples.origins), np.asarray(samples.targets), strict=True
        ):
            assert Path(path).parent.name == ("green", "red")[target]
            paths.append(Path(path))
    assert sorted(paths) == sorted(path for path in tmp_path.rglob("*") if path.is_file())


def test_colours_stay_apart(tmp_path: Path) -> None:
    root = paint(tmp_path, {"red": 3, "green": 3})
    dataset = ImageFolder(path=str(root), size=(5, 5), mode="rgb").load()
    means = np.asarray(dataset.samples.inputs).mean(axis=(2, 3))
    np.testing.assert_allclose(means[:3], [COLOURS["green"]] * 3, atol=2)
    np.testing.assert_allclose(means[3:], [COLOURS["red"]] * 3, atol=2)


def test_a_test_folder_is_the_test_set(tmp_path: Path) -> None:
    paint(tmp_path / "train", {"red": 2, "green": 2})
    paint(tmp_path / "test", {"red": 1})
    dataset = ImageFolder(path=str(tmp_path)).load()
    assert dataset.classes == ("green", "red")
    assert np.asarray(dataset.samples.targets).tolist() == [0, 0, 1, 1]
    assert dataset.test is not None
    assert np.asarray(dataset.test.targets).tolist() == [1]


def test_an_empty_test_folder_is_refused(tmp_path: Path) -> None:
    paint(tmp_path / "train", {"red": 2, "green": 2})
    (tmp_path / "test").mkdir()
    with pytest.raises(DataError, match="test: no pictures in folders named green, red"):
        ImageFolder(path=str(tmp_path)).load()


def test_a_picture_is_predicted_as_it_was_trained_on(tmp_path: Path) -> None:
    root = paint(tmp_path / "pictures", {"red": 12, "green": 12})
    source = {"image_folder": {"path": str(root), "mode": "rgb", "size": [4, 4]}}
    model = nnkit.train(small_config(source, preprocess=["scale"]), runs=tmp_path).load()
    dataset = model.config.data.source.load()
    np.testing.assert_array_equal(
        model.read_picture(root / "red" / "0.png")[0], np.asarray(dataset.samples.inputs)[12]
    )


def test_an_unreadable_picture_is_named(tmp_path: Path) -> None:
    root = paint(tmp_path, {"red": 3, "green": 3})
    broken = root / "red" / "1.png"
    broken.write_text("not a picture")
    with pytest.raises(DataError, match=r"not a picture in a supported format .PNG") as caught:
        ImageFolder(path=str(root)).load()
    assert str(caught.value).startswith(str(broken))


def test_a_labelled_folder_has_classes_that_are_known(tmp_path: Path) -> None:
    source = ImageFolder(path=str(paint(tmp_path / "a", {"red": 3, "green": 2})))
    samples = source.read_labelled(paint(tmp_path / "b", {"red": 1}), (), "", ("green", "red"))
    assert np.asarray(samples.targets).tolist() == [1]
    assert samples.origins is not None
    assert samples.origins[:][0] == str(tmp_path / "b" / "red" / "0.png")
    with pytest.raises(DataError, match="does not know the class green; it was trained on blue"):
        source.read_labelled(tmp_path / "a", (), "", ("blue", "red"))
