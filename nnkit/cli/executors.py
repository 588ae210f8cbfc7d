"""The options that say where the trainings of a batch or search run, and the executor for them."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nnkit.cli.options import option
from nnkit.cli.output import say

if TYPE_CHECKING:
    from nnkit.experiments.dask_executor import DaskExecutor
    from nnkit.experiments.executor import LocalExecutor
    from nnkit.experiments.worker_process import StartProcess


class ExecutorKind(StrEnum):
    """The executor of trainings."""

    LOCAL = "local"
    DASK = "dask"


JobsOption = Annotated[
    int | None,
    option(
        "--jobs -j",
        "N",
        "Trainings at a time, which share the processors; by default one per processor, "
        "or per thread of the Dask workers.",
        min=1,
    ),
]
ExecutorOption = Annotated[
    ExecutorKind,
    typer.Option(
        "--executor",
        metavar="local|dask",
        help="Where to train: on this machine, or on a Dask cluster.",
    ),
]
SchedulerOption = Annotated[
    str | None,
    option(
        "--scheduler",
        "ADDRESS",
        "The Dask cluster: tcp://host:8786, tls://host:8786 or a scheduler file.",
    ),
]
TimeLimitOption = Annotated[
    float | None,
    option(
        "--time-limit",
        "MINUTES",
        "Save and stop after this time; the same command continues.",
        min=0,
    ),
]


def check_executor(kind: ExecutorKind, scheduler: str | None) -> None:
    """Checks that a scheduler is given if, and only if, it is used.

    Raises:
        UsageError: it is not.
    """
    from nnkit.errors import UsageError

    if kind is ExecutorKind.DASK and scheduler is None:
        raise UsageError("--executor dask needs --scheduler, such as tcp://host:8786")
    if kind is ExecutorKind.LOCAL and scheduler is not None:
        raise UsageError("--scheduler is only used with --executor dask")


@contextmanager
def starter_of(kind: ExecutorKind, *, trains: bool = True) -> Iterator[StartProcess]:
    """Provides the function that starts worker processes within the block.

    Where forking is safe, they are forked from a server, which imports what they need while the
    command reads its file.

    Args:
        kind: where trainings run.
        trains: whether there are any.
    """
    from nnkit.experiments.fork_server import ForkServer
    from nnkit.experiments.worker_process import spawned

    if trains and kind is ExecutorKind.LOCAL and sys.platform == "linux":
        with ForkServer() as server:
            yield server.start
    else:
        yield spawned


def executor_of(
    start: StartProcess,
    scheduler: str | None,
    runs: Path,
    files: Collection[Path],
    jobs: int | None,
    trainings: int,
) -> tuple[LocalExecutor | DaskExecutor, int, int]:
    """The executor of several trainings.

    Args:
        start: how worker processes of this machine are started.
        scheduler: the address of a Dask cluster, or its scheduler file; None for this machine.
        runs: the folder of the runs.
        files: the files of the data.
        jobs: the most trainings at a time; by default one per processor.
        trainings: the number of trainings.

    Returns:
        The executor, the number of trainings at a time, and the threads of each.

    Raises:
        UsageError: the address is malformed, or Dask is not installed.
        ClusterError: there is no scheduler or no worker, or a worker cannot train.
    """
    from nnkit.nn.numerics import processors

    if scheduler is None:
        from nnkit.experiments.executor import LocalExecutor

        workers = min(jobs or processors(), trainings)
        return LocalExecutor(workers, start), workers, max(1, processors() // workers)
    from nnkit.experiments.dask_executor import DaskExecutor

    cluster = DaskExecutor(scheduler, runs, sorted(files), jobs, say)
    return cluster, min(cluster.at_a_time, trainings), cluster.threads
