"""`nnkit predict`: predictions of a trained network for pictures, table rows, arrays or texts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nnkit.cli.options import CheckpointOption, JsonOption, RunsOption, argument
from nnkit.cli.output_files import check_no_input
from nnkit.cli.predict_samples import predict_samples
from nnkit.cli.predict_texts import predict_texts
from nnkit.cli.prediction_inputs import (
    check_is_data,
    each_file,
    networks_for,
)
from nnkit.cli.prediction_options import (
    AnnotateOption,
    PictureOptions,
    PredictionOutput,
    PredictionsOption,
    ProbabilitiesOption,
    RejectOption,
    StagesOption,
)
from nnkit.cli.text_options import (
    AttentionOption,
    BeamOption,
    DecodingOption,
    MaxLengthOption,
    NBestOption,
    ScoresOption,
    SeedOption,
    TemperatureOption,
    TextOption,
    TextOptions,
)

if TYPE_CHECKING:
    from nnkit.inference.trained_model import TrainedModel


def _renamed(value: str | None) -> None:
    from nnkit.errors import UsageError

    if value is not None:
        raise UsageError(f"--csv is now called --output, or -o: -o {value}")


def predict(
    inputs: Annotated[list[Path] | None, argument("FILE|FOLDER|-")] = None,
    text: TextOption = None,
    checkpoint: CheckpointOption = None,
    runs: RunsOption = Path("runs"),
    probabilities: ProbabilitiesOption = False,
    as_json: JsonOption = False,
    output: PredictionsOption = None,
    annotate: AnnotateOption = None,
    debug_dir: StagesOption = None,
    reject: RejectOption = None,
    decoding: DecodingOption = None,
    beam: BeamOption = None,
    n_best: NBestOption = None,
    scores: ScoresOption = False,
    temperature: TemperatureOption = None,
    seed: SeedOption = None,
    max_length: MaxLengthOption = None,
    attention: AttentionOption = None,
    _csv: Annotated[
        str | None, typer.Option("--csv", hidden=True, callback=_renamed, metavar="FILE")
    ] = None,
) -> None:
    """Predict from pictures, rows of tables, arrays, or texts.

    Each FILE is a picture, a table (.csv, .tsv, any delimited text) with one sample per row, a
    .npy or .npz file with one sample per entry, or, for models of texts, a text file with one text
    per line; a FOLDER stands for the pictures in it, and - for one such file from standard input.

    Without --checkpoint, pictures are read by the pretrained digit reader: any number of digits, of
    any size, dark on light or light on dark, in several lines. For tables, arrays and texts, the
    most recent run that was trained on such data is used; of tables, one whose columns are there.

    For texts there is exactly one line of output for each line of input; a blank line gives an
    empty line, and so does a line that cannot be read.

    A file, row or line that cannot be read does not stop the others; the exit code is then 3.
    """
    from nnkit.cli.standard_input import opened_inputs
    from nnkit.errors import DataError, UsageError

    paths = inputs or []
    if bool(paths) == bool(text):
        raise UsageError("give either files (- for standard input) or --text WORDS")
    of_pictures = PictureOptions(annotate, debug_dir, reject)
    of_texts = TextOptions(
        text or None, decoding, beam, n_best, scores, temperature, seed, max_length, attention
    )
    with opened_inputs(paths) as opened:
        files = list(each_file(opened))
        for file in files:
            check_is_data(file.path)
        check_no_input([output, attention], [file.path for file in files])
        networks = networks_for(opened, checkpoint, runs, of_texts=bool(text))
        model = _only_text_model(networks)
        wanted = PredictionOutput(as_json, output, probabilities)
        if model is not None:
            of_pictures.refuse()
            is_complete = predict_texts(model, files, of_texts, wanted)
        else:
            of_texts.refuse()
            several = len(paths) > 1 or opened[0].path.is_dir()
            is_complete = predict_samples(networks, files, of_pictures, wanted, several=several)
    if not is_complete:
        raise typer.Exit(DataError.exit_code)


def _only_text_model(networks: Mapping[str, TrainedModel]) -> TrainedModel | None:
    """The model of texts, if all inputs are for one; None if none of them is.

    Raises:
        UsageError: some inputs are for a model of texts, others are not.
    """
    from nnkit.errors import UsageError

    of_texts = [model for model in networks.values() if model.coding is not None]
    if of_texts and len(of_texts) < len(networks):
        raise UsageError("texts and other files cannot be predicted together; use two commands")
    return of_texts[0] if of_texts else None
