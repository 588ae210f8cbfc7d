"""MNIST: 70,000 handwritten digits of 28 × 28 grey values."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from nnkit.data.dataset import Dataset, Samples, check_pair, class_targets
from nnkit.data.idx import read_idx
from nnkit.data.sources.arrays import Idx, Npz
from nnkit.data.sources.source import ExpectedData, Source
from nnkit.errors import DataError
from nnkit.paths import cache_folder

FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)


class Mnist(Source):
    """MNIST (LeCun, Cortes & Burges): 60,000 training and 10,000 test images, (1, 28, 28).

    Searched for in $NNKIT_DATA, ./data and the user's cache; `nnkit data fetch mnist` downloads it.
    """

    kind: Literal["mnist"] = "mnist"

    @property
    def has_digits(self) -> bool:
        return True

    def is_single_set(self, place: Path) -> bool:
        return False

    def files(self) -> list[Path]:
        folder = find_mnist()
        return [] if folder is None else [folder / name for name in FILES]

    def read_labelled(self, place: Path, expected: ExpectedData) -> Samples:
        if place.suffix.lower() == ".npz":
            return Npz(path=str(place)).read_labelled(place, expected)
        images, labels = FILES[2:]
        pair = Idx(inputs=str(place / images), targets=str(place / labels))
        return pair.read_labelled(place, expected)

    def read(self) -> Dataset:
        folder = find_mnist()
        if folder is None:
            looked = ", ".join(str(place) for place in places())
            raise DataError(
                f"MNIST is not in any of {looked}; set NNKIT_DATA to the folder that contains "
                "mnist/, or download it with `nnkit data fetch mnist` (11 MB)"
            )
        train, test = (_read(folder, *FILES[i : i + 2]) for i in (0, 2))
        return Dataset(train, test, classes=tuple("0123456789"), label="digit")


def _read(folder: Path, images_file: str, labels_file: str) -> Samples:
    images_path, labels_path = folder / images_file, folder / labels_file
    try:
        images, labels = read_idx(images_path, dimensions=3), read_idx(labels_path, dimensions=1)
        if images.shape[1:] != (28, 28):
            raise DataError(f"{images_path}: images of {images.shape[1:]}, not (28, 28)")
        check_pair(images, labels, str(images_path), str(labels_path))
        return Samples(images[:, None], class_targets(labels, 10, str(labels_path)))
    except DataError as error:
        mended = f"`nnkit data fetch mnist --to {folder.parent}` replaces damaged files"
        raise DataError(f"{error}; {mended}") from None


def places() -> list[Path]:
    """The folders in which `mnist/` is searched for, in order."""
    chosen = os.environ.get("NNKIT_DATA")
    return [*([Path(chosen)] if chosen else []), Path("data"), cache_folder() / "data"]


def find_mnist() -> Path | None:
    """The first folder that contains the four files, or None."""
    for place in places():
        if all((place / "mnist" / name).is_file() for name in FILES):
            return place / "mnist"
    return None
