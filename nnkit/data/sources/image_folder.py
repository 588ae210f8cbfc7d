"""Pictures in folders, one folder per class."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from nnkit.config.spec import Count, FilePath, Listed
from nnkit.data.dataset import Array, Dataset, Samples
from nnkit.data.sources.source import Source, existing
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
    range: Annotated[tuple[float, float], Listed] | None = Field(
        None,
        description="Values of black and white in grey pictures with more than 8 bits per pixel; "
        "values beyond are clipped. Default: 0 and 65535 for 16 bits; floating-point and 32-bit "
        "pictures are refused.",
        examples=[[0, 1]],
    )

    @model_validator(mode="after")
    def _range_is_not_empty(self) -> Self:
        if self.range is not None and self.range[0] == self.range[1]:
            raise ValueError("range must be the two different values of black and white")
        return self

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

    def _read(self, root: Path, classes: tuple[str, ...]) -> Samples:
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
        from nnkit.data.pictures import full_scale, open_picture, within

        channels, height, width = shape
        levels = full_scale if self.range is None else within(*self.range)
        picture = open_picture(path, levels).convert("L" if channels == 1 else "RGB")
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
