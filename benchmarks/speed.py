"""Compares the speed of nnkit with other libraries: `python -m benchmarks.speed`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf, log
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, sleep
from typing import Any

from benchmarks.contenders import CONTENDERS, OURS, Contender, Setting
from benchmarks.earlier import Earlier, EarlierError
from benchmarks.peak import measured_peak
from benchmarks.peers.protocol import ROWS, Row
from benchmarks.report import markdown
from benchmarks.worker import ROOT, Portion, Worker, WorkerError

LARGE_BATCH = 1000  # images, an additional batch size for inference
TRIALS = 3  # rounds to compare the settings of one contender
TRIAL_SHARE = 1 / 3  # length of a trial, relative to a portion
FAR_BEHIND = 2  # a setting this many times slower than the contender's best is given up
PAUSE = 0.1  # seconds before a portion, for the threads of the previous one to become idle
LOWEST_ACCURACY = 0.85
NOTHING_LEARNED = log(10)  # the loss if all ten digits are equally likely
HIGHEST_DEVIATION = 1e-3  # from nnkit's outputs with the same weights
MOST_IDLE = 0.5  # cores that an idle worker may use; a spinning thread uses 1

Report = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Task:
    """One job, measured for all contenders.

    Attributes:
        row: the network.
        job: `training` or `inference`.
        batch: the batch size.
        folder: the folder with its data.
        rounds: the number of portions of each contender.
        seconds: the time of the fastest contender's portion; all portions are the same work.
        earlier: the measurement whose settings are reused, or None to search for the fastest.
    """

    row: Row
    job: str
    batch: int
    folder: Path
    rounds: int
    seconds: float
    earlier: Earlier | None = None

    def settings(self, contender: Contender) -> tuple[Setting, ...]:
        """Returns the contender's settings to try.

        Raises:
            EarlierError: the earlier measurement has no setting for this task.
        """
        found = contender.settings(self.row, self.job)
        if self.earlier is None or len(found) < 2:
            return found
        wanted = self.row.name, self.job, self.batch
        return (self.earlier.setting(contender, wanted, found),)

    def __str__(self) -> str:
        return f"{self.row.name} {self.job}, batch {self.batch}"


def main() -> None:
    options = _parser().parse_args()
    contenders = [contender for contender in CONTENDERS if contender.name in options.only]
    earlier = Earlier(options.settings, machine()) if options.settings else None
    for name in options.rows:
        for task in tasks(ROWS[name], Path(), options, earlier):
            for contender in able_of(task, contenders):
                task.settings(contender)  # raises now if the earlier measurement lacks a setting
    report: Report = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "rounds": options.rounds,
        "seconds": options.seconds,
        "versions": {},
        "load_before": os.getloadavg()[0],
        "tasks": [],
    }
    if report["load_before"] > MOST_IDLE:
        say("warning: other programs are running; the measured ratios will vary")
    for name in options.rows:
        with TemporaryDirectory(prefix="nnkit-bench-") as folder:
            write_material(ROWS[name], Path(folder))
            for task in tasks(ROWS[name], Path(folder), options, earlier):
                able = able_of(task, contenders)
                if able:
                    report["tasks"].append(measure(task, able, report["versions"]))
                    write(report, options.output)
    say(f"written: {options.output / 'speed.md'} and speed.json")


def write(report: Report, folder: Path) -> None:
    """Writes the results so far, so that they survive an interruption."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "speed.json").write_text(json.dumps(report, indent=1) + "\n")
    explanation = os.path.relpath(Path(__file__).parent / "README.md", folder)
    (folder / "speed.md").write_text(markdown(report, explanation))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__)
    names = [contender.name for contender in CONTENDERS]
    results = Path(__file__).parent / "results"
    add = parser.add_argument
    add("--rounds", type=int, default=7, help="portions of each contender; default 7")
    add("--seconds", type=float, default=1.5, help="length of the fastest portion; default 1.5")
    add("--rows", nargs="+", choices=ROWS, default=[*ROWS], metavar="ROW", help=", ".join(ROWS))
    add("--only", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names))
    add("--settings", type=Path, metavar="FILE", help="reuse settings of a speed.json")
    add("--output", type=Path, default=results, metavar="FOLDER", help="for speed.json and .md")
    return parser


def write_material(row: Row, folder: Path) -> None:
    """Writes the data and weights of a row."""
    command = [sys.executable, "-m", "benchmarks.material", row.name, str(folder)]
    if subprocess.run(command, cwd=ROOT, check=False).returncode:
        sys.exit(1)  # the error has been printed


def tasks(
    row: Row, folder: Path, options: argparse.Namespace, earlier: Earlier | None
) -> Iterator[Task]:
    """Yields the tasks of a row whose data is in the folder."""
    jobs = [("training", batch) for batch in row.batches]
    jobs += [("inference", batch) for batch in (*row.batches, LARGE_BATCH)]
    for job, batch in jobs:
        yield Task(row, job, batch, folder, options.rounds, options.seconds, earlier)


def able_of(task: Task, contenders: Sequence[Contender]) -> list[Contender]:
    """Returns the contenders that can do a task."""
    return [contender for contender in contenders if contender.settings(task.row, task.job)]


def measure(task: Task, contenders: Sequence[Contender], versions: dict[str, str]) -> Report:
    """Measures all contenders in turns, each in its fastest setting.

    Args:
        task: the task to measure.
        contenders: the contenders to compare.
        versions: updated with the versions of their libraries.
    """
    began = perf_counter()
    with ExitStack() as stack:
        workers: list[Worker] = []
        trials: dict[str, dict[str, float | str]] = {}
        for contender in contenders:
            worker, trials[contender.name] = fastest(task, contender, stack)
            if worker is not None:
                workers.append(worker)
                versions |= worker.versions
                if task.job == "training":  # timed portions may be too short to check learning
                    portion(task, worker, task.row.repetitions)
        if not workers:
            sys.exit("error: no contender can be measured")
        times = max(1, round(task.seconds / min(worker.each for worker in workers)))
        portions = [
            {worker.contender.name: portion(task, worker, times) for worker in workers}
            for _ in range(task.rounds)
        ]
    speeds = {
        worker.contender.name: [
            turn[worker.contender.name]["samples_per_second"] for turn in portions
        ]
        for worker in workers
    }
    summaries = [
        summary(worker, [turn[worker.contender.name] for turn in portions], speeds)
        for worker in workers
    ]
    threads = {found["threads"] for found in summaries}
    return {
        "network": task.row.name,
        "job": task.job,
        "batch": task.batch,
        "times": times,
        "elapsed_seconds": perf_counter() - began,
        "operations_per_sample": task.row.operations(task.job),
        "peak_operations_per_second": {str(count): measured_peak(count) for count in threads},
        "contenders": summaries,
        "trials": trials,
    }


def fastest(
    task: Task, contender: Contender, stack: ExitStack
) -> tuple[Worker | None, dict[str, float | str]]:
    """Starts a worker in the contender's fastest setting; the stack stops it on exit.

    Returns:
        The worker, or None if every setting failed; and the result of each setting: samples/s or
        an error message.
    """
    workers: dict[str, Worker] = {}
    outcome: dict[str, float | str] = {}
    seconds = task.seconds * TRIAL_SHARE
    limit = inf
    for setting in task.settings(contender):
        try:
            worker = Worker(contender, setting, task.job, task.row, task.batch, task.folder)
            stack.callback(worker.stop)
            if task.earlier is not None and len(contender.settings(task.row, task.job)) > 1:
                task.earlier.check_versions(contender, worker.versions)
            worker.warm_up(seconds, limit)
        except WorkerError as error:
            say(f"{task}: {contender.title}, {setting}: {error}")
            outcome[str(setting)] = str(error)
            if str(error).startswith("ModuleNotFoundError"):
                break  # not installed, in any setting
        else:
            workers[str(setting)] = worker
            limit = min(limit, worker.each * FAR_BEHIND)
            outcome |= give_up(workers, limit)
    if len(workers) > 1:
        times = max(1, round(seconds / min(worker.each for worker in workers.values())))
        speeds: dict[str, list[float]] = {name: [] for name in workers}
        for _ in range(TRIALS):
            for name, worker in workers.items():
                speeds[name].append(portion(task, worker, times)["samples_per_second"])
        outcome |= {name: max(found) for name, found in speeds.items()}
        best = max(workers, key=lambda name: max(speeds[name]))
        for name in workers.keys() - {best}:
            workers[name].stop()
        return workers[best], outcome
    return next(iter(workers.values()), None), outcome


def give_up(workers: dict[str, Worker], limit: float) -> dict[str, str]:
    """Stops and removes workers that need more than `limit` seconds; returns their speeds."""
    slow = [name for name, worker in workers.items() if worker.each > limit]
    outcome = {}
    for name in slow:
        worker = workers.pop(name)
        worker.stop()
        outcome[name] = f"{worker.speed:,.0f}, given up"
        say(f"{worker.contender.title}, {name}: {outcome[name]}")
    return outcome


def portion(task: Task, worker: Worker, times: int) -> Portion:
    """Runs one portion of work and checks that it was done."""
    sleep(PAUSE)
    done = worker.ask(times)
    who = f"{worker.contender.title} ({worker.setting})"
    say(f"{task}: {who}: {done['samples_per_second']:,.0f} samples/s")
    if not is_work(task, times, done):
        sys.exit(f"error: {who} did not do the work of {task}: {done}")
    if done["idle_cores"] > MOST_IDLE:
        say(f"warning: {who} used {done['idle_cores']:.2f} cores while idle")
    return done


def is_work(task: Task, times: int, done: Mapping[str, Any]) -> bool:
    """Whether the metrics of a portion show that its work was done.

    An epoch of training must reach the row's loss and the minimum accuracy; less than an epoch
    must reach a loss below chance.
    """
    if task.job == "training" and times < task.row.repetitions:
        return bool(done["loss"] < NOTHING_LEARNED)
    return bool(
        done["accuracy"] >= LOWEST_ACCURACY
        and done.get("loss", 0.0) <= task.row.highest_loss
        and done.get("deviation", 0.0) <= HIGHEST_DEVIATION
    )


def summary(
    worker: Worker, portions: Sequence[Portion], speeds: Mapping[str, Sequence[float]]
) -> Report:
    """Summarizes one contender's measurements, with the ratios to nnkit's speed by round."""
    own = speeds[worker.contender.name]
    busy = median(done["busy_cores"] for done in portions)
    ratios = {}
    for name in OURS:
        if name in speeds and worker.contender.name not in OURS:
            found = [ours / theirs for ours, theirs in zip(speeds[name], own, strict=True)]
            ratios[name] = {"median": median(found), "lowest": min(found), "highest": max(found)}
    return {
        "name": worker.contender.name,
        "title": worker.contender.title,
        "setting": str(worker.setting),
        "samples_per_second": median(own),
        "ratios": ratios,
        "busy_cores": busy,
        "threads": min(max(1, round(busy)), os.cpu_count() or 1),
        "idle_cores": max(done["idle_cores"] for done in portions),
        "peak_bytes": max(done["peak_bytes"] for done in portions),
        "portions": list(portions),
    }


def machine() -> dict[str, Any]:
    """Describes the machine."""
    cpu = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                cpu = line.partition(":")[2].strip()
                break
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": platform.platform(),
    }


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGINT))  # ends the workers too
    try:
        main()
    except KeyboardInterrupt:
        say("interrupted")
        sys.exit(130)
    except EarlierError as error:
        sys.exit(f"error: {error}")
    except WorkerError as error:
        sys.exit(f"error: a worker ended: {error}")
