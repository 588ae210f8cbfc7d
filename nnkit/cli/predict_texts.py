"""The part of `nnkit predict` that is for models of texts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nnkit.cli.lines import (
    TextLine,
    lines_of_file,
    lines_of_options,
    source_column,
    texts_of_table,
)
from nnkit.cli.output import say, say_wrapped
from nnkit.cli.predicted_lines import TextPredictionWriter, predicted_lines, say_about_lines
from nnkit.cli.prediction_options import PredictionOutput
from nnkit.cli.prediction_writer import Prediction
from nnkit.cli.standard_input import Input
from nnkit.cli.streams import output_failure
from nnkit.cli.text_options import TextOptions

if TYPE_CHECKING:
    from nnkit.data.sources.text_files import Pairs
    from nnkit.decoding import AnyDecoding
    from nnkit.inference.text_alignment import TextAlignment
    from nnkit.inference.trained_model import TrainedModel

TERMINAL = Path("-")  # the file of an attention that is printed


def predict_texts(
    model: TrainedModel, files: Sequence[Input], options: TextOptions, output: PredictionOutput
) -> bool:
    """Predicts from texts, line by line; returns whether all of them could be read.

    Args:
        model: a model of texts.
        files: the text files.
        options: the options for texts, among them texts on the command line.
        output: what is given for each line, and where.

    Raises:
        UsageError: the model cannot do what an option asks for.
    """
    from nnkit.errors import UsageError

    output.check_probabilities([model])
    method = options.decoding_method(model)
    if options.scores and not (model.writes or model.gives_probabilities):
        raise UsageError("--scores is for models that write texts or predict classes")
    lines, unreadable = _read(model, options.text or (), files)
    alignment = None
    if options.attention is not None:
        alignment = _alignment(model, lines, method)
    is_numbered = options.n_best is not None
    writer = TextPredictionWriter(output.as_json, output.table, options.scores, is_numbered)
    for prediction in unreadable:
        writer.tell(prediction)
    for prediction in predicted_lines(model, lines, method, probabilities=output.probabilities):
        writer.tell(
            prediction if alignment is None else prediction | {"attention": alignment.record()}
        )
        if output_failure() and not (output.table or options.attention):
            break  # the reader has gone, and no other output was requested
    writer.finish()
    if alignment is not None and options.attention is not None:
        _show(alignment, options.attention, as_json=output.as_json)
    say_about_lines(model, lines)
    return not writer.failed


def _read(
    model: TrainedModel, texts: Sequence[str], files: Sequence[Input]
) -> tuple[list[TextLine], list[Prediction]]:
    """The texts of the options and the files, and an error for each file that cannot be read."""
    from nnkit.data.sources.text_files import Pairs
    from nnkit.errors import DataError

    source = model.config.data.source
    lines, unreadable = list(lines_of_options(texts)), list[Prediction]()
    for file in files:
        try:
            if isinstance(source, Pairs) and source.reads_columns_of(Path(file.name)):
                lines += texts_of_table(file, source)
            elif isinstance(source, Pairs) and source.delimiter == "\t":
                lines += _sources(file, source)
            else:
                lines += lines_of_file(file)
        except DataError as error:
            unreadable.append({"path": file.name, "error": file.named(str(error))})
    return lines, unreadable


def _sources(file: Input, source: Pairs) -> list[TextLine]:
    """The lines of a file, or the sources on them if it is one of pairs."""
    whole = list(lines_of_file(file))
    lines = source_column(whole, source.source)
    if lines != whole:
        say_wrapped(
            f"{file.name}: of lines with tabs, column {source.source} is read, as in training"
        )
    return lines


def _alignment(
    model: TrainedModel, lines: Sequence[TextLine], method: AnyDecoding | None
) -> TextAlignment:
    """The attention with which the only text is translated.

    Raises:
        UsageError: there are several texts, or the model writes none.
        DataError: the model has no attention, or cannot take the text.
    """
    from nnkit.errors import DataError, UsageError
    from nnkit.inference.text_alignment import align

    if not model.writes:
        raise UsageError("--attention is for models that translate texts")
    if len(lines) != 1:
        raise UsageError(f"--attention is for a single text, but there are {len(lines):,}")
    if (error := lines[0].error) is not None:
        raise DataError(error)
    (best, *_), *_ = model.write(lines[0].text, method)
    return align(model.writer(method), lines[0].text, best)


def _show(alignment: TextAlignment, place: Path, *, as_json: bool) -> None:
    """Draws an attention in a file, or prints it unless it is part of the JSON."""
    from nnkit.cli.output_files import write_output
    from nnkit.inspection.alignment_drawing import as_lines, draw_alignment

    if place != TERMINAL:
        draw_alignment(alignment, place, write_output)
        say(f"wrote {place}")
    elif not as_json:
        print("\n".join(as_lines(alignment)))
