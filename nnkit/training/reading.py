"""A trained model reads pictures: the one place where segmentation meets a network."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nnkit.data.digits import check_shape
from nnkit.data.pictures import open_picture
from nnkit.data.segment import REJECT, Networks, Reading, read_picture
from nnkit.data.segment.stages import Stages
from nnkit.errors import DataError
from nnkit.nn.params import Array
from nnkit.pretrained import JUDGE

if TYPE_CHECKING:
    from nnkit.training.trained import TrainedModel


def read(
    model: TrainedModel, path: Path, reject: float | None = None, stages: Stages | None = None
) -> Reading:
    """Reads the digits in a picture.

    Args:
        model: one that tells classes by grey images.
        path: the picture.
        reject: as for `read_picture`.
        stages: likewise.

    Raises:
        DataError: not a picture, or the model reads none.
    """
    source = model.config.data.source
    if not source.reads_digits or model.classes is None:
        raise DataError(f"{path}: this model reads no digits; it was trained on {source.tag()}")
    size = check_shape(path, model.raw_shape)
    return read_picture(
        open_picture(path),
        networks_of(model, size),
        REJECT if reject is None else reject,
        stages,
        certain=model.gives_probabilities,
    )


def networks_of(model: TrainedModel, size: tuple[int, int]) -> Networks:
    """The model and the judge that comes with the package, as `read_picture` takes them."""
    assert model.classes is not None
    return Networks(
        lambda images: probabilities(model, images), _judge().outputs, model.classes, size
    )


@cache
def _judge() -> TrainedModel:
    from nnkit.training.trained import load_checkpoint

    return load_checkpoint(JUDGE)


def probabilities(model: TrainedModel, images: Array) -> Array:
    """The probability of each class, (n, classes); 0 and 1 where the model only decides.

    Args:
        model: of grey images.
        images: (n, H, W), uint8.
    """
    given = model.probabilities(images)
    if given is None:
        given = model.predict(images)[:, None] == np.array(model.classes)
    return np.asarray(given, dtype=np.float64)
