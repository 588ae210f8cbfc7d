"""The libraries compared, and the settings tried for each."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product

from benchmarks.peers.protocol import Layout, Row

# Variables that set the number of threads: OpenBLAS and OpenMP (NumPy, scikit-learn, PyTorch), and
# XLA (JAX).
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "PJRT_NPROC")
# One thread, and the library's default, which is one per core.
ONE_OR_ALL = (1, None) if (os.cpu_count() or 1) > 1 else (None,)


# Memory layouts of images.
LAYOUTS: tuple[Layout, ...] = ("channels first", "channels last")


@dataclass(frozen=True, slots=True)
class Setting:
    """One way to run a contender.

    Attributes:
        mode: a mode of its module; "" if there is only one.
        layout: the memory layout of images; "" if there are no images or only one layout.
        threads: the number of threads; None for the library's default.
    """

    mode: str = ""
    layout: Layout = ""
    threads: int | None = None

    def __str__(self) -> str:
        threads = "default threads" if self.threads is None else "1 thread"
        return ", ".join(part for part in (self.mode, self.layout, threads) if part)


@dataclass(frozen=True, slots=True)
class Ways:
    """The settings to try for each job; empty if the contender cannot do the job."""

    training: tuple[Setting, ...] = ()
    inference: tuple[Setting, ...] = ()


@dataclass(frozen=True, slots=True)
class Contender:
    """A library.

    Attributes:
        name: the name on the command line (`--only`).
        title: the name in the report.
        module: the module in `benchmarks.peers`.
        dense: the settings for networks of dense layers.
        convolutional: the settings for networks with convolutions.
        environment: environment variables for its workers.
    """

    name: str
    title: str
    module: str
    dense: Ways
    convolutional: Ways
    environment: Mapping[str, str] = field(default_factory=dict)

    def settings(self, row: Row, job: str) -> tuple[Setting, ...]:
        ways = self.convolutional if row.convolutional else self.dense
        return ways.training if job == "training" else ways.inference


def settings(*modes: str, layouts: tuple[Layout, ...] = ("",)) -> tuple[Setting, ...]:
    """Returns every mode in every layout, with one thread and with the default number."""
    return tuple(Setting(*way) for way in product(modes, layouts, ONE_OR_ALL))


# nnkit chooses its number of threads itself, and has one layout.
ALONE = Ways((Setting(),), (Setting(),))
OURS = ("nnkit", "nnkit-numpy")
CONTENDERS = (
    Contender("nnkit", "nnkit", "nnkit_peer", ALONE, ALONE),
    Contender("nnkit-numpy", "nnkit, NumPy", "nnkit_peer", ALONE, ALONE, {"NNKIT_NATIVE": "0"}),
    Contender(
        "torch",
        "PyTorch",
        "torch_peer",
        Ways(settings("eager"), settings("eager", "TorchScript", "compiled")),
        Ways(
            settings("eager", layouts=LAYOUTS),
            settings("eager", "TorchScript", "compiled", layouts=LAYOUTS),
        ),
    ),
    # Whole training steps written as functions for torch.compile. This is far from what PyTorch's
    # documentation shows, so it is a contender of its own.
    Contender(
        "torch-steps",
        "PyTorch, steps compiled",
        "torch_peer",
        Ways(settings("compiled")),
        Ways(settings("compiled", layouts=LAYOUTS)),
    ),
    Contender(
        "jax",
        "JAX",
        "jax_peer",
        Ways(settings("scan, unroll 1", "scan, unroll 4"), settings("a call a batch", "lax.map")),
        # No `scan`: inside a loop, XLA's convolutions are several times slower.
        Ways(
            settings("a call a step", layouts=LAYOUTS), settings("a call a batch", layouts=LAYOUTS)
        ),
        # Use the CPU, like the other contenders, and end a traceback with the original error.
        environment={"JAX_PLATFORMS": "cpu", "JAX_TRACEBACK_FILTERING": "off"},
    ),
    Contender("sklearn", "scikit-learn", "sklearn_peer", Ways(settings("")), Ways()),
)
