"""A pool of objects that must not be used by two threads at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Pool(Generic[Value]):
    """Values created on demand, each lent to one borrower at a time.

    The pool grows to the largest number of simultaneous borrowers. The value returned last is lent
    first, because its memory may still be in the cache.
    """

    def __init__(self, make: Callable[[], Value]) -> None:
        self._make = make
        # Operations of a deque are atomic. With a lock, threads that borrow often would wait for
        # each other.
        self._idle: deque[Value] = deque()

    @contextmanager
    def lent(self) -> Iterator[Value]:
        """Lends a value for as long as the block runs."""
        try:
            value = self._idle.pop()
        except IndexError:
            value = self._make()
        try:
            yield value
        finally:
            self._idle.append(value)

    def __len__(self) -> int:
        """The number of idle values."""
        return len(self._idle)
