"""Tests of the metrics of label sequences, against seqeval and by hand."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics import f1_score, precision_score, recall_score

from nnkit.errors import DataError
from nnkit.metrics import METRICS_OF
from nnkit.metrics.sequences import bits_per_character, perplexity_of, without_padding
from nnkit.metrics.spans import are_bio, spans

SEQUENCES = METRICS_OF["sequences"]
tags = st.sampled_from(["O", "B-x", "I-x", "B-y", "I-y", "I-x-y", "B", "I"])
pairs = st.lists(st.tuples(tags, tags), min_size=1, max_size=9)


@given(st.lists(pairs, min_size=1, max_size=4))
def test_spans_as_seqeval_counts_them(corpus: list[list[tuple[str, str]]]) -> None:
    targets = [[target for target, _ in sequence] for sequence in corpus]
    answers = [[answer for _, answer in sequence] for sequence in corpus]
    for name, oracle in (
        ("span_precision", precision_score),
        ("span_recall", recall_score),
        ("span_f1", f1_score),
    ):
        wanted = oracle(targets, answers, zero_division=0)
        assert SEQUENCES[name](targets, answers) == pytest.approx(wanted, abs=1e-12)


def test_an_inside_tag_alone_begins_a_span() -> None:
    assert spans(["I-x", "I-x", "I-y", "O", "B-y", "B-y", "I-y"]) == {
        (0, 2, "x"),
        (2, 3, "y"),
        (4, 5, "y"),
        (5, 7, "y"),
    }


def test_only_bio_tags_mark_spans() -> None:
    assert are_bio(["O", "B-city", "I-city"])
    assert not are_bio(["NOUN", "O"])
    assert not are_bio(["O"])
    assert are_bio(["<unk>", "O", "B-city"])
    assert not are_bio(["<unk>", "O"])
    assert spans(["B-city", "<unk>", "I-city"]) == {(0, 1, "city"), (2, 3, "city")}
    with pytest.raises(DataError, match="'NOUN' is none of O, B-… and I-…"):
        SEQUENCES["span_f1"]([["O", "O"]], [["O", "NOUN"]])


ragged = st.lists(st.integers(0, 5), min_size=1, max_size=5)


@given(ragged, st.integers(0, 4), st.integers(-9, 9))
def test_padding_never_counts(lengths: list[int], surplus: int, content: int) -> None:
    longest = max(lengths) + surplus
    rng = np.random.default_rng(len(lengths))
    targets, answers = rng.integers(2, size=(2, longest, len(lengths)))
    padding = np.arange(longest)[:, None] >= np.array(lengths)
    padded = np.where(padding, content, answers)
    correct = int(((targets == answers) & ~padding).sum())
    exact = int(((targets == answers) | padding).all(axis=0).sum())
    true, found = (without_padding(ids, np.array(lengths)) for ids in (targets, padded))
    assert SEQUENCES["token_accuracy"](true, found) == pytest.approx(correct / max(sum(lengths), 1))
    assert SEQUENCES["exact_match"](true, found) == pytest.approx(exact / len(lengths))


def test_perplexity_is_the_number_of_equally_likely_symbols() -> None:
    targets = [[0, 1], [3]]
    logs = [np.log([1 / 4, 1 / 4]), np.log([1 / 4])]
    assert SEQUENCES["perplexity"](targets, logs) == pytest.approx(4)
    assert SEQUENCES["bits_per_symbol"](targets, logs) == pytest.approx(2)
    uneven = [np.log([1 / 2, 1 / 8]), np.log([1 / 4])]
    assert SEQUENCES["perplexity"](targets, uneven) == pytest.approx(4)


def test_perplexity_overflows_to_infinity() -> None:
    assert perplexity_of(1e4) == np.inf
    assert perplexity_of(log(7)) == pytest.approx(7)


def test_bits_per_character_do_not_depend_on_the_symbols() -> None:
    assert bits_per_character(8 * log(2), 4) == pytest.approx(2)
    assert bits_per_character(0.0, 0) == 0


@pytest.mark.parametrize("name", ["token_accuracy", "perplexity"])
def test_other_lengths_are_an_error(name: str) -> None:
    with pytest.raises(DataError, match="for a sequence of 3 positions"):
        SEQUENCES[name]([[0, 1, 2]], [np.zeros(2)])
