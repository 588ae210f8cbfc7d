"""The part of `nnkit predict` that is for pictures, rows of tables and arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from nnkit.cli.drawings import Drawings
from nnkit.cli.prediction_inputs import PICTURES, check_exists, kind_of
from nnkit.cli.prediction_options import PictureOptions, PredictionOutput
from nnkit.cli.prediction_writer import Prediction
from nnkit.cli.predictions import SamplePredictionWriter, predicted, read_digits
from nnkit.cli.standard_input import Input
from nnkit.cli.streams import output_failure

if TYPE_CHECKING:
    from nnkit.inference.trained_model import TrainedModel


def predict_samples(
    networks: Mapping[str, TrainedModel],
    files: Sequence[Input],
    of_pictures: PictureOptions,
    output: PredictionOutput,
    *,
    several: bool,
) -> bool:
    """Predicts for pictures and rows, one by one; returns whether all of them could be read.

    Args:
        networks: the model for each kind of file.
        files: the files.
        of_pictures: the options for pictures.
        output: what is given for each sample, and where.
        several: whether there may be more than one picture.

    Raises:
        UsageError: an option does not suit the models, or would overwrite a file.
    """
    from nnkit.errors import UsageError
    from nnkit.reading.segmentation import REJECT

    drawings = Drawings(of_pictures.annotate, of_pictures.debug_dir, several)
    drawings.check(networks.values(), [file.path for file in files])
    reject = of_pictures.reject
    if reject is not None and not any(map(_can_read_digits, networks.values())):
        raise UsageError("--reject is for models that read digits")
    output.check_probabilities(networks.values())
    writer = SamplePredictionWriter(output.as_json, output.table)
    least = REJECT if reject is None else reject
    for prediction in _predictions(networks, files, least, drawings, output.probabilities):
        writer.tell(prediction)
        if output_failure() and not (output.table or of_pictures.annotate or of_pictures.debug_dir):
            break  # the reader has gone, and no other output was requested
    writer.finish()
    return not writer.failed


def _predictions(
    networks: Mapping[str, TrainedModel],
    files: Sequence[Input],
    reject: float,
    drawings: Drawings,
    probabilities: bool,
) -> Iterator[Prediction]:
    """Yields a prediction for each picture or row, or an error for each unusable one."""
    from nnkit.errors import DataError

    for file in files:
        kind = kind_of(file.path)
        model = networks[kind]
        try:
            check_exists(file.path)
            if kind == PICTURES and _can_read_digits(model) and not probabilities:
                yield read_digits(model, file, reject, drawings)
            else:
                yield from predicted(model, file, kind, probabilities=probabilities)
        except DataError as error:
            yield {"path": file.name, "error": file.named(str(error))}


def _can_read_digits(model: TrainedModel) -> bool:
    from nnkit.reading.reader import can_read_digits  # imports Pillow

    return can_read_digits(model)
