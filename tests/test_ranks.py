"""Tests of processes that train together: alone, their shares, and real ones under mpiexec."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnkit.errors import DataError
from nnkit.ranks import ALONE
from tests.mpi import Pretended, several, with_mpi


@given(st.integers(0, 500), st.integers(1, 40))
def test_shares_are_consecutive_and_even(samples: int, size: int) -> None:
    shares = [Pretended(rank, size).share(samples) for rank in range(size)]
    assert [place for share in shares for place in range(samples)[share]] == list(range(samples))
    lengths = [len(range(samples)[share]) for share in shares]
    assert max(lengths) - min(lengths) <= 1


def test_a_single_process_is_a_group_of_one() -> None:
    values = np.array([1.0, 2.0])
    ALONE.sum_in_place(values)
    assert values.tolist() == [1.0, 2.0]
    assert ALONE.joined(values) is values
    assert ALONE.sum(0.1) == 0.1
    assert (ALONE.any(True), ALONE.any(False)) == (True, False)
    assert ALONE.gather("a") == ["a"]
    assert ALONE.on_first(lambda: 3) == ALONE.together(lambda: 3) == 3
    assert ALONE.share(7) == slice(0, 7)
    assert ALONE.is_first
    error = DataError("gone")

    def fail() -> None:
        raise error

    for call in (ALONE.on_first, ALONE.together):
        with ALONE.ending_together(), pytest.raises(DataError) as raised:
            call(fail)
        assert raised.value is error


# Each rank checks what it gets, and prints its number if all is right.
OPERATIONS = """
import numpy as np
from mpi4py import MPI
from nnkit.errors import DataError
from nnkit.ranks import MPIRanks, RankError

ranks = MPIRanks(MPI.COMM_WORLD)
rank, size = ranks.rank, ranks.size
for dtype in (np.float32, np.float64):
    values = np.arange(5, dtype=dtype) + rank
    ranks.sum_in_place(values)
    assert values.tolist() == [size * k + size * (size - 1) // 2 for k in range(5)]
assert ranks.sum(0.1) == sum([0.1] * size)
assert ranks.any(rank == 1) and not ranks.any(False)
assert ranks.gather(rank * "x") == [k * "x" for k in range(size)]
assert ranks.on_first(lambda: ("from", rank)) == ("from", 0)
assert ranks.together(lambda: rank) == rank
for total in (0, 1, 2, 7):  # fewer rows than ranks, too
    rows = np.arange(2 * total, dtype=np.float32).reshape(total, 2)
    joined = ranks.joined(rows[ranks.share(total)])
    assert (joined is None) == (rank > 0)
    if rank == 0:
        assert np.array_equal(joined, rows) and joined.dtype == rows.dtype
joined = ranks.joined(np.full(2 * rank, rank))  # as many as each has
assert rank > 0 or joined.tolist() == [k for k in range(size) for _ in range(2 * k)]

def fail():
    raise DataError(f"{rank} is gone")

for call, failing in ((ranks.on_first, 0), (ranks.together, size - 1)):
    try:
        call(lambda: fail() if rank == failing else None)
    except DataError as error:
        assert rank == failing and str(error) == f"{rank} is gone"
    except RankError as error:
        assert rank != failing and error.exit_code == 3
        assert str(error) == f"process {failing + 1} of {size}: {failing} is gone"
    else:
        raise AssertionError("no error")
present = ranks.gather(rank)
print(present if rank == 0 else "", end="")
"""


@pytest.mark.parametrize("processes", [2, 3])
class TestSeveral:
    pytestmark = with_mpi

    def test_every_operation(self, processes: int, tmp_path: Path) -> None:
        answer = several(processes, "-m", "mpi4py", "-c", OPERATIONS, folder=tmp_path)
        assert answer.err == ""
        assert answer.out == str(list(range(processes)))

    def test_a_rank_that_fails_alone_ends_all(self, processes: int, tmp_path: Path) -> None:
        script = (
            "from mpi4py import MPI; from nnkit.ranks import MPIRanks\n"
            "ranks = MPIRanks(MPI.COMM_WORLD)\n"
            "with ranks.ending_together():\n"
            "    if ranks.rank == 1: raise OSError('the disk is gone')\n"
            "    ranks.sum(1)\n"
        )
        answer = several(processes, "-c", script, folder=tmp_path)
        assert answer.code == 1
        assert f"error: process 2 of {processes}, on " in answer.err
        assert "failed: OSError: the disk is gone" in answer.err
        assert "Traceback" not in answer.err
