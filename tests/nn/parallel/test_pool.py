"""Tests of the pool: exclusive use of its objects, and no more objects than needed."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from nnkit.nn.parallel.pool import Pool


def test_what_is_returned_is_lent_again() -> None:
    pool = Pool(object)
    with pool.lent() as first:
        pass
    with pool.lent() as again, pool.lent() as other:
        assert again is first
        assert other is not first
    assert len(pool) == 2


def test_what_was_lent_when_an_error_came_is_returned() -> None:
    pool = Pool(object)
    with pytest.raises(ValueError, match="by the borrower"), pool.lent() as first:
        raise ValueError("by the borrower")
    with pool.lent() as again:
        assert again is first


def test_what_cannot_be_made_leaves_the_pool_as_it_was() -> None:
    def fail() -> object:
        raise ValueError("cannot be made")

    pool = Pool(fail)
    with pytest.raises(ValueError, match="cannot be made"), pool.lent():
        pass
    assert len(pool) == 0


@pytest.mark.parametrize("borrowers", [1, 3])
def test_there_are_as_many_as_borrowers_at_once(borrowers: int) -> None:
    pool = Pool(object)
    for _ in range(5):
        with ExitStack() as stack:
            lent = [stack.enter_context(pool.lent()) for _ in range(borrowers)]
            assert len({*map(id, lent)}) == borrowers
    assert len(pool) == borrowers
