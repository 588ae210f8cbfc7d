"""Tests of models that are counted: by hand, and by the laws that define them."""

from __future__ import annotations

import gzip
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnkit.baselines.ngram_model import NgramModel
from nnkit.baselines.unigram_tagger import UnigramTagger
from nnkit.metrics import METRICS_OF

ATIS = Path(__file__).parents[2] / "data/text/ud-english-atis"

texts = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=12), min_size=1, max_size=5)
contexts = st.lists(st.integers(0, 4), max_size=4)


@pytest.mark.slow
@given(texts, st.integers(1, 4), contexts)
def test_probabilities_sum_to_one(
    sequences: list[list[int]], order: int, context: list[int]
) -> None:
    """After any context, seen or not, and with a symbol that never occurs."""
    model = NgramModel(sequences, order, symbols=5)
    probabilities = [model.probability(context, symbol) for symbol in range(5)]
    assert sum(probabilities) == pytest.approx(1)
    assert min(probabilities) >= 0


def test_without_training_text_all_symbols_are_equally_likely() -> None:
    model = NgramModel([], order=3, symbols=4)
    assert model.probability([1, 2], 3) == 0.25


@given(texts)
def test_its_marginals_are_those_of_the_training_text(sequences: list[list[int]]) -> None:
    """Σ_h c(h) p(w | h) = c(w): the constraint by which Kneser & Ney (1995) choose p(w)."""
    sequences = [*sequences, [0, 1, 2, 3]]  # all symbols occur
    model = NgramModel(sequences, order=2, symbols=4)
    expected, found = Counter[int](), np.zeros(4)
    for sequence in sequences:
        expected.update(sequence)
        for i in range(len(sequence)):
            found += [model.probability(sequence[:i], symbol) for symbol in range(4)]
    np.testing.assert_allclose(found, [expected[symbol] for symbol in range(4)], rtol=1e-12)


def test_a_bigram_model_by_hand() -> None:
    """In a b a b a c are the bigrams ^a 1, ab 2, ba 2, ac 1, so that D = 2/(2 + 4) = 1/3."""
    model = NgramModel([[0, 1, 0, 1, 0, 2]], order=2, symbols=3)
    alone = np.array([2, 1, 1]) / 4  # a follows ^ and b; b and c follow a
    assert model.probability([0], 1) == pytest.approx((2 - 1 / 3 + 2 / 3 * alone[1]) / 3)
    assert model.probability([0], 2) == pytest.approx((1 - 1 / 3 + 2 / 3 * alone[2]) / 3)
    assert model.probability([0], 0) == pytest.approx((2 / 3 * alone[0]) / 3)
    assert model.probability([2], 0) == pytest.approx(alone[0])  # nothing follows c
    assert model.probability([], 0) == pytest.approx(1 - 1 / 3 + 1 / 3 * alone[0])


def test_longer_ngrams_predict_a_text_better() -> None:
    """The symbols of a cycle are known from those before, but for the start and the smoothing."""
    training, held_out = [[0, 1, 0, 2] * 50] * 3, [[0, 2, 0, 1] * 10]
    perplexity = METRICS_OF["sequences"]["perplexity"]
    values = []
    for order in (1, 2, 4):
        model = NgramModel(training, order, symbols=4)
        values.append(perplexity(held_out, [model.log_probabilities(s) for s in held_out]))
    assert values[0] > 2.5 > values[1] > 1.3 > values[2]


def test_the_unigram_tagger_ignores_contexts() -> None:
    sentences = [
        (["to", "boston"], ["O", "B-to"]),
        (["from", "boston", "to"], ["O", "B-from", "O"]),
        (["boston"], ["B-from"]),
    ]
    tagger = UnigramTagger(sentences)
    assert tagger.tags(["to", "boston", "denver"]) == ["O", "B-from", "O"]


def test_the_known_accuracy_of_the_unigram_tagger_on_atis() -> None:
    """The most frequent tag of each word is right for 95.96 % of the test set."""

    def read(name: str) -> list[tuple[list[str], list[str]]]:
        lines = gzip.decompress((ATIS / f"{name}.tsv.gz").read_bytes()).decode().splitlines()
        return [(words.split(), tags.split()) for words, tags in (x.split("\t") for x in lines)]

    tagger, test = UnigramTagger(read("train")), read("test")
    accuracy = METRICS_OF["sequences"]["token_accuracy"]
    found = accuracy([tags for _, tags in test], [tagger.tags(words) for words, _ in test])
    assert found == pytest.approx(0.9596, abs=5e-5)
