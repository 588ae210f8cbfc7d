"""Who is measured, and in which settings the fastest is looked for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product

from benchmarks.peers.protocol import Layout, Row

# What says how many threads: OpenBLAS and OpenMP (NumPy, scikit-learn, PyTorch), and XLA (JAX).
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "PJRT_NPROC")
# One thread, and what the library takes by itself, which is one for each core.
ONE_OR_ALL = (1, None) if (os.cpu_count() or 1) > 1 else (None,)


# Of images in memory, the channels of a position last or the positions of a channel.
LAYOUTS: tuple[Layout, ...] = ("channels first", "channels last")


@dataclass(frozen=True, slots=True)
class Setting:
    """One way to use a contender.

    Attributes:
        mode: which of its module's ways; "" where there is one.
        layout: of images; "" where there are none, or one way.
        threads: how many it may use; None leaves that to it.
    """

    mode: str = ""
    layout: Layout = ""
    threads: int | None = None

    def __str__(self) -> str:
        threads = "default threads" if self.threads is None else "1 thread"
        return ", ".join(part for part in (self.mode, self.layout, threads) if part)


@dataclass(frozen=True, slots=True)
class Ways:
    """The settings of which the fastest is measured, of each job; none where it can't do it."""

    training: tuple[Setting, ...] = ()
    inference: tuple[Setting, ...] = ()


@dataclass(frozen=True, slots=True)
class Contender:
    """A library.

    Attributes:
        name: as `--only` takes it.
        title: as the report shows it.
        module: of `benchmarks.peers`.
        dense: with networks of dense layers.
        convolutional: with those that begin with convolutions.
        environment: variables for its workers.
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
    """Each mode in each layout, with one thread and with all."""
    return tuple(Setting(*way) for way in product(modes, layouts, ONE_OR_ALL))


# nnkit chooses its threads itself, as it does for its users, and has one layout.
ALONE = Ways((Setting(),), (Setting(),))
OURS = ("nnkit", "nnkit-speed")
CONTENDERS = (
    Contender("nnkit", "nnkit", "nnkit_peer", ALONE, ALONE, {"NNKIT_COMPILED": "0"}),
    Contender("nnkit-speed", "nnkit + numba", "nnkit_peer", ALONE, ALONE, {"NNKIT_COMPILED": "1"}),
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
    # Whole training steps written as functions for torch.compile: another program, far from what
    # the documentation shows, so it is measured beside PyTorch and not as PyTorch.
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
        # No loop within the program, in which XLA convolves several times as slowly.
        Ways(
            settings("a call a step", layouts=LAYOUTS), settings("a call a batch", layouts=LAYOUTS)
        ),
        # On a processor as the others are, and in an error the error itself last.
        environment={"JAX_PLATFORMS": "cpu", "JAX_TRACEBACK_FILTERING": "off"},
    ),
    Contender("sklearn", "scikit-learn", "sklearn_peer", Ways(settings("")), Ways()),
)
