"""Computing ahead: a thread prepares what is needed next."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

Item = TypeVar("Item")


def prefetched(items: Iterator[Item]) -> Generator[Item, None, None]:
    """Yields items, each of which a thread computes while the one before is in use.

    The thread has the context and the floating-point environment of the caller, so that it rounds
    and warns as the caller would. An exception is raised where its item would be yielded. Closing
    the iterator waits for the item that is being computed.
    """
    context = copy_context()  # with NumPy's handling of floating-point errors
    with ThreadPoolExecutor(1, "prefetch") as thread:

        def start() -> Future[Item | None]:
            return thread.submit(context.run, lambda: next(items, None))

        coming = start()
        while (item := coming.result()) is not None:
            coming = start()
            yield item
