"""The setting for fast arithmetic: how many threads, and what holds only inside."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from nnkit.blas import limited_threads
from nnkit.nn.model import Model
from nnkit.nn.numerics import available, execution_for, numerics
from tests.nn.examples import model_of

SMALL = model_of([{"dense": 10}], (4,))
TOGETHER = model_of(
    [{"conv": {"filters": 32, "kernel": 3}}, "batch_norm", "flatten", {"dense": 9}], (8, 20, 20)
)
LARGE = model_of([{"dense": 1000}, {"dense": 10}], (784,))


def threads_for(model: Model, batch_size: int, wanted: int | None) -> int:
    return execution_for(model, batch_size, wanted).threads


def test_threads_are_as_wanted_or_as_the_largest_product_is_worth() -> None:
    assert threads_for(SMALL, 64, wanted=7) == 7
    assert threads_for(SMALL, 64, wanted=None) == 1
    assert threads_for(LARGE, 128, wanted=None) == available() >= 1


@pytest.mark.numba
def test_threads_share_what_convolutions_multiply_though_their_weights_are_few() -> None:
    assert not TOGETHER.cuts_batches
    assert threads_for(TOGETHER, 8, wanted=None) == 1
    assert threads_for(TOGETHER, 128, wanted=None) == available()


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
