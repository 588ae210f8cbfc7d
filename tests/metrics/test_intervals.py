"""Tests of confidence intervals: as SciPy computes them."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from scipy import stats

from nnkit.metrics import METRICS_OF
from nnkit.metrics.accumulator import Accumulator
from nnkit.metrics.edit_distance import CharacterEdits
from nnkit.metrics.intervals import bootstrap_values, percentile_interval, wilson_interval
from nnkit.metrics.metric import Array, PredictionForm
from nnkit.random import generator


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
@pytest.mark.parametrize(
    ("successes", "trials"),
    [(0, 1), (1, 1), (0, 30), (30, 30), (28, 30), (347, 359), (9847, 10000)],
)
def test_wilson_as_scipy_computes_it(successes: int, trials: int, level: float) -> None:
    expected = stats.binomtest(successes, trials).proportion_ci(level, method="wilson")
    found = wilson_interval(successes, trials, level)
    np.testing.assert_allclose(found, (expected.low, expected.high), rtol=1e-12, atol=1e-15)


EDITS = METRICS_OF["texts"]["edit_distance"]


def counted(targets: list[str], answers: list[str]) -> CharacterEdits:
    """The counts of a set, accumulated in two batches."""
    accumulator = Accumulator([EDITS], width=0)
    for part in (slice(0, 7), slice(7, None)):
        accumulator.add(targets[part], partial(_given, answers[part]), None)
    return accumulator.kept(CharacterEdits)


def _given(answers: list[str], form: PredictionForm) -> list[str]:
    assert form == "texts"
    return answers


def drawn(seed: int, samples: int) -> tuple[list[str], Array]:
    """Hypotheses of random length, and their lengths, which are the distances from nothing."""
    lengths = generator(seed, "lengths").geometric(0.2, size=samples)
    return ["x" * length for length in lengths], lengths


def test_bootstrap_as_scipy_computes_it() -> None:
    """The mean of distances is a mean, for which SciPy has the percentile bootstrap."""
    texts, lengths = drawn(0, 200)
    counts = counted([""] * 200, texts)
    found = percentile_interval(bootstrap_values(EDITS, counts, seed=0, resamples=4000))
    expected = stats.bootstrap(
        (lengths,),
        np.mean,
        method="percentile",
        n_resamples=4000,
        random_state=np.random.default_rng(0),
    ).confidence_interval
    spread = lengths.std() / np.sqrt(200)
    np.testing.assert_allclose(found, (expected.low, expected.high), atol=0.1 * spread)


def test_the_same_samples_are_drawn_for_every_model() -> None:
    texts, _ = drawn(0, 50)
    values = bootstrap_values(EDITS, counted([""] * 50, texts), seed=3)
    longer = bootstrap_values(EDITS, counted([""] * 50, [text + "y" for text in texts]), seed=3)
    np.testing.assert_allclose(longer - values, 1)  # whatever is drawn
    assert np.ptp(values) > 0
    other = bootstrap_values(EDITS, counted([""] * 50, texts), seed=4)
    assert not np.array_equal(values, other)


def test_without_samples_there_is_no_spread() -> None:
    assert percentile_interval(bootstrap_values(EDITS, counted([], []), 0, 10)) == (0, 0)
