"""Metrics of spans, such as names, that are marked by BIO tags (Ramshaw & Marcus 1995).

`B-type` begins a span, `I-type` continues one of the same type, and `O` is outside. An `I-type`
that does not continue one begins a span, as in the CoNLL evaluation script (Tjong Kim Sang &
Buchholz 2000, Introduction to the CoNLL-2000 shared task: chunking). A predicted span is correct if
first position, last position and type are those of a true one. Counts are summed over all types.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from nnkit.errors import DataError
from nnkit.metrics.metric import PredictionForm, metric, share
from nnkit.metrics.sample_counts import SampleCounts

Span = tuple[int, int, str]  # first position, position after the last, type
OUTSIDE = "O"
UNKNOWN = "<unk>"  # the tag of words whose own the training set lacks, which is outside


def are_bio(labels: Iterable[str]) -> bool:
    """Whether all labels are BIO tags, and not all of them `O`."""
    labels = set(labels) - {UNKNOWN}
    return bool(labels - {OUTSIDE}) and all(_is_bio(label) for label in labels)


def _is_bio(label: str) -> bool:
    return label in (OUTSIDE, UNKNOWN) or label in ("B", "I") or label.startswith(("B-", "I-"))


def spans(tags: Sequence[str]) -> set[Span]:
    """The spans that a sequence of BIO tags marks.

    Raises:
        DataError: a tag is none of `O`, `B-…` and `I-…`.
    """
    found: set[Span] = set()
    start, current = 0, None  # of the span that is open; its type
    for i, tag in enumerate([*tags, OUTSIDE]):
        if not _is_bio(tag):
            raise DataError(f"the tag {tag!r} is none of O, B-… and I-…")
        prefix, _, kind = tag.partition("-")
        if current is not None and (prefix != "I" or kind != current):
            found.add((start, i, current))
            current = None
        if prefix not in (OUTSIDE, UNKNOWN) and current is None:
            start, current = i, kind
    return found


class SpanCounts(SampleCounts):
    """True, predicted and correctly predicted spans of a sequence of BIO tags."""

    takes: ClassVar[PredictionForm] = "decisions"
    names: ClassVar[tuple[str, ...]] = ("true", "predicted", "correct")

    @classmethod
    def count(cls, target: Sequence[str], prediction: Sequence[str]) -> Sequence[float]:
        wanted, found = spans(target), spans(prediction)
        return [len(wanted), len(found), len(wanted & found)]


@metric(SpanCounts, higher_is_better=True)
def span_precision(counts: SpanCounts) -> float:
    """Fraction of the predicted spans that are correct, in BIO tags."""
    return share(counts.sum("correct"), counts.sum("predicted"))


@metric(SpanCounts, higher_is_better=True)
def span_recall(counts: SpanCounts) -> float:
    """Fraction of the true spans that are predicted, in BIO tags."""
    return share(counts.sum("correct"), counts.sum("true"))


@metric(SpanCounts, higher_is_better=True)
def span_f1(counts: SpanCounts) -> float:
    """Harmonic mean of span precision and recall, 2 correct / (predicted + true)."""
    return share(2 * counts.sum("correct"), counts.sum("predicted") + counts.sum("true"))
