"""Memory that is used again: never while an array or a view of it is in use."""

from __future__ import annotations

import numpy as np
import pytest

from nnkit.memory import ReusedMemory

FLOATS = np.dtype(np.float32)


@pytest.mark.parametrize("shape", [(), (1,), (3, 5), (1 << 10,), (0, 4)])
def test_arrays_have_the_requested_shape_and_type(shape: tuple[int, ...]) -> None:
    array = ReusedMemory().empty(shape, FLOATS)
    assert (array.shape, array.dtype) == (shape, FLOATS)
    assert array.flags.c_contiguous
    assert array.flags.writeable


def test_memory_is_used_again_after_its_last_view() -> None:
    memory = ReusedMemory()
    array = memory.empty((100, 3), FLOATS)
    first = array.ctypes.data
    view = array[1:].T
    del array
    other = memory.empty((100, 3), FLOATS)
    assert not np.shares_memory(other, view)
    del view
    assert memory.empty((298,), FLOATS).ctypes.data == first  # almost as much


def test_arrays_remain_when_their_maker_is_gone() -> None:
    memory = ReusedMemory()
    array = memory.empty((1 << 20,), FLOATS)
    array.fill(3)
    del memory
    assert (array == 3).all()
