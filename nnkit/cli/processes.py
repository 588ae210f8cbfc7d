"""Processes started by an MPI launcher: `mpiexec -n 4 nnkit train config.yaml`.

Only `nnkit train` uses several. The first one prints for all.
"""

from __future__ import annotations

import atexit
import os
import sys
from typing import TYPE_CHECKING, Any

from nnkit.launcher import Launch, launched

if TYPE_CHECKING:
    from nnkit.ranks import Ranks


def silence_others() -> None:
    """Discards the output of this process unless it is the first, or the only one."""
    place = launched()
    if place is not None and place.rank > 0:
        sys.stdout = sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115


def refuse_several(command: str) -> None:
    """Checks that a command was started in a single process.

    Raises:
        UsageError: a launcher started several.
    """
    from nnkit.errors import UsageError

    place = launched()
    if place is not None:
        raise UsageError(
            f"nnkit {command} runs in one process, but {place.size} were started; "
            "run it without mpiexec or srun"
        )


def ranks_of_launcher() -> Ranks:
    """The processes that a launcher started, or this one alone.

    Raises:
        UsageError: mpi4py is missing, or belongs to another MPI than the launcher.
    """
    from nnkit.errors import UsageError
    from nnkit.ranks import ALONE, MPIRanks

    place = launched()
    if place is None:
        return ALONE
    try:
        return MPIRanks(_world(place))
    except UsageError as error:
        if place.rank > 0:  # its machine may be the only one with this problem
            print(f"error: process {place.rank + 1}: {error}", file=sys.__stderr__, flush=True)
        raise


def _world(place: Launch) -> Any:
    """The communicator of all processes.

    Raises:
        UsageError: mpi4py is missing, or belongs to another MPI than the launcher.
    """
    from nnkit.errors import UsageError
    from nnkit.optional import optional

    mpi = optional("mpi4py", "training with several processes")
    if "mpi4py.MPI" not in sys.modules:
        mpi.rc.thread_level = "funneled"  # only the main thread communicates
        os.environ.setdefault("MPIR_CVAR_SUPPRESS_ABORT_MESSAGE", "1")  # nnkit prints its own
    MPI = optional("mpi4py.MPI", "training with several processes")
    # Before mpi4py's own handler, which aborts if the exit code is not 0.
    atexit.register(_finalize, MPI)
    if MPI.COMM_WORLD.size != place.size:
        library = MPI.Get_library_version().split("\n")[0].strip()
        raise UsageError(
            f"the launcher started {place.size} processes, but mpi4py does not see them, because "
            f"it uses another MPI ({library}); start them with that MPI's mpiexec"
        )
    return MPI.COMM_WORLD


def _finalize(MPI: Any) -> None:
    if not MPI.Is_finalized():
        MPI.Finalize()
