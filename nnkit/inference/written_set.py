"""The texts that a model with a decoder writes for a set by itself, and their comparison."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from io import StringIO
from typing import Any

import numpy as np

from nnkit.data.ragged import Ragged
from nnkit.data.sequence_batches import batches_of_similar_length
from nnkit.data.text.references import ReferencedSources
from nnkit.data.text.symbol_table import Reserved
from nnkit.decoding import AnyDecoding
from nnkit.decoding.decoder import Sentences
from nnkit.decoding.sampling import Sampling
from nnkit.decoding.scoring import score_outputs, search_errors
from nnkit.inference.text_writer import MOST_SENTENCES, MOST_TOKENS, TextWriter, WrittenText
from nnkit.metrics import METRICS_OF
from nnkit.metrics.accumulator import Accumulator
from nnkit.metrics.intervals import bootstrap_interval
from nnkit.metrics.metric import Metric
from nnkit.nn.model import Model
from nnkit.nn.numerics import numerics
from nnkit.nn.params import Array
from nnkit.nn.seq2seq.seq2seq_model import Seq2SeqModel
from nnkit.task.prepared_set import Writing


@dataclass(frozen=True, slots=True)
class WrittenSet:
    """The texts that a model writes for the different sources of a set.

    The model is given the sources alone, not the symbols of the references, as when it is used.
    Each source counts once; all its targets in the set are its references.

    Attributes:
        pairs: the sources with their references.
        texts: what was written for each source, the best only.
        lines: the line of each source in its file, from 1; None if it is not known.
    """

    pairs: ReferencedSources
    texts: tuple[WrittenText, ...]
    lines: tuple[int, ...] | None

    def __len__(self) -> int:
        return len(self.texts)

    def accumulated(self, metrics: Sequence[Metric[Any]]) -> Accumulator:
        """The statistics of some metrics of texts."""
        accumulator = Accumulator(metrics, 0)
        hypotheses = [each.text for each in self.texts]
        accumulator.add(self.pairs.references, lambda _: hypotheses, np.ones(len(self)))
        return accumulator


@dataclass(frozen=True, slots=True)
class WrittenReport:
    """The comparison of written texts with their references.

    Attributes:
        method: the decoding method.
        written: the texts.
        figures: all metrics of texts, by name.
        intervals: the 95 % bootstrap interval of each metric, by resampling sources.
        search_errors: the share of sources with a reference that has a higher score than what the
            search found; None for sampling.
    """

    method: AnyDecoding
    written: WrittenSet
    figures: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    search_errors: float | None

    def record(self) -> dict[str, Any]:
        """The report without the texts, ready for JSON."""
        return {
            "decoding": self.method.model_dump(mode="json"),
            "sources": len(self.written),
            "metrics": dict(self.figures),
            "intervals": {name: list(bounds) for name, bounds in self.intervals.items()},
            "search_errors": self.search_errors,
        }

    def predictions(self) -> str:
        """The texts as CSV: `line`, `source`, `reference`, `written`, `score`, `finish`.

        Several references are on lines of their own within the cell.
        """
        text = StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("index", "line", "source", "reference", "written", "score", "finish"))
        pairs, lines = self.written.pairs, self.written.lines
        for i, each in enumerate(self.written.texts):
            line = "" if lines is None else lines[i]
            references = "\n".join(pairs.references[i])
            cells = (pairs.sources[i], references, each.text, each.score, each.finish)
            writer.writerow((i, line, *cells))
        return text.getvalue()


def write_set(model: Model, writing: Writing) -> WrittenSet:
    """Writes a text for each source of a set.

    Args:
        model: a model with a decoder.
        writing: the sources with their targets, and the decoding method.
    """
    pairs, found = writing.pairs, writing.references()
    writer = TextWriter(model, writing.coding, writing.method)
    texts = tuple(best for best, *_ in writer.write(found.sources))
    lines = None
    if pairs.lines is not None:
        lines = tuple(np.asarray(pairs.lines[:])[list(found.first)].tolist())
    return WrittenSet(found, texts, lines)


def report_on_written(model: Model, writing: Writing) -> WrittenReport:
    """Writes a text for each source of a set, and compares it with all metrics.

    Args:
        model: a model with a decoder.
        writing: the sources with their targets, and the decoding method.
    """
    written, metrics = write_set(model, writing), tuple(METRICS_OF["texts"].values())
    accumulator = written.accumulated(metrics)
    intervals = {
        metric.name: bootstrap_interval(metric, accumulator.kept(metric.statistic))
        for metric in metrics
    }
    writer = TextWriter(model, writing.coding, writing.method)
    missed = None
    if not isinstance(writer.decoding, Sampling):
        missed = _search_errors(writer, written)
    return WrittenReport(writer.decoding, written, accumulator.figures(), intervals, missed)


def _search_errors(writer: TextWriter, written: WrittenSet) -> float:
    """The share of sources with a reference of a higher score than the text that was found.

    References with unknown symbols do not count, because the search may not write these; nor does
    one that was found, whose score may be rounded differently in another batch.
    """
    targets = writer.coding.targets
    assert targets is not None
    unknown, end = targets.symbols.number(Reserved.UNKNOWN), targets.symbols.number(Reserved.END)
    owners: list[int] = []
    outputs: list[list[int]] = []
    for i, references in enumerate(written.pairs.references):
        for reference in references:
            ids = targets.encode(reference).tolist()
            if unknown not in ids and tuple(ids) != written.texts[i].ids:
                owners.append(i)
                outputs.append([*ids, end])
    found = np.array([each.score for each in written.texts])
    best = np.full(len(found), -np.inf)
    if outputs:
        scores = _scores(writer, [written.pairs.sources[i] for i in owners], outputs)
        np.maximum.at(best, owners, scores)
    return search_errors(found, best)


def _scores(writer: TextWriter, sources: Sequence[str], outputs: Sequence[Sequence[int]]) -> Array:
    """The scores of given outputs for some sources, (n,)."""
    model, method = writer.model, writer.decoding
    assert isinstance(model, Seq2SeqModel)
    encoded = writer.coding.inputs.encode_all(sources)
    fewest = model.length_limits.fewest
    inputs = replace(Ragged.of(encoded.values, encoded.offsets), fewest=fewest)
    scores = np.full(len(inputs), -np.inf)
    with numerics():
        for chosen in batches_of_similar_length(
            inputs.lengths, np.flatnonzero(inputs.lengths), MOST_SENTENCES, MOST_TOKENS
        ):
            part = inputs[chosen]
            state = model.begin(part.padded(), part.lengths)
            sentences = Sentences(np.full(len(part), model.start_symbol), part.lengths)
            given = [outputs[i] for i in chosen]
            _, scores[chosen] = score_outputs(method, model.step, state, sentences, given)
    return scores
