"""Predictions for texts as `nnkit predict` gives them: one line for each line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING

from nnkit.cli.lines import OPTION, TextLine
from nnkit.cli.output import say_wrapped
from nnkit.cli.prediction_writer import Prediction, PredictionWriter
from nnkit.cli.predictions import DIGITS, columns_of, predictions_of
from nnkit.text import some_names

if TYPE_CHECKING:
    from nnkit.decoding import AnyDecoding
    from nnkit.inference.text_writer import WrittenText
    from nnkit.inference.trained_model import TrainedModel

TOGETHER = 1000  # lines that are predicted at a time
MOST_NAMED = 5  # unknown symbols, or lines, in a message
# The columns of the CSV file that are there if a prediction has them.
COLUMNS = ("rank", "text", "score", "log_probability", "finish", "confidence")


def predicted_lines(
    model: TrainedModel,
    lines: Sequence[TextLine],
    method: AnyDecoding | None,
    *,
    probabilities: bool,
) -> Iterator[Prediction]:
    """Yields the prediction for each line, or the reason why there is none.

    A blank line gives an empty text. What is drawn at random for a line depends on its number.

    Args:
        model: a model of texts.
        lines: the lines.
        method: the decoding method, of a model that writes texts.
        probabilities: whether to add the probability of each class.
    """
    for start in range(0, len(lines), TOGETHER):
        part = lines[start : start + TOGETHER]
        predictions: list[Prediction] = [{"text": ""} for _ in part]
        for i, line in enumerate(part):
            if line.error is not None:
                predictions[i] = {"error": line.error}
        usable = [i for i, line in enumerate(part) if not line.error and not line.is_blank]
        refused = model.incomplete([part[i].text for i in usable])
        for index, reason in refused.items():
            predictions[usable[index]] = {"error": f"{part[usable[index]].place}: {reason}"}
        usable = [i for index, i in enumerate(usable) if index not in refused]
        texts = [part[i].text for i in usable]
        if model.writes:
            written = model.write(texts, method, [start + i for i in usable])
            found = [_of_written(each) for each in written]
        else:
            found = _of_texts(model, texts, probabilities=probabilities)
        for i, prediction in zip(usable, found, strict=True):
            predictions[i] = prediction
        for line, prediction in zip(part, predictions, strict=True):
            place: Prediction = {"path": line.path, "line": line.line}
            yield {**place, **({} if line.error else {"source": line.text}), **prediction}


def _of_texts(
    model: TrainedModel, texts: Sequence[str], *, probabilities: bool
) -> list[Prediction]:
    """The classes, numbers or tags of texts."""
    from nnkit.data.texts import text_array

    if model.tags:
        return [{"text": str(tags)} for tags in model.predict(texts)]
    return predictions_of(model, text_array(texts), probabilities=probabilities)


def _of_written(written: Sequence[WrittenText]) -> Prediction:
    """The texts that were written for a line, the best first."""
    ranked = [
        {
            "text": each.text,
            "score": each.score,
            "log_probability": each.log_probability,
            "finish": each.finish,
        }
        for each in written
    ]
    return {**ranked[0], **({"n_best": ranked} if len(ranked) > 1 else {})}


@dataclass
class TextPredictionWriter(PredictionWriter):
    """Writes the predictions for texts, a line for each, also if it is an error.

    Attributes:
        scores: whether the score of a text stands before it.
        numbered: whether the number of the line stands before a text.
    """

    scores: bool = False
    numbered: bool = False

    def lines(self, prediction: Prediction) -> Iterable[str]:
        for each in prediction.get("n_best", [prediction]):
            yield self._shown(prediction, each)

    def csv(self, predictions: Sequence[Prediction]) -> str:
        return _as_csv(predictions)

    def _shown(self, prediction: Prediction, each: Prediction) -> str:
        """A text as one line: the number of its source, its score, and itself, if wanted."""
        text = each.get("text", "")
        if prediction["path"] != OPTION:  # as many lines as there were
            text = text.replace("\n", "\\n").replace("\r", "\\r")
        if "values" in each:
            text = "  ".join(f"{value:,.{DIGITS}g}" for value in each["values"])
        shares = each.get("probabilities", {})
        text += "".join(f"  {name} {100 * share:.1f} %" for name, share in shares.items())
        cells = [str(prediction["line"])] if self.numbered else []
        if self.scores:
            score = each.get("score", each.get("confidence"))
            cells.append("" if score is None else f"{score:.4f}")
        return "\t".join([*cells, text])


def _as_csv(predictions: Sequence[Prediction]) -> str:
    """The predictions as CSV, with a row for each text that was written."""
    import csv

    rows: list[Prediction] = []
    for prediction in predictions:
        ranked = prediction.get("n_best", [prediction])
        for rank, each in enumerate(ranked, 1):
            row = {**prediction, **each, **columns_of(each)}
            rows.append({**row, "rank": rank} if len(ranked) > 1 else row)
    present = [name for name in COLUMNS if any(name in row for row in rows)]
    added = dict.fromkeys(name for prediction in predictions for name in columns_of(prediction))
    content = StringIO(newline="")
    columns = ("path", "line", "source", *present, *added, "error")
    writer = csv.DictWriter(content, columns, extrasaction="ignore", restval="")
    writer.writeheader()
    writer.writerows(rows)
    return content.getvalue()


def say_about_lines(model: TrainedModel, lines: Sequence[TextLine]) -> None:
    """Says what of the lines the model does not know, and what of them it leaves out."""
    coding = model.coding
    assert coding is not None
    if coding.windows is not None:
        for line in lines:
            if line.path == OPTION and not line.text:
                say_wrapped(f"{line.place}: nothing to continue; give at least one symbol")
    settings, known = coding.inputs.coding, coding.inputs.symbols
    unknown: Counter[str] = Counter()
    cut: list[str] = []
    tabs: list[str] = []
    count = 0
    for line in lines:
        if line.is_blank or (coding.predicts == "text" and not line.text.strip()):
            continue
        symbols = coding.inputs.split(line.text)
        count += len(symbols)
        unknown.update(symbol for symbol in symbols if symbol not in known)
        if settings.longest is not None and len(symbols) > settings.longest:
            cut.append(line.place)
        if "\t" in line.text and "\t" not in known:
            tabs.append(line.place)
    if unknown:
        total = unknown.total()
        share = f"{total:,} of {count:,} symbols {'is' if total == 1 else 'are'}"
        named = some_names([*map(repr, unknown)], MOST_NAMED)
        say_wrapped(f"{share} not in the vocabulary: {named}")
    if cut and settings.too_long == "cut":
        named = some_names(cut, MOST_NAMED)
        say_wrapped(f"cut to {settings.longest:,} symbols, as in training: {named}")
    if tabs:
        say_wrapped(
            f"a tab is part of the text in {some_names(tabs, MOST_NAMED)}; to predict from the "
            "first column only: cut -f1 FILE | nnkit predict -"
        )
