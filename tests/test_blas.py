"""Tests of limiting BLAS's threads from several threads at once."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Barrier, Thread

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from nnkit.blas import _set_threads, controller, limited_threads


@pytest.fixture(autouse=True)
def _three_threads() -> Iterator[None]:
    """Starts with three threads, more than the limits in the tests."""
    libraries = controller().select(user_api="blas").lib_controllers
    before = [library.num_threads for library in libraries]
    _set_threads(libraries, [3] * len(libraries))
    yield
    _set_threads(libraries, before)


def blas_threads() -> set[int]:
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_the_smallest_limit_holds_until_the_last_has_ended() -> None:
    with limited_threads(2):
        assert blas_threads() == {2}
        with limited_threads(1):
            assert blas_threads() == {1}
        assert blas_threads() == {2}
    assert blas_threads() == {3}


def test_a_limit_outlives_the_thread_that_set_it_first() -> None:
    """Lets the thread that enters first leave first; the other restores the original limit."""
    both_in, one_out = Barrier(2), Barrier(2)
    seen: list[set[int]] = []

    def first() -> None:
        with limited_threads(1):
            both_in.wait()
        one_out.wait()

    def second() -> None:
        with limited_threads(1):
            both_in.wait()
            one_out.wait()
            seen.append(blas_threads())

    threads = [Thread(target=first), Thread(target=second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [{1}]
    assert blas_threads() == {3}
    with threadpool_limits(2):  # the calling program can still set its own limits
        assert blas_threads() == {2}
