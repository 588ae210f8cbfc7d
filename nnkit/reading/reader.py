"""Reads pictures with a trained model; the only module that combines segmentation and networks."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from nnkit.data.pictures import open_picture, spread
from nnkit.errors import DataError
from nnkit.inference.saving import load_checkpoint
from nnkit.inference.trained_model import TrainedModel
from nnkit.nn.params import Array
from nnkit.reading.pretrained import DIGITS, IN_PICTURES, VERIFIER
from nnkit.reading.segmentation import REJECT, Networks, Reading, read_picture
from nnkit.reading.segmentation.path import TINY
from nnkit.reading.segmentation.stages import Stages
from nnkit.reading.single import check_shape, read_digit

IN_PICTURES_WEIGHT = 0.7  # of the network for digits in pictures; the other one knows no print


def read_digits(
    path: str | Path,
    model: TrainedModel | None = None,
    reject: float = REJECT,
    stages: Stages | None = None,
) -> Reading:
    """Reads the digits in a picture: text, lines, and for each digit a confidence and a box.

    Args:
        path: the picture.
        model: the network that recognizes single digits; default: the pretrained one.
        reject: the lowest probability of a digit; below it, a symbol is read as `?`.
        stages: receives the picture after each stage, such as `StageFiles(folder)`.

    Raises:
        DataError: the file is not a picture, or the model was not trained on images of digits.
    """
    path, model = Path(path), model or _included(DIGITS)
    if not can_read_digits(model):
        remedy = (
            "; if it was trained on images of digits like MNIST's, set data.source.images: digits "
            "and train again"
        )
        can = model.config.data.source.has_setting("images")
        raise DataError(f"{path}: this model does not read digits{remedy if can else ''}")
    size = check_shape(path, model.raw_shape)
    return read_picture(
        open_picture(path, spread),
        networks_of(model, size),
        reject,
        stages,
        certain=model.gives_probabilities,
    )


def can_read_digits(model: TrainedModel) -> bool:
    """Whether `read_digits` can use a model: a classifier of images of digits."""
    return model.classes is not None and model.config.data.source.has_digits


def picture_as_input(model: TrainedModel, path: Path) -> Array:
    """Reads a picture as a raw input (1, *raw_shape), for a model of digits in the form of MNIST.

    For other models it is read in the same way as by their data source.

    Raises:
        DataError: the file is not a picture, or the model does not take pictures.
    """
    if model.config.data.source.has_digits:
        return read_digit(path, model.raw_shape)[None]
    return model.read_picture(path)


def networks_of(model: TrainedModel, size: tuple[int, int]) -> Networks:
    """Combines the model and the pretrained verifier for `read_picture`.

    The included model is combined with a second one, which was trained on digits in pictures.
    """
    assert model.classes is not None

    def classify(images: Array) -> Array:
        P = probabilities(model, images)
        if not _is_included(model):
            return P
        return combined(P, probabilities(_included(IN_PICTURES), images), IN_PICTURES_WEIGHT)

    return Networks(
        classify,
        _included(VERIFIER).outputs,
        model.classes,
        size,
    )


def _is_included(model: TrainedModel) -> bool:
    return model.info.get("sha256") == _included(DIGITS).info["sha256"]


@cache
def _included(path: Path) -> TrainedModel:
    return load_checkpoint(path)


def combined(P: Array, Q: Array, weight: float) -> Array:
    """The weighted geometric mean of two models' class probabilities, (n, classes).

    Args:
        P: the probabilities by the first model, (n, classes).
        Q: those by the second one.
        weight: the weight of the second one, 0 … 1.
    """
    logs = (1 - weight) * np.log(np.maximum(P, TINY)) + weight * np.log(np.maximum(Q, TINY))
    product = np.exp(logs)
    return np.asarray(product / product.sum(axis=1, keepdims=True))


def probabilities(model: TrainedModel, images: Array) -> Array:
    """The probability of each class, (n, classes); 0 or 1 if the model gives no probabilities.

    Args:
        model: a model of grey images.
        images: images (n, H, W), uint8.
    """
    given = model.probabilities(images)
    if given is None:
        given = model.predict(images)[:, None] == np.array(model.classes)
    return np.asarray(given, dtype=np.float64)
