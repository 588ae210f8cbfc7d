"""`nnkit predict`: predictions of a trained network for pictures, table rows, arrays or texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nnkit.cli.options import CheckpointOption, JsonOption, RunsOption, argument
from nnkit.cli.output_files import check_no_input
from nnkit.cli.predict_texts import TextOutput, predict_texts
from nnkit.cli.prediction_inputs import (
    PICTURES,
    check_exists,
    each_file,
    kind_of,
    networks_for,
)
from nnkit.cli.prediction_options import (
    AnnotateOption,
    AnswersOption,
    ProbabilitiesOption,
    RejectOption,
    StagesOption,
)
from nnkit.cli.standard_input import Input
from nnkit.cli.streams import output_failure
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
    chosen_decoding,
)

if TYPE_CHECKING:
    from nnkit.cli.drawings import Drawings
    from nnkit.cli.predictions import Answer
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
    output: AnswersOption = None,
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
    from nnkit.cli.drawings import Drawings
    from nnkit.cli.predictions import AnswerWriter
    from nnkit.cli.standard_input import opened_inputs
    from nnkit.errors import DataError, UsageError
    from nnkit.reading.segmentation import REJECT

    paths, texts = inputs or [], text or []
    if bool(paths) == bool(texts):
        raise UsageError("give either files (- for standard input) or --text WORDS")
    with opened_inputs(paths) as opened:
        files = list(each_file(opened))
        check_no_input([output, attention], [file.path for file in files])
        networks = networks_for(opened, checkpoint, runs, of_texts=bool(texts))
        if (model := _only_text_model(networks)) is not None:
            if annotate or debug_dir or reject is not None:
                raise UsageError("--annotate, --debug-dir and --reject are for pictures")
            if probabilities:
                _check_probabilities([model])
            method = chosen_decoding(model, decoding, beam, n_best, temperature, seed, max_length)
            numbered = n_best is not None
            wanted = TextOutput(as_json, output, probabilities, scores, numbered, attention)
            if not predict_texts(model, texts, files, method, wanted):
                raise typer.Exit(DataError.exit_code)
            return
        _check_no_text_options(
            text=texts,
            decoding=decoding,
            beam=beam,
            n_best=n_best,
            scores=scores or None,
            temperature=temperature,
            seed=seed,
            max_length=max_length,
            attention=attention,
        )
        drawings = Drawings(annotate, debug_dir, len(paths) > 1 or opened[0].path.is_dir())
        drawings.check(networks.values(), [file.path for file in files])
        if reject is not None and not any(map(_can_read_digits, networks.values())):
            raise UsageError("--reject is for models that read digits")
        if probabilities:
            _check_probabilities(networks.values())
        writer = AnswerWriter(as_json, output)
        for answer in _answers(
            networks, files, REJECT if reject is None else reject, drawings, probabilities
        ):
            writer.tell(answer)
            if output_failure() and not (output or annotate or debug_dir):
                break  # the reader has gone, and no other output was requested
        writer.finish()
    if writer.failed:
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


def _check_no_text_options(**options: object) -> None:
    """Raises a UsageError if an option is given that is for models of texts."""
    from nnkit.errors import UsageError

    for name, value in options.items():
        if value:
            raise UsageError(f"--{name.replace('_', '-')} is for models of texts; this is another")


def _check_probabilities(models: Iterable[TrainedModel]) -> None:
    """Raises a UsageError if a model gives no probabilities of classes or labels."""
    from nnkit.errors import UsageError

    for model in models:
        of_labels = model.labels is not None and model.output_kind == "probability"
        if not (model.gives_probabilities or of_labels):
            raise UsageError(
                "--probabilities is for models that predict classes or labels with probabilities; "
                f"{model.config.name} has none"
            )


def _answers(
    networks: Mapping[str, TrainedModel],
    files: Sequence[Input],
    reject: float,
    drawings: Drawings,
    probabilities: bool,
) -> Iterator[Answer]:
    """Yields a prediction for each picture or row, or an error for each unusable one."""
    from nnkit.cli.predictions import predicted, read_digits
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
