"""Tests of sampling: the distribution of outputs, and which symbols each setting leaves out."""

from __future__ import annotations

from collections import Counter
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from nnkit.decoding.decoder import Array
from nnkit.decoding.method import LengthLimit
from nnkit.decoding.sampling import Sampling, drawn
from tests.decoding.toy_decoder import END, START, ToyDecoder, symbols_of

SAMPLES = 1000


def sampled(method: Sampling, decoder: ToyDecoder) -> list[Counter[tuple[int, ...]]]:
    """Counts the outputs drawn for each sentence."""
    found = method.decode(decoder, decoder.state(), decoder.sentences(), symbols_of(decoder.count))
    return [Counter(hypothesis.symbols for hypothesis in own) for own in found]


def conditional(log_p: Array, method: Sampling, last: bool) -> Array:
    """The distribution of the next symbol by the definitions, one symbol after the other."""
    permitted = {END} if last else {END, *range(3, len(log_p))}
    p = np.array([np.exp(log_p[i]) if i in permitted else 0.0 for i in range(len(log_p))])
    p **= 1 / method.temperature
    ranked = sorted(permitted, key=lambda i: -p[i])[: method.top_k]
    nucleus: list[int] = []
    while p[nucleus].sum() < method.top_p * p[ranked].sum() - 1e-12:
        nucleus.append(ranked[len(nucleus)])
    kept = [i for i in nucleus if p[i] >= method.min_p * p.max()]
    return np.where(np.isin(np.arange(len(p)), kept), p, 0) / p[kept].sum()


SETTINGS: list[dict[str, Any]] = [
    {},
    {"temperature": 0.5},
    {"temperature": 2.0},
    {"top_k": 2},
    {"top_p": 0.7},
    {"min_p": 0.4},
    {"temperature": 1.5, "top_k": 3, "top_p": 0.8, "min_p": 0.1},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_outputs_have_the_stated_distribution(settings: dict[str, Any]) -> None:
    """The outputs of up to two symbols, against their probabilities, by a χ² test."""
    method = Sampling(samples=SAMPLES, max_length=LengthLimit(constant=2), **settings)
    decoder = ToyDecoder(0, count=6, lengths=(1,))
    for sentence, counts in enumerate(sampled(method, decoder)):
        expected = {}
        for length in range(3):
            for output in product(range(3, 6), repeat=length):
                p = 1.0
                for t, symbol in enumerate((*output, END)):
                    log_p, _ = decoder.one(sentence, (START, *output[:t]))
                    p *= conditional(log_p.astype(float), method, last=t == 2)[symbol]
                expected[output] = SAMPLES * p
        assert sum(expected.values()) == pytest.approx(SAMPLES)
        assert {output for output in counts if expected[output] == 0} == set()
        usual = [output for output, count in expected.items() if count >= 5]
        rest = SAMPLES - sum(expected[output] for output in usual)
        observed = [counts[output] for output in usual]
        wanted = [expected[output] for output in usual]
        if rest > 1e-6:
            observed, wanted = [*observed, SAMPLES - sum(observed)], [*wanted, rest]
        assert len(wanted) > 1
        assert chisquare(observed, wanted).pvalue > 0.001


def test_draws_depend_on_the_seed_and_the_sentence() -> None:
    decoder = ToyDecoder(0, lengths=(1, 1))
    decoder._known[1, (START,)] = decoder.one(0, (START,))  # the same for both sentences
    one_symbol = {"samples": 40, "max_length": LengthLimit(constant=1)}

    def order(seed: int) -> list[list[tuple[int, ...]]]:
        method = Sampling(seed=seed, **one_symbol)  # type: ignore[arg-type]
        found = method.decode(decoder, decoder.state(), decoder.sentences(), symbols_of(6))
        return [[hypothesis.symbols for hypothesis in own] for own in found]

    assert order(1) == order(1)
    assert order(1) != order(2)
    assert Counter(order(1)[0]) != Counter(order(1)[1])


def test_samples_are_the_first_of_more_samples() -> None:
    decoder = ToyDecoder(0)
    (few,), (more,) = (sampled(Sampling(samples=n), decoder) for n in (5, 50))
    assert few - more == Counter()


@given(st.integers(0, 10_000), st.integers(1, 5))
def test_a_symbol_without_probability_is_never_drawn(seed: int, columns: int) -> None:
    """Also for random numbers at the ends of their range."""
    rng = np.random.default_rng(seed)
    p = rng.random((4, columns)) * rng.integers(2, size=(4, columns))
    p[rng.integers(4), :] += 1e-3
    for uniform in (0.0, 1 - 2**-53, *rng.random(3)):
        chosen = drawn(p, np.full(columns, uniform))
        assert (p[chosen, np.arange(columns)] > 0).all()


def test_equal_probabilities_are_left_out_from_the_highest_number() -> None:
    flat = np.log(np.full((4, 1), 0.25))
    assert np.flatnonzero(Sampling(top_k=3).probabilities(flat)).tolist() == [0, 1, 2]
    assert np.flatnonzero(Sampling(top_p=0.5).probabilities(flat)).tolist() == [0, 1]
    assert np.flatnonzero(Sampling(top_p=0.51).probabilities(flat)).tolist() == [0, 1, 2]
    assert np.flatnonzero(Sampling(min_p=0.9).probabilities(flat)).tolist() == [0, 1, 2, 3]
    half = np.log([[0.125], [0.5], [0.25], [0.125]])
    assert np.flatnonzero(Sampling(min_p=0.5).probabilities(half)).tolist() == [1, 2]
