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

    def take(self) -> Value:
        """Lends a value until it is given back."""
        try:
            return self._idle.pop()
        except IndexError:
            return self._make()

    def give_back(self, value: Value) -> None:
        """Takes back a value that was lent."""
        self._idle.append(value)

    @contextmanager
    def lent(self) -> Iterator[Value]:
        """Lends a value for as long as the block runs."""
        value = self.take()
        try:
            yield value
        finally:
            self.give_back(value)

    def __len__(self) -> int:
        """The number of idle values."""
        return len(self._idle)
