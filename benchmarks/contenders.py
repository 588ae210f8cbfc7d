"""Who is measured, and in which settings the fastest is looked for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product

# What says how many threads: OpenBLAS and OpenMP (NumPy, scikit-learn, PyTorch), and XLA (JAX).
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "PJRT_NPROC")
# One thread, and what the library takes by itself, which is one for each core.
ONE_OR_ALL = (1, None) if (os.cpu_count() or 1) > 1 else (None,)


@dataclass(frozen=True, slots=True)
class Setting:
    """One way to use a contender.

    Attributes:
        mode: which of its module's ways; "" where there is one.
        threads: how many it may use; None leaves that to it.
    """

    mode: str = ""
    threads: int | None = None

    def __str__(self) -> str:
        threads = "default threads" if self.threads is None else "1 thread"
        return f"{self.mode}, {threads}" if self.mode else threads


@dataclass(frozen=True, slots=True)
class Contender:
    """A library.

    Attributes:
        name: as `--only` takes it.
        title: as the report shows it.
        module: of `benchmarks.peers`.
        training: the settings of which the fastest is measured.
        inference: likewise.
        environment: variables for its workers.
    """

    name: str
    title: str
    module: str
    training: tuple[Setting, ...]
    inference: tuple[Setting, ...]
    environment: Mapping[str, str] = field(default_factory=dict)

    def settings(self, job: str) -> tuple[Setting, ...]:
        return self.training if job == "training" else self.inference


def settings(*modes: str) -> tuple[Setting, ...]:
    """Each mode with one thread and with all."""
    return tuple(Setting(mode, threads) for mode, threads in product(modes, ONE_OR_ALL))


# nnkit chooses its threads itself, as it does for its users.
ALONE = (Setting(),)
OURS = ("nnkit", "nnkit-speed")
CONTENDERS = (
    Contender("nnkit", "nnkit", "nnkit_peer", ALONE, ALONE, {"NNKIT_COMPILED": "0"}),
    Contender("nnkit-speed", "nnkit[speed]", "nnkit_peer", ALONE, ALONE, {"NNKIT_COMPILED": "1"}),
    Contender(
        "torch",
        "PyTorch",
        "torch_peer",
        training=settings("eager"),
        inference=settings("eager", "TorchScript", "compiled"),
    ),
    # Whole training steps written as functions for torch.compile: another program, far from what
    # the documentation shows, so it is measured beside PyTorch and not as PyTorch.
    Contender("torch-steps", "PyTorch, steps compiled", "torch_peer", settings("compiled"), ()),
    Contender(
        "jax",
        "JAX",
        "jax_peer",
        training=settings("scan, unroll 1", "scan, unroll 4"),
        inference=settings("a call a batch", "lax.map"),
        # On a processor as the others are, and in an error the error itself last.
        environment={"JAX_PLATFORMS": "cpu", "JAX_TRACEBACK_FILTERING": "off"},
    ),
    Contender("sklearn", "scikit-learn", "sklearn_peer", settings(""), ()),
)
