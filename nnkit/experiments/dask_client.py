"""Connections to a Dask cluster, and the checks of its workers before anything is trained."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnkit.blas import kernels
from nnkit.errors import ClusterError, UsageError
from nnkit.experiments.surroundings import Surroundings
from nnkit.optional import optional
from nnkit.version import __version__

if TYPE_CHECKING:
    from distributed import Client

    from nnkit.experiments.dask_worker import Inspection

CONNECT_SECONDS = 10  # until an address where nobody answers is given up
WORKER_SECONDS = 60  # until a cluster without workers is given up
SCHEDULER_SECONDS = 30  # until a scheduler that does not answer any more is given up


def address_of(scheduler: str) -> str:
    """The address of a scheduler, given as such or by the scheduler file that Dask wrote.

    Raises:
        UsageError: it is neither.
    """
    if "://" in scheduler:
        return scheduler
    try:
        content = json.loads(Path(scheduler).read_text(encoding="utf-8"))
        return str(content["address"])
    except OSError as error:
        raise UsageError(
            f"--scheduler {scheduler}: {error.strerror}; give an address, such as "
            "tcp://host:8786, or a scheduler file"
        ) from None
    except (ValueError, KeyError, TypeError):
        raise UsageError(f"--scheduler {scheduler}: not a scheduler file of Dask") from None


def connect(scheduler: str) -> Client:
    """Connects to a scheduler; certificates for tls:// are those of Dask's configuration.

    Raises:
        UsageError: the address is malformed, or Dask is not installed.
        ClusterError: no scheduler answers there.
    """
    distributed = optional("distributed", "--executor dask")
    address = address_of(scheduler)
    _silence()
    if address.startswith("tls://") and not distributed.Security().tls_client_cert:
        raise UsageError(
            f"--scheduler {scheduler}: TLS needs certificates in Dask's configuration, such as "
            "the variables DASK_DISTRIBUTED__COMM__TLS__CA_FILE, …__CLIENT__CERT, …__CLIENT__KEY"
        )
    try:
        return distributed.Client(
            address, timeout=CONNECT_SECONDS, set_as_default=False, name="nnkit"
        )
    except (OSError, TimeoutError) as error:
        raise ClusterError(
            f"no Dask scheduler answers at {address} ({_reason(error)}); start one there with: "
            "dask scheduler"
        ) from None
    except (ValueError, TypeError, RuntimeError) as error:
        raise UsageError(f"--scheduler {scheduler}: {error}") from None


def _silence() -> None:
    """Turns off the log of Dask, whose messages and tracebacks our own errors replace."""
    if not os.environ.get("NNKIT_DEBUG"):
        for name in ("distributed", "distributed.client", "distributed.comm", "tornado", "asyncio"):
            logging.getLogger(name).setLevel(logging.CRITICAL)


def _reason(error: BaseException | None) -> str:
    """The innermost cause of a failed connection that has a text, on one line."""
    reason = "no reply"
    while error is not None:
        if isinstance(error, OSError) and str(error):
            reason = str(error).splitlines()[0]
        error = error.__cause__
    return reason


async def answer_in_time(answer: Awaitable[Any]) -> Any:
    """The answer of a cluster, for which Dask would wait for ever.

    Raises:
        ClusterError: there is none.
    """
    try:
        return await asyncio.wait_for(answer, SCHEDULER_SECONDS)
    except (OSError, TimeoutError) as error:
        text = f"the Dask cluster does not answer ({_reason(error)} in {SCHEDULER_SECONDS} s)"
        raise ClusterError(text) from None


def first_workers(client: Client, notify: Callable[[str], None]) -> dict[str, int]:
    """The threads of each worker by address, as soon as there is one.

    Raises:
        ClusterError: none connects.
    """
    address = client.scheduler.address
    start = f"start one: dask worker {address}"

    async def wait() -> dict[str, int]:
        if not await answer_in_time(client.nthreads()):
            notify(f"waiting for a worker to connect to {address}; {start}")
            task = client.submit(int, pure=False)  # lets adaptive clusters start a worker
            await asyncio.wait_for(task.result(), WORKER_SECONDS)
        return dict(await answer_in_time(client.nthreads()))

    try:
        found: dict[str, int] = client.sync(wait)
    except TimeoutError:
        raise ClusterError(
            f"no worker has connected to {address} within {WORKER_SECONDS} seconds; {start}"
        ) from None
    except (asyncio.CancelledError, CancelledError):
        raise ClusterError(f"the connection to the Dask scheduler {address} was lost") from None
    return found


def inspect_workers(client: Client, needed: Surroundings, notify: Callable[[str], None]) -> None:
    """Checks that all workers can train.

    Raises:
        ClusterError: everything that is wrong, with the address of the worker.
    """
    from nnkit.experiments.dask_worker import inspect

    found: dict[str, Inspection] = client.sync(
        lambda: answer_in_time(client.run(inspect, needed, on_error="return"))
    )
    if faults := [text for worker in found if (text := _fault(worker, found[worker]))]:
        raise ClusterError("\n".join(faults))
    processors = {kernels(), *(inspection.processor for inspection in found.values())}
    if len(processors) > 1:
        notify(
            f"the processors of the workers differ ({', '.join(sorted(processors))}), so the last "
            "digits of results depend on where a cell is trained"
        )


def _fault(worker: str, found: Inspection | Exception) -> str | None:
    """The error message for a worker that cannot train; None if it can."""
    if isinstance(found, OSError):
        return f"worker {worker} cannot be reached by the scheduler ({found})"
    if isinstance(found, Exception):  # Dask does not always pass on which
        return f"worker {worker} cannot run nnkit {__version__} ({found}); install it there"
    return None if found.obstacle is None else f"worker {worker}: {found.obstacle}"
