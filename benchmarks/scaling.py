"""Training by several MPI processes: the time of a step and of a reduction, and what follows.

mpiexec -n 2 python -m benchmarks.scaling

measures networks of configs/ on this machine, and derives from it the speed-up with 2, 16 and 256
processes on as many machines, for assumed networks between them. It takes about a minute; with
--seconds 4, four times as long on each measurement, it depends less on other work of the machine.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from itertools import chain, count, islice
from math import ceil, log2
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import numpy as np

from nnkit.cli.output import table
from nnkit.cli.processes import ranks_of_launcher
from nnkit.data.dataset import Dataset
from nnkit.nn.numerics import numerics
from nnkit.ranks import ALONE, Ranks
from nnkit.task.config import Config
from nnkit.task.config_loading import load_config
from nnkit.task.task_loading import load_task
from nnkit.training.trainer import Trainer

CONFIGS = Path(__file__).resolve().parents[1] / "configs"
NETWORKS = ("mnist-mlp", "mnist-deep", "lenet", "simard-2003")
PROCESSES = (2, 16, 256)
REPEATS, SECONDS = 10, 1.0  # least repetitions of what is timed, and the least time that they take


class Link(NamedTuple):
    """An assumed connection between machines.

    Attributes:
        name: its name.
        latency: seconds until the first byte of a message arrives.
        seconds_per_byte: the reciprocal of the bandwidth.
    """

    name: str
    latency: float
    seconds_per_byte: float


LINKS = (
    Link("Ethernet, 10 Gbit/s, 30 µs", 30e-6, 8 / 10e9),
    Link("InfiniBand, 100 Gbit/s, 2 µs", 2e-6, 8 / 100e9),
)


class Measured(NamedTuple):
    """Measurements of one network, in seconds.

    Attributes:
        name: the config.
        parameters: the number of parameters.
        batch: the samples of a batch.
        step: a step of one process.
        half_step: a step of one process with half a batch.
        reduction: the reduction of the gradient by the processes of this machine.
        shared_step: a step of these processes together with one batch each.
        addition: the addition of two gradients.
    """

    name: str
    parameters: int
    batch: int
    step: float
    half_step: float
    reduction: float
    shared_step: float
    addition: float

    def step_of(self, samples: float) -> float:
        """The time of a step with fewer samples, by linear interpolation."""
        half = min(max(self.half_step, self.step / 2), self.step)
        per_sample = (self.step - half) / (self.batch / 2)
        return self.step - per_sample * (self.batch - samples)


def reduction(values: int, processes: int, link: Link, addition: float) -> float:
    """The time to add up vectors of float32 over processes, each on a machine of its own.

    The shorter of recursive doubling, lg p (α + n β + n γ), and of reduce-scatter followed by
    allgather, 2 lg p α + 2 n β (p − 1)/p + n γ (p − 1)/p; for n bytes, latency α, time per byte β
    and time per byte added γ.

    Thakur, Rabenseifner & Gropp 2005, *Optimization of collective communication operations in
    MPICH*, International Journal of High Performance Computing Applications 19 (1), §4.5.

    Args:
        values: the length of the vectors.
        processes: the number of processes, p.
        link: the connection between them.
        addition: seconds to add two of the vectors, n γ.
    """
    rounds, share = ceil(log2(processes)), (processes - 1) / processes
    transfer = 4 * values * link.seconds_per_byte
    doubling = rounds * (link.latency + transfer + addition)
    halving = 2 * rounds * link.latency + share * (2 * transfer + addition)
    return min(doubling, halving)


def speed_up(found: Measured, processes: int, link: Link, *, fixed: bool) -> float:
    """The speed-up: samples per second of several processes, as a multiple of those of one.

    A step also adds up the loss and whether to stop, in two reductions of one number each.

    Args:
        found: the measurements.
        processes: the number of processes.
        link: the connection between them.
        fixed: whether they share one batch; otherwise each has a batch of this size.
    """
    work = found.step_of(found.batch / processes) if fixed else found.step
    messages = 2 * reduction(1, processes, link, 0.0)
    together = work + messages + reduction(found.parameters, processes, link, found.addition)
    return found.step / together * (1 if fixed else processes)


def timed(action: Callable[[], object], least: float, ranks: Ranks = ALONE) -> float:
    """The shortest time of an action, in seconds, which other work on the machine affects least.

    Args:
        action: the action, which is repeated.
        least: the least time of all repetitions together, in seconds.
        ranks: the processes that do it together.
    """
    found: list[float] = []
    while ranks.on_first(lambda: len(found) < REPEATS or sum(found) < least):
        began = perf_counter()
        action()
        found.append(perf_counter() - began)
    return min(found)


def step_time(
    base: Config, data: Dataset, batch: int, least: float, ranks: Ranks
) -> tuple[float, Trainer]:
    """The shortest time of a training step, with one thread per process.

    Args:
        base: the config.
        data: its data.
        batch: the samples of a batch.
        least: the least time of all steps together, in seconds.
        ranks: the processes that share the batch.
    """
    size, threads = f"training.batch_size={batch}", f"training.threads={ranks.size}"
    config = load_config(base, [size, threads, "expect={}"])
    trainer = Trainer(load_task(config, data), ranks=ranks)
    batches = trainer.loop.batches
    endless = chain.from_iterable(map(batches.epoch, count()))
    whole = (batch for batch in endless if batch.size == batches.batch_size)
    with numerics(trainer.model):
        return timed(lambda: trainer.loop.step(islice(whole, 1)), least, ranks), trainer


def measure(name: str, least: float, ranks: Ranks) -> Measured:
    """Measures a network; what one process does alone is measured while the others wait.

    Args:
        name: the config.
        least: the least time of each measurement, in seconds.
        ranks: the processes.
    """
    base = load_config(CONFIGS / f"{name}.yaml")
    data, batch = base.data.source.load(), base.training.batch_size

    def alone() -> tuple[int, float, float, float]:
        step, trainer = step_time(base, data, batch, least, ALONE)
        half_step, _ = step_time(base, data, batch // 2, least, ALONE)
        grads = trainer.model.grads
        other = np.ones_like(grads)
        addition = timed(lambda: np.add(grads, other, out=grads), least)
        return len(grads), step, half_step, addition

    parameters, step, half_step, addition = ranks.on_first(alone)
    vector = np.zeros(parameters, np.float32)
    reducing = timed(lambda: ranks.sum_in_place(vector), least, ranks)
    together, _ = step_time(base, data, ranks.size * batch, least, ranks)
    return Measured(name, parameters, batch, step, half_step, reducing, together, addition)


def ms(seconds: float) -> str:
    return f"{1000 * seconds:.3g} ms"


def report(found: Sequence[Measured], processes: int, least: float) -> str:
    """The measurements, and what follows from them, as text.

    Args:
        found: the measurements.
        processes: the number of processes that were measured.
        least: the least time of each measurement, in seconds.
    """
    headings = ("network", "parameters", "batch", "step", "reduction", f"speed-up, {processes}")
    measured = [
        (
            m.name,
            m.parameters,
            m.batch,
            ms(m.step),
            ms(m.reduction),
            f"{processes * m.step / m.shared_step:.2f}",
        )
        for m in found
    ]
    settings = f"the shortest of at least {REPEATS} repetitions and {least:g} s"
    title = f"Measured with {processes} processes on this machine, one thread each: {settings}"
    parts = [title, table(headings, measured)]
    for link in LINKS:
        columns = ("network", *(f"{p}" for p in PROCESSES), *(f"{p}, one batch" for p in PROCESSES))
        rows = [
            (
                m.name,
                *(f"{speed_up(m, p, link, fixed=False):.1f}" for p in PROCESSES),
                *(f"{speed_up(m, p, link, fixed=True):.1f}" for p in PROCESSES if p <= m.batch),
                *("–" for p in PROCESSES if p > m.batch),
            )
            for m in found
        ]
        parts += ["", f"Speed-up derived for {link.name}", table(columns, rows)]
    return "\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=SECONDS, help="least of a measurement")
    least = parser.parse_args().seconds
    ranks = ranks_of_launcher()
    if ranks.size == 1:
        raise SystemExit("start it with mpiexec -n 2 python -m benchmarks.scaling")
    found = [measure(name, least, ranks) for name in NETWORKS]
    if ranks.is_first:
        print(report(found, ranks.size, least))


if __name__ == "__main__":
    main()
