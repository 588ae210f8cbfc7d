"""Memory in which networks of many batch sizes are bound, of which one is in use at a time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from math import prod
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from nnkit.memory import LINE, aligned_empty
from nnkit.nn.params import Array

BYTE = np.dtype(np.uint8)
MOST_BOUND = 64  # networks kept in an arena; they are views, so that each takes only some kilobytes

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Buffers:
    """Hands out buffers, one after the other, as parts of a memory.

    What does not fit gets memory of its own, and so do all buffers where no memory is given.

    Attributes:
        size: total size of all buffers, in bytes.
    """

    def __init__(self, memory: Array | None = None) -> None:
        self.size = 0
        self._memory = memory
        self._filled: list[tuple[Array, float]] = []

    def empty(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        """A buffer whose contents do not matter between two passes."""
        start, length = self.size, prod(shape) * dtype.itemsize
        self.size += -(-length // LINE) * LINE
        if self._memory is None or start + length > len(self._memory):
            return aligned_empty(shape, dtype)
        return self._memory[start : start + length].view(dtype).reshape(shape)

    def full(self, shape: tuple[int, ...], dtype: np.dtype[Any], value: float) -> Array:
        """A buffer of that value, which it holds whenever its network is used."""
        buffer = self.empty(shape, dtype)
        self._filled.append((buffer, value))
        if self._memory is None:
            buffer.fill(value)
        return buffer

    def refill(self) -> None:
        """Restore the values of filled buffers, as others may have used the memory."""
        for buffer, value in self._filled:
            buffer.fill(value)


class _Entry(NamedTuple):
    """An object bound in an arena, with its key and its buffers."""

    key: Hashable
    value: Any
    buffers: Buffers


class Arena(Generic[Key, Value]):
    """Memory as large as the largest network bound in it, of which all others are views too.

    One of them is in use at a time, by one thread: whoever gets another one has done with the one
    before.
    """

    def __init__(self) -> None:
        self._memory = aligned_empty((0,), BYTE)
        self._bound: OrderedDict[Key, _Entry] = OrderedDict()  # last used last
        self._tenant: _Entry | None = None

    @property
    def nbytes(self) -> int:
        """The memory's size."""
        return self._memory.nbytes

    def get(self, key: Key, bind: Callable[[Buffers], Value]) -> Value:
        """The object bound under a key, ready for use.

        Args:
            key: what it is bound for.
            bind: binds it, with the buffers that it takes.
        """
        tenant = self._tenant
        if tenant is not None and tenant.key == key:  # as in most steps, without hashing the key
            return tenant.value
        found = self._bound.get(key)
        if found is None:
            found = self._bound[key] = self._bind(key, bind)
            if len(self._bound) > MOST_BOUND:
                self._bound.popitem(last=False)
        self._bound.move_to_end(key)
        found.buffers.refill()
        self._tenant = found
        return found.value

    def _bind(self, key: Key, bind: Callable[[Buffers], Value]) -> _Entry:
        buffers = Buffers(self._memory)
        value = bind(buffers)
        if buffers.size <= len(self._memory):
            return _Entry(key, value, buffers)
        # What was bound before is bound anew when it is next asked for: it would keep the memory.
        del value
        self._bound.clear()
        self._tenant = None
        self._memory = aligned_empty((0,), BYTE)
        self._memory = aligned_empty((buffers.size,), BYTE)
        buffers = Buffers(self._memory)
        return _Entry(key, bind(buffers), buffers)
