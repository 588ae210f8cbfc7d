"""Pictures in folders, one folder per class."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from nnkit.config.spec import Count, FilePath, Listed
from nnkit.data.class_numbers import check_known_classes
from nnkit.data.dataset import Array, Dataset, Samples
from nnkit.data.folder_files import files_in
from nnkit.data.sources.source import ExpectedData, Source, existing
from nnkit.errors import DataError

if TYPE_CHECKING:
    from PIL import Image

VALIDATION = ("val", "valid", "validation")  # names in use for the folder of a validation set
COMMON = frozenset({".txt", ".md"})  # files beside pictures that need no mention
COMMON_NAMES = frozenset({"thumbs.db", "desktop.ini"})
NAMED = 5  # unreadable pictures, and kinds of left-out files, that are listed


class ImageFolder(Source):
    """Pictures in one folder per class, such as path/cat/1.png, all resized to one size.

    Class folders are read to any depth. If path has a folder train, it contains the class folders,
    and so do test and val (or valid, validation), if they exist, for the test and the validation
    set.
    """

    kind: Literal["image_folder"] = "image_folder"
    path: FilePath = Field(description="The folder.", examples=["pictures"])
    size: Annotated[tuple[Count, Count], Listed] = Field(
        (28, 28), description="Height and width to which each picture is resized, in pixels."
    )
    mode: Literal["grey", "rgb"] = Field("grey", description="One channel, or three.")
    fit: Literal["stretch", "pad", "crop"] = Field(
        "stretch",
        description="How a picture of another shape becomes `size`: stretched, which changes its "
        "proportions; padded with black; or cropped to the middle.",
    )
    range: Annotated[tuple[float, float], Listed] | None = Field(
        None,
        description="Values of black and white in grey pictures with more than 8 bits per pixel; "
        "values beyond are clipped. Default: 0 and 65535 for 16 bits; floating-point and 32-bit "
        "pictures are refused.",
        examples=[[0, 1]],
    )
    unreadable: Literal["error", "drop"] = Field(
        "error",
        description="Pictures that cannot be read, such as damaged ones: an error, or left out, "
        "with a message that names them.",
    )
    validation: FilePath | None = Field(
        None, description="Another folder with a validation set, in folders of the same classes."
    )
    test: FilePath | None = Field(None, description="The same with a test set.")

    @model_validator(mode="after")
    def _range_is_not_empty(self) -> Self:
        if self.range is not None and self.range[0] == self.range[1]:
            raise ValueError("range must be the two different values of black and white")
        return self

    def read(self) -> Dataset:
        root = existing(self.path, "folder")
        places, notices = _sets_of(root, has_test=self.test is not None)
        classes = _classes(places["train"])
        found = {}
        for name, place in places.items():
            if extra := set(_folders(place)) - set(classes):
                names = ", ".join(sorted(extra))
                raise DataError(f"{place}: has folders that are not in {places['train']}: {names}")
            found[name] = _found(place, classes)
        others = [file for own in found.values() for file in own.others]
        sets, problems = {}, []
        for name, own in found.items():
            sets[name], own_problems = self._read(places[name], own, classes)
            problems += own_problems
        pictures = sum(len(own.pictures) for own in found.values())
        return Dataset(
            sets["train"],
            sets.get("test"),
            classes,
            validation=sets.get("validation"),
            notices=(*notices, *_left_out(root, others), *self._dropped(problems, pictures)),
        )

    def read_labelled(self, place: Path, expected: ExpectedData) -> Samples:
        root = existing(str(place), "folder")
        folders = _folders(root)
        classes = folders if expected.classes is None else expected.classes  # autoencoder: none
        check_known_classes([n for n in folders if n not in classes], classes, str(place))
        found = _found(root, classes)
        samples, problems = self._read(root, found, classes)
        dropped = self._dropped(problems, len(found.pictures))
        for notice in (*_left_out(root, found.others), *dropped):
            warnings.warn(notice, stacklevel=2)
        return samples

    def is_single_set(self, place: Path) -> bool:
        return not (place / "train").is_dir()

    def _read(self, root: Path, found: _Found, classes: Sequence[str]) -> tuple[Samples, list[str]]:
        """The pictures of a set that can be read, and what is wrong with the others.

        Raises:
            DataError: there are no pictures, or none that can be read.
        """
        files = found.pictures
        if not files:
            raise DataError(f"{root}: no pictures in folders named {', '.join(classes)}")
        shape = 1 if self.mode == "grey" else 3, *self.size
        inputs = np.empty((len(files), *shape), dtype=np.uint8)

        def read(i: int) -> str:
            try:
                inputs[i] = self.read_picture(files[i], shape)
            except DataError as error:
                return str(error)
            return ""

        with ThreadPoolExecutor(os.cpu_count()) as threads:  # decoding releases Python's lock
            outcomes = list(threads.map(read, range(len(files))))
        problems = [problem for problem in outcomes if problem]
        if len(problems) == len(files):
            raise DataError(f"{root}: no picture can be read: {_some(problems)}")
        samples = Samples(
            inputs,
            np.array(found.targets, dtype=np.int64),
            origins=np.array([str(file) for file in files]),
        )
        if problems:
            samples = samples.take(np.flatnonzero([not problem for problem in outcomes]))
        return samples, problems

    def _dropped(self, problems: Sequence[str], pictures: int) -> Iterator[str]:
        """Yields a sentence about pictures that cannot be read, if they may be left out.

        Raises:
            DataError: they may not.
        """
        if problems and self.unreadable == "error":
            them = "it" if len(problems) == 1 else "them"
            raise DataError(
                f"{_some(problems)}; repair or remove {them}, or set data.source.unreadable: drop "
                "to leave out such pictures"
            )
        if problems:
            verb = "is" if len(problems) == 1 else "are"
            yield (
                f"{len(problems):,} of {pictures:,} pictures cannot be read and {verb} left out "
                f"(unreadable: drop): {_some(problems)}"
            )

    def read_picture(self, path: Path, shape: tuple[int, ...]) -> Array:
        from nnkit.data.pictures import full_scale, open_picture, within

        channels, height, width = shape
        levels = full_scale if self.range is None else within(*self.range)
        picture = open_picture(path, levels).convert("L" if channels == 1 else "RGB")
        pixels = np.asarray(self._fitted(picture, (width, height)), dtype=np.uint8)
        return pixels[None] if channels == 1 else np.moveaxis(pixels, -1, 0)

    def _fitted(self, picture: Image.Image, size: tuple[int, int]) -> Image.Image:
        from PIL import Image, ImageOps

        if self.fit == "pad":
            return ImageOps.pad(picture, size, Image.Resampling.BICUBIC)
        if self.fit == "crop":
            return ImageOps.fit(picture, size, Image.Resampling.BICUBIC)
        return picture.resize(size, Image.Resampling.BICUBIC)


@dataclass(frozen=True, slots=True)
class _Found:
    """The files that are found in the folder of a set.

    Attributes:
        pictures: the pictures in the class folders, by class and path.
        targets: the class number of each picture.
        others: files that are not pictures, without those that are common beside pictures.
    """

    pictures: list[Path]
    targets: list[int]
    others: list[Path]


def _found(root: Path, classes: Sequence[str]) -> _Found:
    """Finds the pictures in root/CLASS for each class, to any depth.

    Raises:
        DataError: a class folder exists, but contains no pictures.
    """
    from nnkit.data.pictures import SUFFIXES

    found = _Found([], [], [file for file in root.iterdir() if file.is_file()])
    for number, name in enumerate(classes):
        files = list(files_in(root / name))
        pictures = [file for file in files if file.suffix.lower() in SUFFIXES]
        if not pictures and (root / name).is_dir():
            raise DataError(f"{root / name}: no pictures in it ({', '.join(sorted(SUFFIXES))})")
        found.pictures.extend(pictures)
        found.targets.extend([number] * len(pictures))
        found.others.extend(file for file in files if file.suffix.lower() not in SUFFIXES)
    return found


def _left_out(root: Path, others: Sequence[Path]) -> Iterator[str]:
    """Yields a sentence for each folder and kind of files that are not read."""
    noted = [file for file in others if not _is_common(file)]
    kinds = Counter((str(file.parent.relative_to(root)), file.suffix.lower()) for file in noted)
    for (folder, suffix), count in list(kinds.items())[:NAMED]:
        files = f"{count:,} {suffix or 'unsuffixed'} file{'s' * (count != 1)}"
        verb = "was" if count == 1 else "were"
        yield f"{files} in {root / folder} {verb} left out: not a supported picture format"
    rest = sum(list(kinds.values())[NAMED:])
    if rest:
        yield f"{rest:,} more files in {root} were left out, in other folders or formats"


def _some(problems: Sequence[str]) -> str:
    """The first of several problems, and how many there are besides."""
    rest = len(problems) - NAMED
    return "; ".join(problems[:NAMED]) + (f"; and {rest:,} more" if rest > 0 else "")


def _is_common(file: Path) -> bool:
    name = file.name.lower()
    return name.startswith(".") or name in COMMON_NAMES or file.suffix.lower() in COMMON


def _sets_of(root: Path, *, has_test: bool) -> tuple[dict[str, Path], list[str]]:
    """The folder of each set, and sentences about what follows from them.

    Args:
        root: the folder that may contain them.
        has_test: whether the test set is in another folder.

    Raises:
        DataError: there are several folders for the validation set.
    """
    folders = _folders(root)
    validation = [name for name in VALIDATION if name in folders]
    others = [name for name in folders if name not in ("train", "test", *VALIDATION)]
    has_sets = "train" in folders and (validation or "test" in folders or not others)
    if not has_sets:
        return {"train": root}, []
    if len(validation) > 1:
        names = ", ".join(str(root / name) for name in validation)
        raise DataError(f"{names}: several folders for the validation set; keep one")
    notices = [f"{root / name} was left out: it is not a set (train, val, test)" for name in others]
    places = {"train": root / "train"}
    if validation:
        places["validation"] = root / validation[0]
        notices.append(f"{places['validation']} holds the validation set; none is split off train")
    if "test" in folders:
        places["test"] = root / "test"
    elif not has_test:
        notices.append(f"{root} has no folder test, so data.split.test is split off train")
    return places, notices


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
