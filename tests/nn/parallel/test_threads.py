"""Tests of work shared among threads: concurrent, with results in order, on any core count."""

from __future__ import annotations

from threading import Barrier, get_ident

import numpy as np
import pytest

from nnkit.nn.parallel.threads import side_by_side


@pytest.mark.parametrize("count", [1, 2, 5])
def test_all_parts_are_computed_at_once_and_their_results_are_in_order(count: int) -> None:
    together = Barrier(count, timeout=30)  # blocks until all threads have arrived

    def work(part: int) -> tuple[int, int]:
        together.wait()
        return part, get_ident()

    parts, threads = zip(*side_by_side(work, range(count)), strict=True)
    assert parts == tuple(range(count))
    assert threads[0] == get_ident()
    assert len(set(threads)) == count


@pytest.mark.parametrize("failing", [0, 2])
def test_an_error_is_raised_once_no_part_is_left_at_work(failing: int) -> None:
    finished: list[int] = []
    others_wait = Barrier(3, timeout=30)

    def work(part: int) -> None:
        others_wait.wait()
        if part == failing:
            raise ValueError(f"part {part}")
        sum(range(1_000_000))  # takes longer than the error
        finished.append(part)

    with pytest.raises(ValueError, match=f"part {failing}"):
        side_by_side(work, range(3))
    assert sorted(finished) == [part for part in range(3) if part != failing]


def test_overflow_says_nothing_in_the_other_threads() -> None:
    def overflowing(huge: float) -> bool:
        with np.errstate(all="ignore") if get_ident() == own else np.errstate():
            return bool(np.isinf(np.array([huge]) * huge).all())

    own = get_ident()
    assert side_by_side(overflowing, [1e300] * 3) == [True] * 3
