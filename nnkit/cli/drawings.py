"""Pictures that `nnkit predict` writes: annotated copies, and the stages of reading."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from nnkit.cli.output_files import (
    check_no_input,
    check_output_file,
    check_replaceable,
    write_output,
)

if TYPE_CHECKING:
    from PIL.Image import Image

    from nnkit.inference.trained_model import TrainedModel
    from nnkit.reading.segmentation import Reading

STAGE = re.compile(r"\d\d-.*\.png")  # the name of a picture of a stage


@dataclass
class Drawings:
    """Writes annotated pictures and pictures of the reading stages.

    Attributes:
        annotated: the file given by `--annotate`, or, for several pictures, the folder.
        stages: the folder of `--debug-dir`.
        several: whether there may be more than one picture.
    """

    annotated: Path | None
    stages: Path | None
    several: bool
    _taken: set[str] = field(default_factory=set)

    def check(self, models: Iterable[TrainedModel], files: Sequence[Path]) -> None:
        """Checks that the drawings can be written, and that a model reads digits.

        Args:
            models: the models in use.
            files: the inputs.

        Raises:
            UsageError: no model reads digits, or a drawing would overwrite a file.
        """
        from nnkit.errors import UsageError
        from nnkit.reading.reader import can_read_digits  # imports Pillow

        if self.annotated is None and self.stages is None:
            return
        if not any(map(can_read_digits, models)):
            raise UsageError("--annotate and --debug-dir are for models that read digits")
        if self.annotated is not None and not self.several:
            _check_suffix(self.annotated)
        names = list(map(self._name, files))
        self._taken.clear()
        targets = [*self._copies(names), *self._stage_files(names)]
        check_no_input(targets, files)
        for target in targets:
            check_replaceable(target)

    def _copies(self, names: Iterable[str]) -> list[Path]:
        """The files of annotated copies."""
        if self.annotated is None:
            return []
        if self.several:
            return [self.annotated / f"{name}.png" for name in names]
        check_output_file(self.annotated)
        return [self.annotated]

    def _stage_files(self, names: Iterable[str]) -> Iterator[Path]:
        """Yields the existing pictures of stages."""
        if self.stages is None:
            return
        for folder in {self._stage_folder(self.stages, name) for name in names}:
            yield from (path for path in folder.glob("*.png") if STAGE.fullmatch(path.name))

    def _stage_folder(self, stages: Path, name: str) -> Path:
        return stages / name if self.several else stages

    def read(self, model: TrainedModel, file: Path, reject: float) -> Reading:
        """Reads a picture and writes the requested drawings."""
        from nnkit.data.pictures import open_picture, spread
        from nnkit.reading.reader import read_digits
        from nnkit.reading.segmentation.annotate import annotated
        from nnkit.reading.segmentation.stages import StageFiles, Stages

        name = self._name(file)
        folder = self.stages and self._stage_folder(self.stages, name)
        stages = StageFiles(folder, write_output) if folder else Stages()
        reading = read_digits(file, model, reject, stages)
        if self.annotated:
            target = self.annotated / f"{name}.png" if self.several else self.annotated
            target.parent.mkdir(parents=True, exist_ok=True)
            _save(annotated(open_picture(file, spread), reading), target)
        return reading

    def _name(self, file: Path) -> str:
        """The file's name without its suffix, numbered if the name was used before."""
        name, number = file.stem, 1
        while name in self._taken:
            number += 1
            name = f"{file.stem}-{number}"
        self._taken.add(name)
        return name


def _check_suffix(path: Path) -> None:
    from nnkit.data.pictures import SUFFIXES
    from nnkit.errors import UsageError

    if not path.suffix:
        raise UsageError(f"{path}: give a picture file, such as {path}.png")
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{path}: the name of a picture must end in .png, .jpg, .webp or .tif")


def _save(picture: Image, target: Path) -> None:
    from PIL.Image import registered_extensions

    content = BytesIO()
    picture.save(content, format=registered_extensions()[target.suffix.lower()])
    write_output(target, content.getvalue())
