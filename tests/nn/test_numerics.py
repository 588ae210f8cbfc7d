"""Tests of the numerics context: number of threads, and settings restored after it."""

from __future__ import annotations

import os

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from nnkit.blas import limited_threads
from nnkit.nn.model import Model
from nnkit.nn.numerics import execution_for, numerics, processors
from nnkit.ranks import Ranks
from tests.kernels import INTERPRETED, kernels
from tests.nn.examples import model_of

SMALL = model_of([{"dense": 10}], (4,))
TOGETHER = model_of(
    [{"conv": {"filters": 32, "kernel": 3}}, "batch_norm", "flatten", {"dense": 9}],
    (8, 20, 20),
    activation="maxout",  # which programs do not know
)
LARGE = model_of([{"dense": 1000}, {"dense": 10}], (784,))


def threads_for(model: Model, batch_size: int, wanted: int | None) -> int:
    return execution_for(model, batch_size, wanted).threads


@pytest.fixture
def _six_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretends that six processors are available."""
    monkeypatch.setattr(Ranks, "processors", lambda self: 6)


@pytest.mark.usefixtures("_six_processors")
def test_threads_are_as_wanted_or_as_the_largest_product_is_worth() -> None:
    assert threads_for(SMALL, 64, wanted=7) == 7
    assert threads_for(SMALL, 64, wanted=None) == 1
    assert threads_for(LARGE, 128, wanted=None) == 6


@pytest.mark.usefixtures("_six_processors")
@pytest.mark.parametrize(("way", "threads"), [(None, 1), (INTERPRETED, 6)])
def test_threads_share_compiled_convolutions_though_their_weights_are_few(
    way: str | None, threads: int
) -> None:
    assert not TOGETHER.splits_batches
    with kernels(way):
        assert threads_for(TOGETHER, 8, wanted=None) == 1
        assert threads_for(TOGETHER, 128, wanted=None) == threads


def test_of_all_processors_those_count_that_the_process_may_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 9)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3, 5}, raising=False)
    assert processors() == 2
    monkeypatch.delattr(os, "sched_getaffinity")  # as on macOS
    assert processors() == 9


def blas_threads() -> set[int]:
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_threads_are_limited_within_alone() -> None:
    with limited_threads(2):
        assert blas_threads() == {2}
        with numerics():
            assert blas_threads() == {1}
        assert blas_threads() == {2}


def test_overflow_is_silent_within_alone() -> None:
    huge = np.array([1e300])
    with numerics():
        assert np.isinf(huge * huge).all()
    with pytest.warns(RuntimeWarning, match="overflow"):
        huge * huge
