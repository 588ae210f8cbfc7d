"""A trained model reads pictures: the one place where segmentation meets a network."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from nnkit.data.pictures import open_picture
from nnkit.errors import DataError
from nnkit.inference.trained_model import TrainedModel, load_checkpoint
from nnkit.nn.params import Array
from nnkit.reading.pretrained import DIGITS, VERIFIER
from nnkit.reading.segmentation import REJECT, Networks, Reading, read_picture
from nnkit.reading.segmentation.stages import Stages
from nnkit.reading.single import check_shape, read_digit

DIGIT_SOURCES = frozenset({"mnist", "idx"})  # kinds of data with images in MNIST's form


def read_digits(
    path: str | Path,
    model: TrainedModel | None = None,
    reject: float = REJECT,
    stages: Stages | None = None,
) -> Reading:
    """Reads the digits in a picture: text, lines, and for each digit a confidence and a box.

    Args:
        path: the picture.
        model: the network that recognizes single digits; by default the one that comes with nnkit.
        reject: the least probability of a digit; what is below is read as `?`.
        stages: receives the picture after each stage, such as `StageFiles(folder)`.

    Raises:
        DataError: not a picture, or the model was not trained on images of digits.
    """
    path, model = Path(path), model or _included(DIGITS)
    if not can_read_digits(model):
        source = model.config.data.source
        raise DataError(
            f"{path}: this model does not read digits; it was trained on {source.tag()}"
        )
    size = check_shape(path, model.raw_shape)
    return read_picture(
        open_picture(path),
        networks_of(model, size),
        reject,
        stages,
        certain=model.gives_probabilities,
    )


def can_read_digits(model: TrainedModel) -> bool:
    """Whether `read_digits` can use a model: a classifier of images of digits."""
    return model.classes is not None and _takes_digits(model)


def picture_as_input(model: TrainedModel, path: Path) -> Array:
    """A picture as one raw input (1, *raw_shape): a single digit in the form of MNIST's images.

    Models of other images read it as their data source reads its own.

    Raises:
        DataError: not a picture, or the model takes none.
    """
    if _takes_digits(model):
        return read_digit(path, model.raw_shape)[None]
    return model.read_picture(path)


def _takes_digits(model: TrainedModel) -> bool:
    return model.config.data.source.tag() in DIGIT_SOURCES


def networks_of(model: TrainedModel, size: tuple[int, int]) -> Networks:
    """The model and the verifier that comes with the package, as `read_picture` takes them."""
    assert model.classes is not None
    return Networks(
        lambda images: probabilities(model, images),
        _included(VERIFIER).outputs,
        model.classes,
        size,
    )


@cache
def _included(path: Path) -> TrainedModel:
    return load_checkpoint(path)


def probabilities(model: TrainedModel, images: Array) -> Array:
    """The probability of each class, (n, classes); 0 and 1 where the model only decides.

    Args:
        model: a model of grey images.
        images: (n, H, W), uint8.
    """
    given = model.probabilities(images)
    if given is None:
        given = model.predict(images)[:, None] == np.array(model.classes)
    return np.asarray(given, dtype=np.float64)
