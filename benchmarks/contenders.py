"""The libraries compared, and the settings tried for each."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from itertools import product
from pathlib import Path

from benchmarks.machine import machine
from benchmarks.peers.networks import Row
from benchmarks.peers.protocol import Layout

# Variables that set the number of threads: OpenBLAS and OpenMP (NumPy, scikit-learn, PyTorch), and
# XLA (JAX). The modules of ONNX Runtime, OpenVINO and LiteRT read the first.
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "PJRT_NPROC")
# One thread, and the library's default, which is one per core.
ONE_OR_ALL = (1, None) if (os.cpu_count() or 1) > 1 else (None,)
LAYOUTS: tuple[Layout, ...] = ("channels last", "channels first")  # the faster in most cases first
FEW_OPERATIONS = 4e7  # in a batch; below, one thread is usually the fastest


@dataclass(frozen=True, slots=True)
class Option:
    """Something that can be switched on for a setting.

    Attributes:
        name: its name in the report.
        environment: the environment variables that switch it on.
        mode: the mode it is for; "" if it is for all.
        alone: whether it can make a difference with one thread.
    """

    name: str
    environment: Mapping[str, str] = field(hash=False)
    mode: str = ""
    alone: bool = True

    def suits(self, setting: Setting) -> bool:
        """Whether the option may make a difference to a setting."""
        return self.mode in ("", setting.mode) and (self.alone or setting.threads is None)


@dataclass(frozen=True, slots=True)
class Setting:
    """One way to run a contender.

    Attributes:
        mode: a mode of its module; "" if there is only one.
        layout: the memory layout of images; "" if there are no images or only one layout.
        threads: the number of threads; None for the library's default.
        option: what is switched on in addition, if anything.
    """

    mode: str = ""
    layout: Layout = ""
    threads: int | None = None
    option: Option | None = None

    def __str__(self) -> str:
        threads = "default threads" if self.threads is None else "1 thread"
        parts = (self.mode, self.layout, threads, self.option.name if self.option else "")
        return ", ".join(part for part in parts if part)


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
        packages: the distributions it needs, and whose versions the report names.
        dense: the settings for networks of dense layers.
        convolutional: the settings for networks with convolutions.
        recurrent: the settings for networks with recurrent layers.
        options: what is tried in addition to the fastest of these settings.
        environment: environment variables for its workers.
    """

    name: str
    title: str
    module: str
    packages: tuple[str, ...]
    dense: Ways
    convolutional: Ways
    options: tuple[Option, ...] = ()
    recurrent: Ways = Ways()
    environment: Mapping[str, str] = field(default_factory=dict)

    def settings(self, row: Row, job: str, batch: int) -> list[Setting]:
        """Returns the settings to try, those first that are likely to be fast."""
        ways = self.convolutional if row.convolutional else self.dense
        if row.recurrent:
            ways = self.recurrent
        found = ways.training if job == "training" else ways.inference
        alone = row.operations(job) * batch < FEW_OPERATIONS
        return sorted(found, key=lambda setting: (setting.threads == 1) != alone)

    @property
    def versions(self) -> dict[str, str]:
        """The versions of its packages.

        Raises:
            PackageNotFoundError: one of them is not installed.
        """
        return {name: version(name) for name in self.packages}

    def refined(self, setting: Setting) -> list[Setting]:
        """Returns a setting with each of the options that suit it."""
        if setting.option is not None:
            return []
        suitable = [option for option in self.options if option.suits(setting)]
        return [replace(setting, option=option) for option in suitable]

    def named(self, settings: Sequence[Setting], names: Sequence[str]) -> list[Setting]:
        """Returns those of the settings, or of them with options, that have the names, in order."""
        every = [*settings, *(refined for each in settings for refined in self.refined(each))]
        found = {str(setting): setting for setting in every}
        return [found[name] for name in names if name in found]


def settings(*modes: str, layouts: tuple[Layout, ...] = ("",)) -> tuple[Setting, ...]:
    """Returns every mode in every layout, with one thread and with the default number."""
    ways = product(layouts, modes, ONE_OR_ALL)
    return tuple(Setting(mode, layout, threads) for layout, mode, threads in ways)


def intel_openmp() -> tuple[Option, ...]:
    """Intel's OpenMP library as PyTorch's tuning guide loads it, if it is installed."""
    library = Path(sys.prefix) / "lib" / "libiomp5.so"
    if not library.exists():
        return ()
    environment = {
        "LD_PRELOAD": str(library),
        "KMP_AFFINITY": "granularity=fine,compact,1,0",
        "KMP_BLOCKTIME": "1",
    }
    return (Option("Intel OpenMP", environment, alone=False),)


def with_wide_vectors(given: tuple[Setting, ...]) -> tuple[Setting, ...]:
    """Adds the settings with vectors of 512 bits, where XLA takes 256 bits by itself."""
    if machine()["vectors"] != "AVX-512":
        return given
    option = Option("512-bit vectors", {"XLA_FLAGS": "--xla_cpu_prefer_vector_width=512"})
    return (*(replace(setting, option=option) for setting in given), *given)


# nnkit chooses its number of threads itself, and has one layout.
ALONE = Ways((Setting(),), (Setting(),))
TRAINING = Ways((Setting(),))
NNKIT, NUMPY = OURS = ("nnkit", "nnkit-numpy")
CONTENDERS = (
    Contender(NNKIT, "nnkit", "nnkit_peer", ("numpy",), ALONE, ALONE, recurrent=TRAINING),
    Contender(
        NUMPY,
        "nnkit, NumPy",
        "nnkit_peer",
        ("numpy",),
        ALONE,
        ALONE,
        recurrent=TRAINING,
        environment={"NNKIT_NATIVE": "0"},
    ),
    Contender(
        "torch",
        "PyTorch",
        "torch_peer",
        ("torch",),
        Ways(settings("eager", "compiled"), settings("TorchScript", "eager", "compiled")),
        Ways(
            settings("eager", "compiled", layouts=LAYOUTS),
            settings("TorchScript", "compiled", "eager", layouts=LAYOUTS),
        ),
        (
            *intel_openmp(),
            Option("max-autotune", {"TORCHINDUCTOR_MAX_AUTOTUNE": "1"}, mode="compiled"),
        ),
        recurrent=Ways(settings("eager")),
    ),
    # Whole training steps written as functions for torch.compile. This is far from what PyTorch's
    # documentation shows, so it is a contender of its own. Steps with convolutions outlast a call.
    Contender(
        "torch-steps",
        "PyTorch, steps compiled",
        "torch_peer",
        ("torch",),
        Ways(settings("steps compiled")),
        Ways(),
        intel_openmp(),
    ),
    Contender(
        "jax",
        "JAX",
        "jax_peer",
        ("jax", "jaxlib"),
        Ways(
            with_wide_vectors(settings("scan, unroll 1", "scan, unroll 4")),
            with_wide_vectors(settings("lax.map", "a call a batch")),
        ),
        # No `scan`: inside a loop, XLA's convolutions are several times slower.
        Ways(
            with_wide_vectors(settings("a call a step", layouts=LAYOUTS)),
            with_wide_vectors(settings("a call a batch", layouts=LAYOUTS)),
        ),
        recurrent=Ways(
            with_wide_vectors(settings("a call a step, unroll 1", "a call a step, unroll 28"))
        ),
        # Use the CPU, like the other contenders, and end a traceback with the original error.
        environment={"JAX_PLATFORMS": "cpu", "JAX_TRACEBACK_FILTERING": "off"},
    ),
    Contender(
        "sklearn",
        "scikit-learn",
        "sklearn_peer",
        ("scikit-learn", "scipy"),
        Ways(settings("")),
        Ways(),
    ),
    *(
        Contender(name, title, f"{name}_peer", packages, Ways((), ways), Ways((), ways))
        for name, title, packages, ways in (
            ("onnxruntime", "ONNX Runtime", ("onnxruntime",), settings("")),
            ("openvino", "OpenVINO", ("openvino",), (Setting("throughput"), Setting("latency"))),
            ("litert", "LiteRT", ("ai-edge-litert",), settings("")),
        )
    ),
)
