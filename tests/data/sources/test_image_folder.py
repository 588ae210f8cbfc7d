"""Tests of image folders: one folder per class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import nnkit
from nnkit.data.dataset import Dataset
from nnkit.data.sources.image_folder import NAMED, ImageFolder
from nnkit.data.sources.source import ExpectedData
from nnkit.data.splits import Split, split_dataset
from nnkit.errors import DataError, SettingError
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


def targets(dataset: Dataset) -> dict[str, list[int]]:
    """Returns the class numbers in each set that the source has."""
    sets = {"train": dataset.samples, "validation": dataset.validation, "test": dataset.test}
    return {name: np.asarray(own.targets).tolist() for name, own in sets.items() if own}


@pytest.mark.parametrize("name", ["val", "valid", "validation"])
def test_a_validation_folder_is_the_validation_set(name: str, tmp_path: Path) -> None:
    for part, counts in (("train", 4), (name, 2), ("test", 1)):
        paint(tmp_path / part, {"red": counts, "green": counts})
    dataset = ImageFolder(path=str(tmp_path)).load()
    assert targets(dataset) == {
        "train": [0] * 4 + [1] * 4,
        "validation": [0, 0, 1, 1],
        "test": [0, 1],
    }
    assert dataset.notices == (
        f"{tmp_path / name} holds the validation set; none is split off train",
    )
    sets = split_dataset(dataset, Split(), seed=0)
    assert {name: len(own) for name, own in sets.items()} == {
        "train": 8,
        "validation": 4,
        "test": 2,
    }
    assert "validation" not in split_dataset(dataset, Split(validation=0), seed=0)


def test_the_validation_set_is_part_of_the_fingerprint(tmp_path: Path) -> None:
    paint(tmp_path / "train", {"red": 2, "green": 2})
    paint(tmp_path / "val", {"red": 1, "green": 1})
    before = ImageFolder(path=str(tmp_path)).load().fingerprint()
    Image.new("L", (9, 9), 77).save(tmp_path / "val" / "red" / "0.png")
    assert ImageFolder(path=str(tmp_path)).load().fingerprint() != before


def test_without_a_test_folder_the_test_set_is_split_off_train(tmp_path: Path) -> None:
    paint(tmp_path / "train", {"red": 10, "green": 10})
    dataset = ImageFolder(path=str(tmp_path)).load()
    assert targets(dataset).keys() == {"train"}
    assert dataset.notices == (
        f"{tmp_path} has no folder test, so data.split.test is split off train",
    )
    assert len(split_dataset(dataset, Split(test=4), seed=0)["test"]) == 4


def test_two_validation_folders_are_refused(tmp_path: Path) -> None:
    for part in ("train", "val", "valid"):
        paint(tmp_path / part, {"red": 1, "green": 1})
    with pytest.raises(DataError, match=r"val, .*valid: several folders .*; keep one"):
        ImageFolder(path=str(tmp_path)).load()


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    for name in ("train", "plane"):
        paint(tmp_path / name, {"red": 1})
    dataset = ImageFolder(path=str(tmp_path)).load()
    assert (dataset.classes, dataset.notices) == (("plane", "train"), ())


def test_class_folders_are_read_to_any_depth(tmp_path: Path) -> None:
    paint(tmp_path, {"red": 2, "green": 2})
    paint(tmp_path / "red" / "more", {"green": 3})
    (tmp_path / "red" / "more" / "again").symlink_to(tmp_path / "red", target_is_directory=True)
    dataset = ImageFolder(path=str(tmp_path)).load()
    assert targets(dataset) == {"train": [0] * 2 + [1] * 5}


def test_files_left_out_are_counted(tmp_path: Path) -> None:
    root = paint(tmp_path / "pictures", {"red": 2, "green": 2})
    for name in ("a.heic", "b.HEIC", "c.avif", "readme.txt", "Thumbs.db", ".hidden.heic"):
        (root / "red" / name).write_text("")
    (root / "green" / "deep").mkdir()
    (root / "green" / "deep" / "LICENSE").write_text("")
    reason = "left out: not a supported picture format"
    assert ImageFolder(path=str(root)).load().notices == (
        f"1 unsuffixed file in {root / 'green' / 'deep'} was {reason}",
        f"2 .heic files in {root / 'red'} were {reason}",
        f"1 .avif file in {root / 'red'} was {reason}",
    )


def test_only_the_first_kinds_of_left_out_files_are_listed(tmp_path: Path) -> None:
    root = paint(tmp_path, {"red": 1, "green": 1})
    for i in range(9):
        (root / "red" / f"notes.{i}").write_text("")
    notes = ImageFolder(path=str(root)).load().notices
    assert len(notes) == NAMED + 1
    assert notes[-1].startswith(f"{9 - NAMED} more files in {root} were left out")


def test_folders_beside_the_sets_are_mentioned(tmp_path: Path) -> None:
    for part in ("train", "test", "labels"):
        paint(tmp_path / part, {"red": 1, "green": 1})
    notes = ImageFolder(path=str(tmp_path)).load().notices
    assert notes == (f"{tmp_path / 'labels'} was left out: it is not a set (train, val, test)",)


@pytest.mark.parametrize(
    ("fit", "left", "middle"), [("stretch", 200, 100), ("pad", 0, 100), ("crop", 100, 100)]
)
def test_the_aspect_ratio(fit: str, left: int, middle: int, tmp_path: Path) -> None:
    # Tall: white above and below, grey in the middle; turned, its ends are at the left and right.
    levels = np.full((20, 60), 100, np.uint8)
    levels[:, :16] = levels[:, -16:] = 200
    Image.fromarray(levels.T if fit == "pad" else levels).save(tmp_path / "wide.png")
    source = ImageFolder.model_validate({"path": str(tmp_path), "size": (12, 12), "fit": fit})
    pixels = source.read_picture(tmp_path / "wide.png", (1, 12, 12))[0]
    assert (pixels[6, 1], pixels[6, 6]) == (left, middle)


def test_the_range_of_deep_pictures(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 0.5], [1, 2]], np.float32)).save(tmp_path / "deep.tif")
    source = ImageFolder(path=str(tmp_path), size=(2, 2), range=(0, 2))
    found = source.read_picture(tmp_path / "deep.tif", (1, 2, 2))[0]
    assert found.tolist() == [[0, 64], [128, 255]]
    with pytest.raises(ValueError, match="two different values"):
        ImageFolder(path=str(tmp_path), range=(1, 1))


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_a_scene_gives_the_same_input_with_any_depth(dtype: str, tmp_path: Path) -> None:
    # The scene uses a part of the range, which must not be spread
    scene = np.random.default_rng(0).integers(20, 90, (30, 40)).astype(dtype)
    for name, grey in (("a", scene), ("b", scene + 100)):
        (tmp_path / name).mkdir()
        factor = 257 if dtype == "uint16" else 1
        Image.fromarray(grey * np.array(factor, dtype)).save(tmp_path / name / "0.png")
    inputs = np.asarray(ImageFolder(path=str(tmp_path), size=(30, 40)).load().samples.inputs)
    np.testing.assert_array_equal(inputs[:, 0], [scene, scene + 100])


def test_an_unreadable_picture_is_named(tmp_path: Path) -> None:
    root = paint(tmp_path, {"red": 3, "green": 3})
    broken = root / "red" / "1.png"
    broken.write_text("not a picture")
    with pytest.raises(DataError, match=r"not a picture in a supported format .PNG") as caught:
        ImageFolder(path=str(root)).load()
    assert str(caught.value).startswith(str(broken))
    assert "repair or remove it, or set data.source.unreadable: drop" in str(caught.value)


def test_unreadable_pictures_may_be_left_out(tmp_path: Path) -> None:
    root = paint(tmp_path / "own", {"red": 3, "green": 3})
    other = paint(tmp_path / "other", {"red": 2, "green": 2})
    for broken in (root / "red" / "1.jpg", other / "green" / "0.png"):
        broken.write_bytes(broken.read_bytes()[:30])
    source = ImageFolder(path=str(root), test=str(other), size=(4, 4), unreadable="drop")
    dataset = source.load()
    assert dataset.test is not None
    for samples, targets in ((dataset.samples, [0, 0, 0, 1, 1]), (dataset.test, [0, 1, 1])):
        assert np.asarray(samples.targets).tolist() == targets
        assert samples.origins is not None
        for path, target, (pixels,) in zip(
            np.asarray(samples.origins), targets, np.asarray(samples.inputs), strict=True
        ):
            assert Path(path).parent.name == ("green", "red")[target]
            np.testing.assert_array_equal(pixels, source.read_picture(Path(path), (1, 4, 4))[0])
    (own, held_out) = dataset.notices
    assert own.startswith("1 of 6 pictures cannot be read and is left out (unreadable: drop): ")
    assert (str(root / "red" / "1.jpg") in own, str(other / "green") in held_out) == (True, True)


def test_only_the_first_unreadable_pictures_are_listed(tmp_path: Path) -> None:
    root = paint(tmp_path, {"red": NAMED + 4, "green": 3})
    for broken in sorted((root / "red").iterdir())[1:]:
        broken.write_text("not a picture")
    with pytest.raises(DataError, match=r"; and 3 more; repair or remove them, or set") as caught:
        ImageFolder(path=str(root)).load()
    assert str(caught.value).count("not a picture in") == NAMED
    (root / "red" / "0.png").write_text("neither")
    for broken in (root / "green").iterdir():
        broken.write_text("")
    with pytest.raises(DataError, match="no picture can be read"):
        ImageFolder(path=str(root), unreadable="drop").load()


def test_a_labelled_folder_has_classes_that_are_known(tmp_path: Path) -> None:
    source = ImageFolder(path=str(paint(tmp_path / "a", {"red": 3, "green": 2})))
    samples = source.read_labelled(
        paint(tmp_path / "b", {"red": 1}), ExpectedData(classes=("green", "red"))
    )
    assert np.asarray(samples.targets).tolist() == [1]
    assert samples.origins is not None
    assert samples.origins[:][0] == str(tmp_path / "b" / "red" / "0.png")
    with pytest.raises(DataError, match="does not know the class green; it was trained on blue"):
        source.read_labelled(tmp_path / "a", ExpectedData(classes=("blue", "red")))


def test_held_out_sets_may_be_in_other_folders(tmp_path: Path) -> None:
    paint(tmp_path / "pictures", {"red": 3, "green": 2})
    other = paint(tmp_path / "other" / "test", {"red": 1, "green": 2})
    (other / "red" / "1.heic").write_text("not read")
    source = ImageFolder(path=str(tmp_path / "pictures"), size=(4, 4), test=str(other))
    dataset = source.load()
    assert dataset.test is not None
    assert np.asarray(dataset.test.targets).tolist() == [0, 0, 1]
    assert dataset.notices == (
        f"1 .heic file in {other / 'red'} was left out: not a supported picture format",
    )
    (other / "blue").mkdir()
    with pytest.raises(SettingError, match="does not know the class blue") as caught:
        source.load()
    assert caught.value.path == ("data", "source", "test")


def test_two_test_sets_are_an_error(tmp_path: Path) -> None:
    for name in ("train", "test", "more"):
        paint(tmp_path / name, {"red": 1, "green": 1})
    source = ImageFolder(path=str(tmp_path), size=(4, 4), test=str(tmp_path / "more"))
    with pytest.raises(SettingError, match="the data has its own test set; remove this setting"):
        source.load()
