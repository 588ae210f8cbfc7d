"""Tests of teacher forcing: the published schedules, and which symbols a decoder is given."""

from __future__ import annotations

from math import e, log
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from nnkit.nn.passes import Pass
from nnkit.nn.seq2seq.seq2seq_model import Seq2SeqModel
from nnkit.nn.seq2seq.teacher_forcing import AnyTeacherForcing, TeacherForcing
from nnkit.random import generator
from tests.nn.differences import assert_gradient_along_lines
from tests.nn.seq2seq.networks import LENGTHS, START, TARGET_LENGTHS, batch, model_of

ENCODER: list[Any] = ["one_hot", {"gru": 4}]
DECODER: list[Any] = [
    {"embedding": 3},
    {"gru": 4},
    {"attention": {"score": "general", "input_feeding": True}},
]
# Values of the formulas in Bengio et al. 2015, §2.4, at chosen steps.
SCHEDULES: list[tuple[Any, dict[int, float]]] = [
    (0.5, {0: 0.5, 10_000: 0.5}),
    ({"linear": {"decrease": 1e-3, "end": 0.25}}, {0: 1, 500: 0.5, 750: 0.25, 5000: 0.25}),
    ({"linear": {"start": 0.5, "decrease": 0.1}}, {1: 0.4, 100: 0}),
    ({"exponential": 0.5}, {0: 1, 1: 0.5, 3: 0.125}),
    ({"inverse_sigmoid": 10}, {0: 10 / 11, 10: 10 / (10 + e), round(10 * log(10)): 0.5}),
    ({"inverse_sigmoid": 1}, {0: 0.5, 100_000: 0}),
]


def forcing_of(settings: Any) -> TeacherForcing:
    return TypeAdapter[TeacherForcing](AnyTeacherForcing).validate_python(settings)


def model_with(settings: Any) -> Seq2SeqModel:
    plain = model_of(ENCODER, DECODER)
    return Seq2SeqModel(plain.parts, plain.loss, START, 0, "float64", forcing_of(settings))


@pytest.mark.parametrize(("settings", "expected"), SCHEDULES, ids=str)
def test_schedules_are_those_published(settings: Any, expected: dict[int, float]) -> None:
    forcing = forcing_of(settings)
    for step, ratio in expected.items():
        assert forcing.ratio(step) == pytest.approx(ratio, abs=6e-3)


@pytest.mark.parametrize("settings", [0.0, 0.5, {"constant": {"value": 0.5, "each": "sequence"}}])
def test_the_decoder_is_given_the_symbols_drawn_or_its_own(settings: Any) -> None:
    """The loss is that of steps which are given the target's symbol or the most probable one."""
    model = model_with(settings)
    X, T = batch()
    now = Pass(step=3, lengths=LENGTHS, target_lengths=TARGET_LENGTHS)
    loss = model.network(len(LENGTHS)).loss_and_gradient(X, T, now)
    assert model.forcing is not None
    of_target = model.forcing.draw(T, now, seed=0)
    total, state, symbols = 0.0, model.begin(X, LENGTHS), np.full(len(LENGTHS), START)
    for t, row in enumerate(T):
        logs, _, state = model.step(state, symbols)
        total -= logs[row, np.arange(len(row))][t < TARGET_LENGTHS].sum()
        if t + 1 < len(T):
            symbols = np.where(of_target[t + 1], row, logs.argmax(axis=0))
    assert loss == pytest.approx(total / TARGET_LENGTHS.sum(), rel=1e-12)


def test_gradients_are_those_of_the_symbols_given() -> None:
    model, (X, T) = model_with(0.3), batch()
    now = Pass(lengths=LENGTHS, target_lengths=TARGET_LENGTHS)
    network = model.network(len(LENGTHS))
    network.loss_and_gradient(X, T, now)
    gradient = model.grads.copy()
    assert_gradient_along_lines(
        lambda: network.training_loss(X, T, now), model.params, gradient, generator(0, "lines")
    )


def test_a_probability_of_1_is_no_forcing_at_all() -> None:
    X, T = batch()
    always, usual = model_with(1.0), model_of(ENCODER, DECODER)
    losses = [model.network(5).loss_and_gradient(X, T, Pass()) for model in (always, usual)]
    # Without forcing the compiled kernels train the whole network; their sums round otherwise.
    assert losses[0] == pytest.approx(losses[1], rel=1e-14)
    np.testing.assert_allclose(always.grads, usual.grads, rtol=1e-10, atol=1e-14)


def test_draws_are_keyed_by_the_step_and_have_the_probability_asked_for() -> None:
    T, forcing = np.zeros((40, 100), np.int32), forcing_of(0.3)
    first, second = (forcing.draw(T, Pass(step=step), seed=0) for step in (1, 2))
    assert first.mean() == pytest.approx(0.3, abs=0.03)
    assert (first != second).any()
    np.testing.assert_array_equal(first, forcing.draw(T, Pass(step=1), seed=0))
    parts = [
        forcing.draw(T[:, :60], Pass(step=1, after=40), seed=0),
        forcing.draw(T[:, 60:], Pass(step=1, before=60), seed=0),
    ]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), first)


def test_sequences_are_given_whole_or_not_at_all() -> None:
    forcing = forcing_of({"constant": {"value": 0.5, "each": "sequence"}})
    drawn = forcing.draw(np.zeros((6, 50), np.int32), Pass(), seed=0)
    assert (drawn == drawn[0]).all()
    assert 0 < drawn[0].sum() < 50
