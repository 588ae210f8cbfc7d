"""The metrics of the simplest model for a set of sequences, to compare those of a network with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnkit.baselines.ngram_model import NgramModel
from nnkit.baselines.unigram_tagger import UnigramTagger
from nnkit.data.dataset import Samples
from nnkit.data.ragged import Ragged
from nnkit.metrics import METRICS_OF
from nnkit.metrics.accumulator import Accumulator
from nnkit.metrics.metric import Metric
from nnkit.metrics.sequences import LabelMatches, perplexity_of
from nnkit.metrics.spans import SpanCounts, are_bio
from nnkit.nn.params import Array
from nnkit.task.predictions import named
from nnkit.task.prepared_set import PreparedSet, Writing
from nnkit.task.sequence_coding import SequenceCoding
from nnkit.task.task import Task

ORDER, ORDER_OF_WORDS = 5, 3  # of the n-grams of a language model
MOST_CHARACTERS = 300  # symbols of a vocabulary of characters
MOST_COUNTED = 1_200_000  # symbols of texts whose n-grams are counted, which takes 2 seconds


@dataclass(frozen=True, slots=True)
class TrivialBaseline:
    """A model that needs no training by gradients, evaluated on a set.

    Attributes:
        model: what it does, such as `copying the source`.
        figures: its metrics on the set, by name.
    """

    model: str
    figures: Mapping[str, float]

    def record(self) -> dict[str, Any]:
        """The baseline as plain values, for JSON."""
        return {"model": self.model, "metrics": dict(self.figures)}


def trivial_baseline(task: Task, data: PreparedSet, split: str | None) -> TrivialBaseline | None:
    """The simplest model for a task over sequences; None for other tasks.

    Args:
        task: the task, whose training set is counted.
        data: the set to evaluate.
        split: its name; None for other data than that of the training, of which only baselines are
            known that need no training set.
    """
    if data.writing is not None:
        metrics = tuple(METRICS_OF["texts"].values())
        return TrivialBaseline("copying the source", figures_of_copies(data.writing, metrics))
    if split is None:
        return None
    coding = task.coding
    if coding is None:
        return _last_value(task, data, split)
    if coding.predicts == "tags":
        return _most_frequent_tags(coding, task.sets["train"], task.sets[split])
    if coding.predicts == "next":
        return _ngrams(coding, task.sets["train"], task.sets[split])
    return None


def figures_of_copies(writing: Writing, metrics: Sequence[Metric[Any]]) -> dict[str, float]:
    """Metrics of texts for sources that are copied, as a translation into another language."""
    targets = writing.coding.targets
    assert targets is not None
    found = writing.references()
    copies = list(map(targets.normalize, found.sources))
    accumulator = Accumulator(metrics, 0)
    accumulator.add(found.references, lambda _: copies, np.ones(len(copies)))
    return accumulator.figures()


def _last_value(task: Task, data: PreparedSet, split: str) -> TrivialBaseline | None:
    """A forecast that repeats the last value; None for data that is not a time series."""
    forecast = task.config.data.source.naive_forecast(task.sets[split].inputs[:])
    if forecast is None:
        return None
    metrics = [METRICS_OF["numbers"][name] for name in ("mae", "rmse", "r2")]
    accumulator = Accumulator(metrics, forecast.shape[1])
    accumulator.add(data.targets[:], lambda _: forecast, None)
    return TrivialBaseline("repeating the last value", accumulator.figures())


def _most_frequent_tags(coding: SequenceCoding, train: Samples, held: Samples) -> TrivialBaseline:
    """The most frequent tag of each word in the training set."""
    inputs, targets = _encoded(coding, train)
    words, tags = _encoded(coding, held)
    tagger = UnigramTagger(zip(_lists(inputs), _lists(targets), strict=True))
    found = Ragged.joined(np.array(tagger.tags(sentence)) for sentence in _lists(words))
    names = coding.target_names
    counted = (LabelMatches, SpanCounts) if are_bio(names) else (LabelMatches,)
    metrics = [each for each in METRICS_OF["sequences"].values() if each.statistic in counted]
    accumulator = Accumulator(metrics, 0)
    accumulator.add(named(tags, names), lambda _: named(found, names), None)
    return TrivialBaseline("the most frequent tag of each word", accumulator.figures())


def _ngrams(coding: SequenceCoding, train: Samples, held: Samples) -> TrivialBaseline | None:
    """An n-gram model of the training texts; None if they are so long that counting takes long."""
    texts, others = _continued(coding, train), _continued(coding, held)
    if sum(map(len, texts)) + sum(map(len, others)) > MOST_COUNTED:
        return None
    symbols = len(coding.inputs.symbols)
    order = ORDER if symbols <= MOST_CHARACTERS else ORDER_OF_WORDS
    model = NgramModel(texts, order, symbols)
    # The first symbol of a text in windows is given, not predicted.
    first = 0 if coding.windows is None else 1
    logs = np.concatenate([model.log_probabilities(text)[first:] for text in others])
    of_each = perplexity_of(float(-logs.mean()))
    return TrivialBaseline(f"{order}-grams (Kneser-Ney)", {"perplexity": of_each})


def _continued(coding: SequenceCoding, samples: Samples) -> list[list[int]]:
    """The symbols of each text, with its end symbol if it has one."""
    if coding.windows is not None:
        return _lists(coding.encode_inputs(samples.inputs[:]))
    return _lists(_encoded(coding, samples)[1])


def _encoded(coding: SequenceCoding, samples: Samples) -> tuple[Ragged, Ragged]:
    inputs, targets = coding.encode(samples)
    assert targets is not None
    return inputs, targets


def _lists(sequences: Ragged) -> list[list[int]]:
    each: list[Array] = sequences.each()
    return [ids.tolist() for ids in each]
