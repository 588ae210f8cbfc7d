"""What is lent to one borrower is not lent to another meanwhile, and little is kept."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack

import pytest

from nnkit.nn.parallel.pool import KEPT, Pool


class Made:
    def __init__(self, key: int) -> None:
        self.key = key


def lent(pool: Pool[int, Made], key: int) -> AbstractContextManager[Made]:
    return pool.lent(key, lambda: Made(key))


def test_what_is_returned_is_lent_again() -> None:
    pool: Pool[int, Made] = Pool()
    with lent(pool, 1) as first:
        assert first.key == 1
    with lent(pool, 1) as again, lent(pool, 1) as other, lent(pool, 2) as second:
        assert again is first
        assert other is not first
        assert second.key == 2


def test_what_was_lent_when_an_error_came_is_returned() -> None:
    pool: Pool[int, Made] = Pool()
    with pytest.raises(ValueError, match="by the borrower"), lent(pool, 1) as first:
        raise ValueError("by the borrower")
    with lent(pool, 1) as again:
        assert again is first


def test_what_cannot_be_made_leaves_the_pool_as_it_was() -> None:
    def fail() -> Made:
        raise ValueError("cannot be made")

    pool: Pool[int, Made] = Pool()
    for _ in range(3):
        with pytest.raises(ValueError, match="cannot be made"), pool.lent(0, fail):
            pass
    for key in range(1, 3 * KEPT):
        with lent(pool, key):
            pass
    assert len(pool) == KEPT  # as for one borrower


@pytest.mark.parametrize("borrowers", [1, 3])
def test_idle_values_are_few_for_each_borrower(borrowers: int) -> None:
    pool: Pool[int, Made] = Pool()
    for key in range(20):
        with ExitStack() as stack:
            for _ in range(borrowers):
                stack.enter_context(lent(pool, key))
    assert len(pool) == KEPT * borrowers
    with lent(pool, 0) as oldest, lent(pool, 19) as newest:
        assert (oldest.key, newest.key) == (0, 19)
