"""Parallel work on threads; NumPy releases the GIL."""

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
    """The results of `work` on all parts, computed in parallel; the first in the calling thread."""
    first, *others = parts
    if not others:
        return [work(first)]
    started = [_threads(len(others)).submit(work, part) for part in others]
    try:
        own = work(first)
    finally:
        results = [future.result() for future in started]  # waits for all, even on error
    return [own, *results]


@cache
def _threads(count: int) -> ThreadPoolExecutor:
    """A thread pool with the settings of the training thread: no overflow warnings or denormals."""
    return ThreadPoolExecutor(count, "nnkit", initializer=_start_worker)


def _start_worker() -> None:
    np.seterr(all="ignore")
    ExitStack().enter_context(flushed_denormals())  # for as long as the thread lives


if hasattr(os, "register_at_fork"):  # a child process does not inherit its parent's threads
    os.register_at_fork(after_in_child=_threads.cache_clear)
