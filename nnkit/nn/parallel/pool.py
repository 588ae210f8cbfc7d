"""A pool of objects that must not be used by two threads at once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

KEPT = 4  # idle values for each borrower: a full batch and the short last one, twice


class Pool(Generic[Key, Value]):
    """Values made on demand, each lent to one borrower at a time.

    What is returned is lent again to whoever asks for the same key. Of idle values only those used
    last are kept, `KEPT` for each of the borrowers that there were at once.
    """

    def __init__(self) -> None:
        self._idle: OrderedDict[int, tuple[Key, Value]] = OrderedDict()  # by id, last used last
        self._lock = Lock()
        self._borrowers = self._most_borrowers = 0

    @contextmanager
    def lent(self, key: Key, make: Callable[[], Value]) -> Iterator[Value]:
        """Lends a value for as long as the block runs; `make` gives a new one if none is idle."""
        value = self._take(key, make)
        try:
            yield value
        finally:
            self._put_back(key, value)

    def __len__(self) -> int:
        """How many values are idle."""
        return len(self._idle)

    def _take(self, key: Key, make: Callable[[], Value]) -> Value:
        with self._lock:
            self._borrowers += 1
            self._most_borrowers = max(self._most_borrowers, self._borrowers)
            for number, (own, value) in reversed(self._idle.items()):
                if own == key:
                    del self._idle[number]
                    return value
        try:
            return make()  # not under the lock, since it may take long
        except BaseException:
            with self._lock:
                self._borrowers -= 1
            raise

    def _put_back(self, key: Key, value: Value) -> None:
        with self._lock:
            self._borrowers -= 1
            self._idle[id(value)] = key, value
            while len(self._idle) > KEPT * self._most_borrowers:
                self._idle.popitem(last=False)
