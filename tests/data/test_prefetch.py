"""Tests of computing ahead: the items of an iterator, as if they were computed when requested."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import count
from threading import Event

import numpy as np
import pytest

from nnkit.data.prefetch import prefetched
from nnkit.errors import DataError
from nnkit.nn.denormals import flushed_denormals


def prefetching() -> list[str]:
    """The names of the threads that compute ahead."""
    return [t.name for t in threading.enumerate() if t.name.startswith("prefetch")]


def test_items_come_in_order() -> None:
    assert list(prefetched(iter(range(9)))) == list(range(9))
    assert list(prefetched(iter(()))) == []


def test_the_next_item_is_computed_while_one_is_used_and_no_more() -> None:
    begun = [Event() for _ in range(4)]

    def items() -> Iterator[int]:
        for number, event in enumerate(begun):
            event.set()
            yield number

    found = prefetched(items())
    for number in range(2):
        assert next(found) == number
        assert begun[number + 1].wait(10)
        assert not begun[number + 2].is_set()
    found.close()


def test_an_error_is_raised_where_its_item_would_be() -> None:
    def items() -> Iterator[int]:
        yield 0
        yield 1
        raise DataError("the third is damaged")

    found = prefetched(items())
    assert [next(found), next(found)] == [0, 1]
    with pytest.raises(DataError, match="the third is damaged"):
        next(found)
    assert prefetching() == []


def test_closing_ends_the_thread() -> None:
    found = prefetched(count())
    assert next(found) == 0
    assert prefetching()
    found.close()
    assert prefetching() == []


def test_the_thread_rounds_and_warns_as_the_caller() -> None:
    def items() -> Iterator[float]:
        tiny = np.full(4, np.finfo(np.float32).tiny)
        yield float((tiny / np.float32(4)).sum())
        yield float((tiny / np.float32(0)).sum())  # a warning, which is an error in tests

    direct = [next(prefetched(items()))]
    with flushed_denormals(), np.errstate(divide="ignore"):
        expected = list(items())
        assert list(prefetched(items())) == expected
    assert direct[0] > 0
    assert np.isinf(expected[1])
