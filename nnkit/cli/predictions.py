"""Predictions as `nnkit predict` gives them: as lines, as JSON, and as a CSV file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from typing import TYPE_CHECKING, Any

from nnkit.cli.drawings import Drawings
from nnkit.cli.prediction_writer import Prediction, PredictionWriter
from nnkit.cli.standard_input import Input

if TYPE_CHECKING:
    from nnkit.data.dataset import Array
    from nnkit.data.sources.source import TableRows
    from nnkit.inference.trained_model import TrainedModel
    from nnkit.reading.segmentation import Digit

COLUMNS = ("path", "row", "line", "text", "confidence", "note", "error")  # of the CSV file
DIGITS = 9  # significant digits on the terminal, which distinguish any two float32 numbers
# The parts of a prediction with a number for each class, label or target, and their columns.
COLUMN_OF = {
    "probabilities": "probability",
    "predicted": "predicted",
    "probability": "probability",
    "output": "output",
}
NO_LABEL = "none"  # `text` of a row without any of the yes/no labels
EMPTY = "empty: nothing stands out from the background"  # `note` of a picture without digits


def predicted(
    model: TrainedModel, file: Input, kind: str, *, probabilities: bool
) -> Iterator[Prediction]:
    """Yields the prediction or the error for each row of a table, or for a picture as a whole.

    Args:
        model: the model.
        file: the file.
        kind: `pictures`, `csv`, `npy` or `npz`.
        probabilities: whether to add the probability of each class.

    Raises:
        DataError: the file as a whole cannot be read.
    """
    rows = _rows(model, file, kind)
    predictions = _predictions(model, file, rows, probabilities=probabilities)
    for i, prediction in enumerate(predictions):
        place: Prediction = {"path": file.name}
        if kind != "pictures":
            place["row"] = i + 1
        if kind == "csv":
            place["line"] = int(rows.lines[i])
        yield {**place, **prediction}


def _rows(model: TrainedModel, file: Input, kind: str) -> TableRows:
    """Reads a file as raw inputs (n, …)."""
    from nnkit.data.sources.source import TableRows
    from nnkit.errors import DataError

    if kind == "csv":
        return _table(model, file)
    if kind == "pictures":
        from nnkit.reading.reader import picture_as_input

        return TableRows(picture_as_input(model, file.path), (), {})
    found = _array(model, file, kind)
    if found.size == 0:
        raise DataError(f"{file.name}: an array of shape {found.shape} contains no samples")
    if found.shape == model.raw_shape:
        found = found[None]
    try:
        incomplete = model.incomplete(found)
    except DataError as error:
        raise DataError(f"{file.name}: {error}") from None
    return TableRows(
        found, (), {i: f"{file.name} row {i + 1}: {why}" for i, why in incomplete.items()}
    )


def _table(model: TrainedModel, file: Input) -> TableRows:
    """Reads the rows of a table; warnings name the file as the user does."""
    import warnings

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        rows = model.read_rows(file.path)
    for warning in caught:
        warnings.warn(file.named(str(warning.message)), warning.category, stacklevel=2)
    return rows


def _array(model: TrainedModel, file: Input, kind: str) -> Array:
    from nnkit.data.sources.arrays import read_npy, read_npz_inputs

    if kind == "npy":
        return read_npy(str(file.path))
    return read_npz_inputs(file.path, getattr(model.config.data.source, "inputs", "inputs"))


def _predictions(
    model: TrainedModel, file: Input, rows: TableRows, *, probabilities: bool
) -> list[Prediction]:
    """The prediction or the error of each row."""
    import numpy as np

    from nnkit.errors import DataError

    predictions: list[Prediction] = [{} for _ in rows.inputs]
    for i, message in rows.errors.items():
        predictions[i] = {"error": file.named(message)}
    usable = np.array([i for i, prediction in enumerate(predictions) if not prediction], dtype=int)
    try:
        found = predictions_of(model, rows.inputs[usable], probabilities=probabilities)
    except DataError:  # some outputs may be infinite, which is rare
        large = model.overflowing(rows.inputs[usable])
        for i, message in large.items():
            row = int(usable[i])
            lined = len(rows.lines) > 0
            where = f"{file.name}:{rows.lines[row]}" if lined else f"{file.name} row {row + 1}"
            predictions[row] = {"error": f"{where}: {message}"}
        usable = np.delete(usable, list(large))
        found = predictions_of(model, rows.inputs[usable], probabilities=probabilities)
    for i, prediction in zip(usable, found, strict=True):
        predictions[i] = prediction
    return predictions


def predictions_of(model: TrainedModel, X: Array, *, probabilities: bool) -> list[Prediction]:
    """The prediction for each of the raw inputs (n, …).

    Raises:
        DataError: the model cannot take a sample.
    """
    if not len(X):
        return []
    predictions: list[Prediction]
    values = model.predict(X)
    if model.labels is not None:
        predictions = _of_labels(model, values, model.outputs(X))
        for prediction in predictions if probabilities else ():
            prediction["probabilities"] = prediction[model.output_kind]
        return predictions
    if model.classes is None:
        return [_of_numbers(model, row) for row in values]
    predictions = [{"text": str(value)} for value in values]
    if (confidence := model.confidence(X)) is not None:
        for prediction, certain in zip(predictions, confidence, strict=True):
            prediction["confidence"] = _shortest(certain)
    if probabilities and (P := model.probabilities(X)) is not None:
        for prediction, shares in zip(predictions, P, strict=True):
            numbers = map(_shortest, shares)
            prediction["probabilities"] = dict(zip(model.classes, numbers, strict=True))
    return predictions


def _of_labels(model: TrainedModel, values: Array, outputs: Array) -> list[Prediction]:
    """The yes/no labels (n, labels) of each sample by name, with the outputs they come from."""
    names = model.target_names
    return [
        {
            "text": ", ".join(name for name, yes in zip(names, row, strict=True) if yes)
            or NO_LABEL,
            "predicted": {name: int(yes) for name, yes in zip(names, row, strict=True)},
            model.output_kind: dict(zip(names, map(_shortest, given), strict=True)),
        }
        for row, given in zip(values, outputs, strict=True)
    ]


def _of_numbers(model: TrainedModel, values: Array) -> Prediction:
    """The prediction of numbers (outputs,); several are also given by name."""
    numbers = list(map(_shortest, values))
    prediction: Prediction = {"values": numbers, "text": " ".join(map(repr, numbers))}
    if len(numbers) > 1:
        prediction["predicted"] = dict(zip(model.target_names, numbers, strict=True))
    return prediction


def _shortest(value: Any) -> float:
    """The number with the fewest digits that is the same number in its type, such as float32."""
    return float(str(value))


def read_digits(model: TrainedModel, file: Input, reject: float, drawings: Drawings) -> Prediction:
    """Reads all digits in a picture and writes the requested drawings."""
    reading = drawings.read(model, file.path, reject)
    prediction: Prediction = {"path": file.name, "text": reading.text}
    if reading.confidence is not None:
        prediction["confidence"] = round(reading.confidence, 6)
    prediction["digits"] = [_digit(digit) for digit in reading.digits]
    if not reading.digits:
        prediction["note"] = EMPTY
    return prediction


def _digit(digit: Digit) -> Prediction:
    found: Prediction = {"label": digit.label}
    if digit.confidence is not None:
        found["confidence"] = round(digit.confidence, 6)
    found["box"] = list(digit.box)
    if digit.label != digit.guess:
        found["guess"] = digit.guess
    return found


class SamplePredictionWriter(PredictionWriter):
    """Writes the predictions for pictures, rows of tables and arrays."""

    def lines(self, prediction: Prediction) -> Iterable[str]:
        return () if "error" in prediction else (_shown(prediction),)

    def csv(self, predictions: Sequence[Prediction]) -> str:
        return _as_csv(predictions)


def _shown(prediction: Prediction) -> str:
    """Formats a prediction as one line; lines within a picture are separated by a slash."""
    row = f" row {prediction['row']}" if "row" in prediction else ""
    text = prediction.get("note") or prediction["text"].replace("\n", " / ")
    if "values" in prediction:
        text = "  ".join(f"{value:,.{DIGITS}g}" for value in prediction["values"])
    certain = prediction.get("confidence")
    percent = f"  {100 * certain:.1f} %" if certain is not None else ""
    shares = prediction.get("probabilities", {})
    each = "".join(f"  {name} {100 * share:.1f} %" for name, share in shares.items())
    return f"{prediction['path']}{row}: {text}{each or percent}"


def _as_csv(predictions: Sequence[Prediction]) -> str:
    """The predictions as CSV: `COLUMNS`, then those of each class or, if several, each number."""
    import csv

    rows = [{**prediction, **columns_of(prediction)} for prediction in predictions]
    added = dict.fromkeys(name for prediction in predictions for name in columns_of(prediction))
    content = StringIO(newline="")
    writer = csv.DictWriter(content, (*COLUMNS, *added), extrasaction="ignore", restval="")
    writer.writeheader()
    writer.writerows(rows)
    return content.getvalue()


def columns_of(prediction: Prediction) -> dict[str, float]:
    """The numbers of a prediction that have columns of their own, by the name of the column."""
    return {
        f"{COLUMN_OF[part]}_{name}": value
        for part in COLUMN_OF
        for name, value in prediction.get(part, {}).items()
    }
