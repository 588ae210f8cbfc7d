"""Detects whether an MPI launcher, such as mpiexec, started this process as one of several."""

from __future__ import annotations

import os
from typing import NamedTuple

# Variables that launchers set: the process's number, and the number of processes.
VARIABLES = (
    ("PMI_RANK", "PMI_SIZE"),  # MPICH, Intel MPI, and Slurm with --mpi=pmi2
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),  # Open MPI
    ("PMIX_RANK", "SLURM_STEP_NUM_TASKS"),  # Slurm with --mpi=pmix
)


class Launch(NamedTuple):
    """The place of this process among those that a launcher started.

    Attributes:
        rank: the number of this process, from 0.
        size: the number of processes.
    """

    rank: int
    size: int


def launched() -> Launch | None:
    """The place of this process if a launcher started several; otherwise None."""
    for rank, size in VARIABLES:
        try:
            found = Launch(int(os.environ[rank]), int(os.environ[size]))
        except (KeyError, ValueError):
            continue
        if found.size > 1:
            return found
    return None
