"""Tests of the masks of dropout of attention weights."""

from __future__ import annotations

import numpy as np

from nnkit.nn.dropout_mask import paired
from nnkit.nn.form import Form
from nnkit.nn.layers import SelfAttention
from nnkit.nn.model import Model
from nnkit.nn.params import Array
from nnkit.nn.passes import Pass
from nnkit.random import generator
from tests.nn.examples import alone, first_layer

HEADS, SAMPLES, RATE = 4, 60, 0.25


def copying(rate: float | None = RATE) -> Model:
    """Attention with equal weights, of which each head copies one channel."""
    model = alone(SelfAttention(heads=HEADS, dropout=rate), Form(HEADS, (None,)))
    views = model.layout.views(model.params)
    model.params.fill(0)
    views["only.W"][2 * HEADS :] = views["only.O"][...] = np.eye(HEADS)
    return model


def outputs(model: Model, X: Array, now: Pass) -> Array:
    return first_layer(model.bind(X.shape[-1], True, X.shape[1:2])).forward(X, now).copy()


def test_each_weight_is_dropped_by_itself_and_the_mean_is_kept() -> None:
    kept = outputs(copying(), np.ones((HEADS, 1, SAMPLES)), Pass(step=3))  # of a single position
    np.testing.assert_allclose(kept[kept > 0], 4 / 3)
    share = (kept > 0).mean()
    assert abs(share - 0.75) < 4 * np.sqrt(0.75 * 0.25 / kept.size)
    assert not (kept == kept[:1]).all()
    assert not (kept == kept[..., :1]).all()


def test_masks_follow_the_step_and_are_for_training_only() -> None:
    X = generator(0, "inputs").normal(size=(HEADS, 5, SAMPLES))
    one, same, other = (outputs(copying(), X, Pass(step=step)) for step in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()
    without = outputs(copying(None), X, Pass())
    np.testing.assert_array_equal(outputs(copying(), X, Pass(training=False)), without)


def test_positions_of_padding_and_of_other_ranks_change_no_draw() -> None:
    X = generator(0, "inputs").normal(size=(HEADS, 5, SAMPLES))
    lengths = np.full(SAMPLES, 5)
    whole = outputs(copying(), X, Pass(lengths=lengths))
    longer = np.concatenate([X, np.zeros((HEADS, 2, SAMPLES))], axis=1)
    padded = outputs(copying(), longer, Pass(lengths=lengths))
    np.testing.assert_allclose(padded[:, :5], whole, rtol=1e-12)
    of_rank = Pass(before=20, after=30, lengths=lengths[20:30])
    part = outputs(copying(), np.ascontiguousarray(X[..., 20:30]), of_rank)
    np.testing.assert_allclose(part, whole[..., 20:30], rtol=1e-12)


def test_pairs_of_positions_have_numbers_without_gaps() -> None:
    np.testing.assert_array_equal(np.sort(paired(6, 6).ravel()), np.arange(36))
    np.testing.assert_array_equal(paired(6, 6)[:2, :3], paired(2, 3))
