"""Memory shared by networks of many batch sizes, of which one is in use at a time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from math import prod
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import numpy as np

from nnkit.memory import LINE, aligned_empty
from nnkit.nn.params import Array

BYTE = np.dtype(np.uint8)
MOST_BOUND = 64  # networks kept in an arena; they are views, so each takes only a few kilobytes

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value", bound="Releasable")


class Buffers:
    """Allocates buffers one after another from a block of memory.

    A buffer that does not fit gets its own memory, as do all buffers if no block is given.

    Attributes:
        size: total size of all buffers, in bytes.
    """

    def __init__(self, memory: Array | None = None, start: int = 0) -> None:
        self.size = start
        self._memory = memory
        self._filled: list[tuple[Array, float]] = []
        self._overlays: list[Overlay] = []

    def overlay(self) -> Overlay:
        """Buffers for several users, one at a time, all of which start at the same place."""
        overlay = Overlay(self)
        self._overlays.append(overlay)
        return overlay

    def branch(self) -> Buffers:
        """Buffers of the same memory that start where these end now."""
        return Buffers(self._memory, self.size)

    def empty(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        """A buffer whose contents need not persist between passes."""
        start, length = self.size, prod(shape) * dtype.itemsize
        self.size += -(-length // LINE) * LINE
        if self._memory is None or start + length > len(self._memory):
            return aligned_empty(shape, dtype)
        return self._memory[start : start + length].view(dtype).reshape(shape)

    def full(self, shape: tuple[int, ...], dtype: np.dtype[Any], value: float) -> Array:
        """A buffer filled with a value, which `refill` restores."""
        buffer = self.empty(shape, dtype)
        self._filled.append((buffer, value))
        if self._memory is None:
            buffer.fill(value)
        return buffer

    def refill(self) -> None:
        """Restores the values of filled buffers, which other networks may have overwritten."""
        for buffer, value in self._filled:
            buffer.fill(value)
        for overlay in self._overlays:
            overlay.user = None


class Overlay:
    """Buffers for several users in the same memory, of which one is in use at a time.

    Attributes:
        user: the buffers that are in use; None if their filled values may be overwritten.
    """

    def __init__(self, buffers: Buffers) -> None:
        self.user: Buffers | None = None
        self._buffers = buffers
        self._start = buffers.branch()

    def buffers(self) -> Buffers:
        """Buffers for one more user."""
        return self._start.branch()

    def include(self, used: Buffers) -> None:
        """Reserves the memory that a user has taken."""
        self._buffers.size = max(self._buffers.size, used.size)

    def use(self, chosen: Buffers) -> None:
        """Prepares the buffers of a user, whose filled values others may have overwritten."""
        if self.user is not chosen:
            chosen.refill()
            self.user = chosen


class Releasable(Protocol):
    """An object that may hold references to its last input."""

    def release(self) -> None:
        """Drops references to the last input."""


class _Entry(NamedTuple):
    """An object bound in an arena, with its key and its buffers."""

    key: Hashable
    value: Any
    buffers: Buffers


class Arena(Generic[Key, Value]):
    """Memory as large as its largest network needs; all networks bound in it are views of it.

    Only one network is in use at a time, by one thread: each call to `get` invalidates the network
    returned before. A copy of an arena is empty, because what is bound points to the original's
    parameters and memory.
    """

    def __init__(self) -> None:
        self._memory = aligned_empty((0,), BYTE)
        self._bound: OrderedDict[Key, _Entry] = OrderedDict()  # most recently used last
        self._tenant: _Entry | None = None

    def __reduce__(self) -> tuple[type[Arena[Key, Value]], tuple[()]]:
        return Arena, ()

    @property
    def nbytes(self) -> int:
        """The size of the memory in bytes."""
        return self._memory.nbytes

    def get(self, key: Key, bind: Callable[[Buffers], Value]) -> Value:
        """The object bound under a key, ready for use.

        Args:
            key: identifies the object.
            bind: creates the object in the given buffers; called if the key is new.
        """
        tenant = self._tenant
        if tenant is not None and tenant.key == key:  # most steps; avoids hashing the key
            return tenant.value
        found = self._bound.get(key)
        if found is None:
            found = self._bound[key] = self._bind(key, bind)
            if len(self._bound) > MOST_BOUND:
                self._bound.popitem(last=False)
        self._bound.move_to_end(key)
        found.buffers.refill()
        if tenant is not None:
            tenant.value.release()  # else each of many networks would keep an input alive
        self._tenant = found
        return found.value

    def _bind(self, key: Key, bind: Callable[[Buffers], Value]) -> _Entry:
        buffers = Buffers(self._memory)
        value = bind(buffers)
        if buffers.size <= len(self._memory):
            return _Entry(key, value, buffers)
        # Objects bound earlier would keep the old memory alive: drop them, `get` binds them again.
        del value
        self._bound.clear()
        self._tenant = None
        self._memory = aligned_empty((0,), BYTE)
        self._memory = aligned_empty((buffers.size,), BYTE)
        buffers = Buffers(self._memory)
        return _Entry(key, bind(buffers), buffers)
