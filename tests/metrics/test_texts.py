"""Tests of the metrics of texts, against sacreBLEU, its published figures, and by hand."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from nnkit.errors import DataError
from nnkit.metrics import METRICS_OF
from nnkit.metrics.chrf import ChrfCounts, f_score
from nnkit.metrics.edit_distance import levenshtein

TEXTS = METRICS_OF["texts"]
TOKENIZERS = {"bleu": "13a", "bleu_intl": "intl", "bleu_none": "none", "bleu_char": "char"}
ORACLES = (*TOKENIZERS, "chrf", "chrf_pp")
REFERENCES = [
    ["The dog bit the man.", "The dog had bit the man."],
    ["It was not unexpected.", "No one was surprised."],
    ["The man bit him first.", "The man had bitten the dog."],
]
HYPOTHESES = ["The dog bit the man.", "It wasn't surprising.", "The man had just bitten him."]

# Words that the tokenizers treat differently, and any text; only characters that Python's Unicode
# knows, because newer versions know more.
SPECIAL = ["the", "1,000.5", "3-4", "'s", "&quot;", "&amp;lt;", "<skipped>", "(hi)", "«ß»", "€5"]
pieces = st.sampled_from([*SPECIAL, *"ab .,-!?½٣猫😀\n\u00a0", "  ", "-\n"])
known = st.characters(exclude_categories=["Cs", "Cn"])
texts = st.lists(pieces, max_size=12).map("".join) | st.text(known, max_size=8)
samples = st.tuples(texts, st.lists(texts, min_size=1, max_size=3))


@cache
def oracle(name: str) -> BLEU | CHRF:
    if name in TOKENIZERS:
        return BLEU(tokenize=TOKENIZERS[name], force=True)
    return CHRF(word_order=2 if name == "chrf_pp" else 0)


def expected(name: str, references: list[list[str]], hypotheses: list[str]) -> float:
    """The score by sacreBLEU, whose references are lists of all first ones, all second ones, …"""
    most = max(len(own) for own in references)
    by_rank = [[own[i] if i < len(own) else None for own in references] for i in range(most)]
    return float(oracle(name).corpus_score(hypotheses, by_rank).score)


@given(st.lists(samples, min_size=1, max_size=4))
def test_as_sacrebleu_computes_it(corpus: list[tuple[str, list[str]]]) -> None:
    hypotheses, references = [text for text, _ in corpus], [own for _, own in corpus]
    for name in ORACLES:
        wanted = expected(name, references, hypotheses)
        found = TEXTS[name](references, hypotheses)
        assert found == pytest.approx(wanted, rel=1e-9, abs=1e-9), name


@given(st.lists(st.sampled_from(["the", "dog", "bit", "a", "man,"]), min_size=3), st.data())
def test_as_sacrebleu_computes_it_of_similar_texts(words: list[str], data: st.DataObject) -> None:
    others = [" ".join(data.draw(st.permutations(words))[: len(words) - i]) for i in range(3)]
    references, hypotheses = [others[:2], others[1:]], [" ".join(words), others[0]]
    for name in ORACLES:
        wanted = expected(name, references, hypotheses)
        found = TEXTS[name](references, hypotheses)
        assert found == pytest.approx(wanted, rel=1e-9, abs=1e-9), name


@pytest.mark.parametrize("character", "\x1c\x85\u2028\u200b\u0660²½_–…$€ªǅ")
def test_intl_as_sacrebleu_for_characters_of_every_kind(character: str) -> None:
    """The categories of Unicode in Python are those of the library that sacreBLEU uses."""
    reference, hypothesis = f"a 1{character}2 b{character}c{character} d", f"1{character} 2 b c d e"
    for name in TOKENIZERS:
        wanted = expected(name, [[reference]], [hypothesis])
        assert TEXTS[name]([reference], [hypothesis]) == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize(
    ("name", "published"),
    [("bleu", 48.530827), ("bleu_none", 49.1919566), ("bleu_intl", 43.91623493)],
)
def test_published_bleu(name: str, published: float) -> None:
    """The figures in the tests of sacreBLEU."""
    assert TEXTS[name](REFERENCES, HYPOTHESES) == pytest.approx(published, abs=5e-7)
    assert TEXTS[name](REFERENCES, ["", "", ""]) == 0


@pytest.mark.parametrize(
    ("hypotheses", "references", "published", "smoothed"),
    [
        (["a"], ["a"], 100, 16.6667),
        (["a b c"], ["abc"], 100, 50),
        (["a", "b"], ["a", "c"], 50, 8.3333),
        (["aa"], ["ab"], 25, 8.3333),
        ([""], ["reference"], 0, 0),
    ],
)
def test_published_chrf(
    hypotheses: list[str], references: list[str], published: float, smoothed: float
) -> None:
    """The figures in the tests of sacreBLEU, and of its variant that averages over six F-scores."""
    assert TEXTS["chrf"](references, hypotheses) == pytest.approx(published, abs=1e-4)
    counts = ChrfCounts()
    counts.add(references, hypotheses, np.ones(len(references)))
    by_length = [f_score(part) for part in counts.sums.reshape(6, 3)]
    assert np.mean(by_length) == pytest.approx(smoothed, abs=1e-4)


def test_bleu_is_no_mean_over_sentences() -> None:
    """The second sentence alone has no pair of words in common; its score is smoothed."""
    references, hypotheses = ["a b c d e f", "p q r s"], ["a b c d e f", "p r x y"]
    apart = [TEXTS["bleu"]([own], [text]) for own, text in zip(references, hypotheses, strict=True)]
    assert apart == pytest.approx([100, 100 * (2 / 4 / 6 / 8 / 8) ** 0.25])
    together = 100 * (8 / 10 * 5 / 8 * 4 / 6 * 3 / 4) ** 0.25
    assert TEXTS["bleu"](references, hypotheses) == pytest.approx(together)


# Edit distances


def by_definition(first: str, second: str) -> int:
    """The edit distance by its recurrence, row by row."""
    row = list(range(len(second) + 1))
    for i, a in enumerate(first, start=1):
        before, row[0] = row[0], i
        for j, b in enumerate(second, start=1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]


@pytest.mark.parametrize(
    ("first", "second", "distance"),
    [("kitten", "sitting", 3), ("intention", "execution", 5), ("saturday", "sunday", 3)],
)
def test_published_edit_distances(first: str, second: str, distance: int) -> None:
    assert levenshtein(first, second) == distance == levenshtein(second, first)


@settings(max_examples=settings().max_examples * 4)
@given(st.text("abc", max_size=90), st.text("abc", max_size=90))
def test_edit_distance_by_its_definition(first: str, second: str) -> None:
    assert levenshtein(first, second) == by_definition(first, second)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("exact_match", 1 / 3),  # "", "ab" for "ab" or "abc", "a x" for "a b c"
        ("edit_distance", 4 / 3),
        ("character_error_rate", 4 / 8),
        ("word_error_rate", 3 / 5),
        ("character_accuracy", 4 / 8),
        ("token_accuracy", 2 / 5),
    ],
)
def test_agreement_by_hand(name: str, value: float) -> None:
    references = ["d", ["abc", "ab"], ["q", "a b c"]]
    assert TEXTS[name](references, ["", "ab", "a x"]) == pytest.approx(value)


def test_rates_exceed_one_for_long_wrong_texts() -> None:
    assert TEXTS["character_error_rate"](["a"], ["bcd"]) == 3
    assert TEXTS["word_error_rate"](["", ""], ["b c", ""]) == 1
    assert TEXTS["word_error_rate"]([""], [""]) == 0


# All of them


@pytest.mark.parametrize("name", TEXTS)
def test_the_best_is_reached_by_the_references(name: str) -> None:
    found = TEXTS[name](REFERENCES, [own[-1] for own in REFERENCES])
    assert found == pytest.approx(TEXTS[name].most if TEXTS[name].higher_is_better else 0)


@pytest.mark.parametrize("name", TEXTS)
def test_samples_that_weigh_nothing_do_not_count(name: str) -> None:
    weights = np.array([1.0, 0.0, 3.0])
    thrice = [0, 2, 2, 2]
    found = TEXTS[name](REFERENCES, HYPOTHESES, weights)
    repeated = TEXTS[name]([REFERENCES[i] for i in thrice], [HYPOTHESES[i] for i in thrice])
    assert found == pytest.approx(repeated, rel=1e-12)
    assert TEXTS[name](REFERENCES, HYPOTHESES, np.zeros(3)) == 0
    assert TEXTS[name]([], []) == 0


def test_a_text_without_reference_is_an_error() -> None:
    with pytest.raises(DataError, match="'b' has no reference"):
        TEXTS["bleu"](["a", []], ["a", "b"])
