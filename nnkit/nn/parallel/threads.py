"""Work shared out among threads: NumPy and compiled kernels let each other run meanwhile."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import cache
from typing import TypeVar

import numpy as np

from nnkit.nn.denormals import flushed_denormals

Part = TypeVar("Part")
Result = TypeVar("Result")


def side_by_side(work: Callable[[Part], Result], parts: Sequence[Part]) -> list[Result]:
    """The results of all parts, computed at once; the first in the calling thread."""
    first, *others = parts
    if not others:
        return [work(first)]
    started = [_threads(len(others)).submit(work, part) for part in others]
    try:
        own = work(first)
    finally:
        results = [future.result() for future in started]  # none is left at work behind
    return [own, *results]


@cache
def _threads(count: int) -> ThreadPoolExecutor:
    """Threads that compute as the one that trains does: no word of overflow, no denormals."""
    return ThreadPoolExecutor(count, "nnkit", initializer=_start_worker)


def _start_worker() -> None:
    np.seterr(all="ignore")
    ExitStack().enter_context(flushed_denormals())  # for as long as the thread lives


if hasattr(os, "register_at_fork"):  # a child process has none of its parent's threads
    os.register_at_fork(after_in_child=_threads.cache_clear)
