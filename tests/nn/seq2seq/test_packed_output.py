"""Tests of the output layer of large vocabularies: it computes what the layers one by one do."""

from __future__ import annotations

import numpy as np
import pytest

from nnkit.nn.params import Array
from nnkit.nn.passes import Observer, Pass
from nnkit.nn.seq2seq.packed_output import PackedOutputNetwork
from nnkit.nn.seq2seq.seq2seq_model import Seq2SeqModel
from nnkit.random import generator
from tests.nn.seq2seq.networks import SOURCE_SYMBOLS, model_of

SYMBOLS, SAMPLES, LONGEST = 700, 20, 12  # 1.3 MB of logits in double precision
LENGTHS = np.arange(SAMPLES) % LONGEST + 1


def translator(smoothing: float, biased: bool) -> Seq2SeqModel:
    return model_of(
        [{"embedding": 3}, {"gru": {"units": 4, "bidirectional": True}}],
        [{"embedding": 3}, {"gru": 8}, {"attention": "general"}, {"dropout": 0.3}],
        symbols=SYMBOLS,
        biased=biased,
        smoothing=smoothing,
    )


def gradients(
    model: Seq2SeqModel, lengths: Array | None, weights: Array | None, observer: Observer | None
) -> tuple[float, Array]:
    rng = generator(0, "pairs")
    X = rng.integers(SOURCE_SYMBOLS, size=(LONGEST, SAMPLES), dtype=np.int32)
    T = rng.integers(SYMBOLS, size=(LONGEST, SAMPLES), dtype=np.int32)
    now = Pass(True, lengths=lengths, target_lengths=lengths, observer=observer)
    network = model.network(SAMPLES)
    loss = network.training_loss(X, T, now, weights, share=0.25)  # not by a program
    network.backward(network.dY, now)
    return loss, model.grads.copy()


@pytest.mark.parametrize(
    ("lengths", "weights", "smoothing", "biased"),
    [
        (LENGTHS, None, 0.0, True),
        (LENGTHS, np.linspace(0, 2, SAMPLES), 0.1, False),
        (None, np.linspace(0, 2, SAMPLES), 0.0, True),
        (None, None, 0.1, True),
        (LENGTHS, np.zeros(SAMPLES), 0.0, True),
    ],
)
def test_equals_the_layers_one_by_one(
    lengths: Array | None, weights: Array | None, smoothing: float, biased: bool
) -> None:
    model = translator(smoothing, biased)
    assert isinstance(model.network(SAMPLES).decoder(SAMPLES, LONGEST), PackedOutputNetwork)
    loss, grads = gradients(model, lengths, weights, None)
    expected_loss, expected = gradients(model, lengths, weights, Observer())
    assert loss == pytest.approx(expected_loss, rel=1e-12)
    np.testing.assert_allclose(grads, expected, rtol=1e-9, atol=1e-15)


def test_nothing_to_predict_gives_no_gradient() -> None:
    model = translator(0.0, biased=True)
    model.grads.fill(np.nan)
    loss, grads = gradients(model, np.zeros(SAMPLES, int), None, None)
    assert loss == 0
    assert not grads.any()


def test_a_small_vocabulary_is_computed_as_one_layer() -> None:
    network = translator(0.0, biased=True).network(SAMPLES)
    assert not isinstance(network.decoder(2, 2), PackedOutputNetwork)
