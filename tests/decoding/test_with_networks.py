"""Tests of decoding with encoder–decoder networks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnkit.decoding.beam import Beam
from nnkit.decoding.decoder import OutputSymbols, Sentences
from nnkit.decoding.greedy import Greedy
from nnkit.decoding.method import Decoding, Hypothesis, LengthLimit
from nnkit.decoding.sampling import Sampling
from nnkit.decoding.scoring import score_outputs
from nnkit.nn.params import Array
from nnkit.nn.seq2seq.seq2seq_model import Seq2SeqModel
from tests.nn.seq2seq.networks import LENGTHS, START, TARGET_SYMBOLS, batch, model_of

END = 0
ENCODER = [{"embedding": 4}, {"gru": {"units": 5, "bidirectional": True}}]
DECODER = [{"embedding": 4}, {"gru": {"units": 6}}]
LIMIT = LengthLimit(factor=1.0, constant=3)
METHODS = [
    Greedy(max_length=LIMIT),
    Beam(n_best=2, max_length=LIMIT),
    Sampling(samples=2, max_length=LIMIT),
]


@pytest.fixture(scope="module", params=[True, False], ids=["attention", "no attention"])
def model(request: pytest.FixtureRequest) -> Seq2SeqModel:
    attention: list[Any] = [{"attention": "general"}] if request.param else []
    model = model_of(ENCODER, [*DECODER, *attention])
    model.params *= 3  # far from equal probabilities
    return model


def sentences(lengths: Array) -> Sentences:
    return Sentences(np.full(len(lengths), START), lengths, keys=100 + lengths)


def decode(model: Seq2SeqModel, method: Decoding, chosen: Array) -> list[list[Hypothesis]]:
    X, _ = batch()
    lengths = LENGTHS[chosen]
    state = model.begin(X[: lengths.max(), chosen], lengths)
    symbols = OutputSymbols(TARGET_SYMBOLS, END, (START,))
    return method.decode(model.step, state, sentences(lengths), symbols)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.kind)
def test_a_sentence_is_decoded_as_in_any_batch(model: Seq2SeqModel, method: Decoding) -> None:
    together = decode(model, method, np.arange(5))
    for i in range(5):
        (alone,) = decode(model, method, np.array([i]))
        assert [h.symbols for h in alone] == [h.symbols for h in together[i]]
        scores = [h.score for h in together[i]]
        np.testing.assert_allclose([h.score for h in alone], scores, rtol=1e-10)
        assert all(len(h.symbols) <= LENGTHS[i] + 3 for h in alone)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.kind)
def test_scores_are_those_of_teacher_forcing(model: Seq2SeqModel, method: Decoding) -> None:
    X, _ = batch()
    found = [own[0] for own in decode(model, method, np.arange(5))]
    outputs = [(*hypothesis.symbols, END) for hypothesis in found]
    state = model.begin(X, LENGTHS)
    totals, scores = score_outputs(method, model.step, state, sentences(LENGTHS), outputs)
    np.testing.assert_allclose([h.log_probability for h in found], totals, rtol=1e-10)
    np.testing.assert_allclose([h.score for h in found], scores, rtol=1e-10)


def test_a_beam_of_one_is_greedy_decoding(model: Seq2SeqModel) -> None:
    greedy = decode(model, Greedy(max_length=LIMIT), np.arange(5))
    beam = decode(model, Beam(width=1, max_length=LIMIT), np.arange(5))
    assert [h.symbols for (h,) in beam] == [h.symbols for (h,) in greedy]
    assert [h.log_probability for (h,) in beam] == [h.log_probability for (h,) in greedy]
