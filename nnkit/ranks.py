"""Ranks: processes that train one network together, each on its share of every batch.

`Ranks` is a single process; `MPIRanks` are the processes of an MPI communicator. Code that uses
them is the same for both.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import prod
from time import perf_counter, sleep
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from nnkit.errors import DivergedError, GateError, NnkitError
from nnkit.processors import usable_processors, within_quota

Array = NDArray[Any]
Value = TypeVar("Value")
IMPATIENT = 1e-4  # seconds for which a rank waits without pausing
FORWARDING = 0.2  # seconds until the launcher has passed on a last message; an abort discards it
PAUSE = 2e-5  # seconds between two looks at whether others have arrived


class Ranks:
    """A single process, for which every operation is trivial; base class of several processes.

    Except for `share` and `processors`, all ranks must call each method, in the same order.

    Attributes:
        rank: the number of this process, from 0.
        size: the number of processes.
    """

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this is the process that prints and writes files."""
        return self.rank == 0

    def share(self, samples: int) -> slice:
        """The part of a number of samples that belongs to this rank.

        Parts are consecutive, and their sizes differ by at most one.
        """
        return slice(*(samples * end // self.size for end in (self.rank, self.rank + 1)))

    def sum_in_place(self, values: Array) -> None:
        """Replaces an array by its sum over all ranks, which is the same on each."""

    def sum(self, value: float) -> float:
        """The sum of a number over all ranks."""
        return value

    def any(self, value: bool) -> bool:
        """Whether a value is true on any rank."""
        return value

    def gather(self, value: Value) -> list[Value]:
        """The values of all ranks, by rank."""
        return [value]

    def joined(self, rows: Array) -> Array | None:
        """The rows of all ranks (total, …), by rank, on the first rank; None on the others.

        Args:
            rows: the rows of this rank, (n, …); the other axes are the same on all ranks.
        """
        return rows

    def together(self, function: Callable[[], Value]) -> Value:
        """Calls a function on each rank; if it fails on one, all raise an error.

        Raises:
            RankError: it failed on another rank only.
        """
        return function()

    def on_first(self, function: Callable[[], Value]) -> Value:
        """Calls a function on the first rank alone, and returns its result on all.

        Raises:
            RankError: it failed; the first rank raises the error itself.
        """
        return function()

    @contextmanager
    def ending_together(self) -> Iterator[None]:
        """Ends all processes if one fails alone within the block, as the others would wait for it.

        An error that all ranks raise passes. One rank's error is printed to standard error.
        """
        yield

    def processors(self) -> int:
        """The number of processors for each of the ranks on this machine, at least one."""
        return within_quota(len(usable_processors()))


ALONE = Ranks()


class RankError(NnkitError):
    """An error that occurred on another rank."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class MPIRanks(Ranks):
    """The processes of an mpi4py communicator, such as `MPI.COMM_WORLD`."""

    def __init__(self, communicator: Any) -> None:
        self.communicator = communicator
        self.rank: int = communicator.rank
        self.size: int = communicator.size
        self.known: Exception | None = None  # the last error that all ranks know of
        neighbours = communicator.Split_type(_mpi().COMM_TYPE_SHARED)  # ranks on this machine
        usable = set[int]().union(*neighbours.allgather(usable_processors()))
        self._processors = max(1, within_quota(len(usable)) // neighbours.size)
        neighbours.Free()

    def sum_in_place(self, values: Array) -> None:
        _finish(self.communicator.Iallreduce(_mpi().IN_PLACE, values))

    def sum(self, value: float) -> float:
        total = np.array(value, dtype=np.float64)
        self.sum_in_place(total)
        return float(total)

    def any(self, value: bool) -> bool:
        return self.sum(value) > 0

    def gather(self, value: Value) -> list[Value]:
        self._meet()
        found: list[Value] = self.communicator.allgather(value)
        return found

    def joined(self, rows: Array) -> Array | None:
        self._meet()
        rows = np.ascontiguousarray(rows)
        counts = self.communicator.gather(len(rows))
        if counts is None:  # on the other ranks
            self.communicator.Gatherv(rows, None)
            return None
        whole = np.empty((sum(counts), *rows.shape[1:]), dtype=rows.dtype)
        values = prod(rows.shape[1:])
        self.communicator.Gatherv(rows, (whole, [count * values for count in counts]))
        return whole

    def together(self, function: Callable[[], Value]) -> Value:
        result, error = _attempt(function)
        self._raise_first(self.gather(_described(error)), error)
        assert result is not None
        return result[0]

    def on_first(self, function: Callable[[], Value]) -> Value:
        result, error = _attempt(function) if self.is_first else (None, None)
        self._meet()
        report, result = self.communicator.bcast((_described(error), result))
        self._raise_first([report], error)
        return result[0]

    def processors(self) -> int:
        return self._processors

    def _meet(self) -> None:
        """Waits until all ranks are here."""
        _finish(self.communicator.Ibarrier())

    def _raise_first(self, reports: list[tuple[str, int] | None], own: Exception | None) -> None:
        """Raises an error on all ranks if there is a report; a rank's own error takes precedence.

        Args:
            reports: the message and exit code of each rank's error.
            own: the error of this rank.
        """
        for rank, report in enumerate(reports):
            if report is not None:
                message, exit_code = report
                self.known = own or RankError(f"{self.named(rank)}: {message}", exit_code)
                raise self.known

    def named(self, rank: int) -> str:
        """The name of a rank in messages."""
        return f"process {rank + 1} of {self.size}"

    @contextmanager
    def ending_together(self) -> Iterator[None]:
        try:
            yield
        except (Exception, KeyboardInterrupt) as error:
            # Losses and metrics are the same on all ranks, and so are errors that follow from them.
            everywhere = error is self.known or isinstance(error, DivergedError | GateError)
            if not everywhere:
                self._abort(error)
            raise

    def _abort(self, error: BaseException) -> None:
        if os.environ.get("NNKIT_DEBUG"):
            traceback.print_exception(error, file=sys.__stderr__)
        message, exit_code = _described(error) or ("", 1)
        machine = _mpi().Get_processor_name()
        text = f"error: {self.named(self.rank)}, on {machine}, failed: {message}"
        print(text, file=sys.__stderr__, flush=True)
        sleep(FORWARDING)
        self.communicator.Abort(exit_code)
        os._exit(exit_code)  # MPICH's Abort returns, and kills the processes a moment later


def _attempt(function: Callable[[], Value]) -> tuple[tuple[Value] | None, Exception | None]:
    """The result of a function, in a tuple; or None and the error."""
    try:
        return (function(),), None
    except Exception as error:  # noqa: BLE001 (raised on all ranks)
        return None, error


def _described(error: BaseException | None) -> tuple[str, int] | None:
    """The message and the exit code of an error; None for no error."""
    if error is None:
        return None
    if isinstance(error, NnkitError):
        return str(error), error.exit_code
    if isinstance(error, KeyboardInterrupt):
        return "interrupted", 130
    return f"{type(error).__name__}: {error}", 1


def _mpi() -> Any:
    from mpi4py import MPI

    return MPI


def _finish(request: Any) -> None:
    """Waits until a communication is complete.

    MPI's own waiting occupies a processor. If there are fewer processors than ranks, or other
    processes use them, a rank would keep another from computing what it waits for: with three ranks
    on two processors, a reduction took 200 times as long.
    """
    if request.Test():
        return
    patient_from = perf_counter() + IMPATIENT
    while not request.Test():
        if perf_counter() > patient_from:
            sleep(PAUSE)
