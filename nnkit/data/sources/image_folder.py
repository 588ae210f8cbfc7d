"""Pictures in folders, one folder per class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from nnkit.config.spec import Count, FilePath, Listed
from nnkit.data.dataset import Array, Column, Dataset, Samples
from nnkit.data.sources.source import Source, check_known_classes, existing
from nnkit.data.tables.conversion import UnknownWords
from nnkit.errors import DataError


class ImageFolder(Source):
    """Pictures in one folder per class, such as path/cat/1.png, all resized to one size.

    If path/train and path/test exist, each of them contains the class folders.
    """

    kind: Literal["image_folder"] = "image_folder"
    path: FilePath = Field(description="The folder.", examples=["pictures"])
    size: Annotated[tuple[Count, Count], Listed] = Field(
        (28, 28), description="Height and width to which each picture is resized, in pixels."
    )
    mode: Literal["grey", "rgb"] = Field("grey", description="One channel, or three.")

    def load(self) -> Dataset:
        root = existing(self.path, "folder")
        train, test = root / "train", root / "test"
        if not (train.is_dir() and test.is_dir()):
            classes = _classes(root)
            return Dataset(self._read(root, classes), classes=classes)
        classes = _classes(train)
        if extra := set(_folders(test)) - set(classes):
            names = ", ".join(sorted(extra))
            raise DataError(f"{test}: has folders that are not in {train}: {names}")
        return Dataset(self._read(train, classes), self._read(test, classes), classes)

    def read_labelled(
        self,
        place: Path,
        columns: Sequence[Column],
        label: str,
        classes: Sequence[str] | None,
        *,
        unknown: UnknownWords = "error",
    ) -> Samples:
        root = existing(str(place), "folder")
        if classes is None:  # for an autoencoder, which has none
            return self._read(root, _folders(root))
        others = [name for name in _folders(root) if name not in classes]
        check_known_classes(others, classes, str(place))
        return self._read(root, classes)

    def _read(self, root: Path, classes: Sequence[str]) -> Samples:
        files = [
            (number, file) for number, name in enumerate(classes) for file in _pictures(root / name)
        ]
        if not files:
            raise DataError(f"{root}: no pictures in folders named {', '.join(classes)}")
        channels = 1 if self.mode == "grey" else 3
        inputs = np.empty((len(files), channels, *self.size), dtype=np.uint8)
        for i, (_, file) in enumerate(files):
            inputs[i] = self.read_picture(file, inputs.shape[1:])
        return Samples(
            inputs,
            np.array([number for number, _ in files], dtype=np.int64),
            origins=np.array([str(file) for _, file in files]),
        )

    def read_picture(self, path: Path, shape: tuple[int, ...]) -> Array:
        from nnkit.data.pictures import open_picture

        channels, height, width = shape
        picture = open_picture(path).convert("L" if channels == 1 else "RGB")
        pixels = np.asarray(picture.resize((width, height)), dtype=np.uint8)
        return pixels[None] if channels == 1 else np.moveaxis(pixels, -1, 0)


def _pictures(folder: Path) -> list[Path]:
    from nnkit.data.pictures import SUFFIXES

    if not folder.is_dir():  # a class without test samples
        return []
    files = [file for file in folder.iterdir() if not file.name.startswith(".")]
    found = sorted(file for file in files if file.suffix.lower() in SUFFIXES)
    if not found:
        raise DataError(f"{folder}: no pictures in it ({', '.join(sorted(SUFFIXES))})")
    return found


def _folders(root: Path) -> list[str]:
    if not root.is_dir():
        raise DataError(f"{root}: not a folder")
    names = [child.name for child in root.iterdir() if child.is_dir()]
    return sorted(name for name in names if not name.startswith("."))


def _classes(root: Path) -> tuple[str, ...]:
    names = _folders(root)
    if len(names) < 2:
        found = f"found only '{names[0]}'" if names else "found none"
        raise DataError(f"{root}: expected a folder for each of at least two classes, {found}")
    return tuple(names)
