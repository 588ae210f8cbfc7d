"""Cuts a worker of a Dask cluster off the network while it trains, and tells what happens.

Scheduler, batch and three workers each have a network namespace of their own; virtual cables lead
to a bridge in another. The workers share the folder of the runs. In the middle of a batch of two
cells, the cable of a worker that trains is pulled, and put in again later. The weights are compared
with those of the same batch on this machine alone. Needs Linux and root, in a user namespace too:

unshare --map-root-user --net --mount python -m benchmarks.network_cut --seconds 60
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import sleep, time

from nnkit.config.yaml_dump import dump_yaml
from nnkit.runs.directory import RunDirectory, list_runs

DIGITS = Path(__file__).parents[1] / "data" / "tables" / "digits.csv"
HUB, SCHEDULER, BATCH = "hub", "scheduler", "batch"
WORKERS = ("worker1", "worker2", "worker3")
PORT = 8786
LOGGED = re.compile(r"^(\S+ \S+) - .* - (Register worker|Remove worker) addr: tcp://([\d.]+)")


class Network:
    """Network namespaces with a cable each to a bridge.

    Attributes:
        addresses: the IP address of each namespace.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.prefix = f"nnkit{os.getpid()}-"
        self.addresses = {name: f"10.77.0.{number}" for number, name in enumerate(names, 1)}

    @contextmanager
    def built(self) -> Iterator[None]:
        """The network exists within the block."""
        try:
            self._ip("netns", "add", self.prefix + HUB)
            self._on(HUB, "link", "add", "bridge", "type", "bridge")
            self._on(HUB, "link", "set", "bridge", "up")
            for name, address in self.addresses.items():
                self._connect(name, address)
            yield
        finally:
            for name in (HUB, *self.addresses):
                subprocess.run(["ip", "netns", "del", self.prefix + name], check=False)

    def _connect(self, name: str, address: str) -> None:
        place = self.prefix + name
        self._ip("netns", "add", place)
        end = ("type", "veth", "peer", "name", "eth0", "netns", place)
        self._on(HUB, "link", "add", name, *end)
        self._on(HUB, "link", "set", name, "master", "bridge")
        self._on(name, "address", "add", f"{address}/24", "dev", "eth0")
        for device in ("lo", "eth0"):
            self._on(name, "link", "set", device, "up")
        self.restore(name)

    def cut(self, name: str) -> None:
        """Pulls the cable of a namespace out of the bridge."""
        self._on(HUB, "link", "set", name, "down")

    def restore(self, name: str) -> None:
        """Puts the cable of a namespace into the bridge."""
        self._on(HUB, "link", "set", name, "up")

    def start(self, name: str, *command: object, log: Path) -> subprocess.Popen[bytes]:
        """Starts a Python module in a namespace."""
        inside = ("ip", "netns", "exec", self.prefix + name, sys.executable, "-m")
        with log.open("wb") as file:
            return subprocess.Popen(
                [*inside, *map(str, command)], cwd=log.parent, stdout=file, stderr=file
            )

    def _on(self, name: str, *arguments: str) -> None:
        self._ip("-n", self.prefix + name, *arguments)

    @staticmethod
    def _ip(*arguments: str) -> None:
        subprocess.run(["ip", *arguments], check=True)


def write_batch(folder: Path, steps: int) -> Path:
    """Writes a batch of two cells, each with a checkpoint every 500 steps."""
    config = {
        "name": "cell",
        "data": {
            "source": {"kind": "csv", "path": str(DIGITS), "label": "digit"},
            "preprocess": [{"scale": 16}],
        },
        "architecture": {"layers": [{"dense": 256}, {"dense": 10}]},
        "regularization": {"dropout": 0.25},
        "training": {"steps": steps, "epochs": None, "evaluate_every": 500},
    }
    (folder / "cell.yaml").write_text(dump_yaml(config))
    path = folder / "batch.yaml"
    path.write_text("base: cell.yaml\nseeds: 2\n")
    return path


def step_of(run: RunDirectory) -> int:
    """The step of a run's last evaluation."""
    records = run.read_metrics()
    return int(records[-1]["step"]) if records else 0


def weights(runs: Path) -> dict[str, str]:
    """The weights of every run, by name."""
    summaries = {run.path.name: run.read_summary() for run in list_runs(runs)}
    return {name: found["weights_sha256"] for name, found in summaries.items() if found}


def trainer_of(run: RunDirectory, network: Network) -> str:
    """The namespace of the process that has locked a run."""
    inode = run.lock.stat().st_ino
    for line in Path("/proc/locks").read_text().splitlines():
        fields = line.split()
        if fields[1] == "FLOCK" and int(fields[5].rpartition(":")[2]) == inode:
            own = Path(f"/proc/{fields[4]}/ns/net").stat().st_ino
            for name in WORKERS:
                if Path(f"/run/netns/{network.prefix}{name}").stat().st_ino == own:
                    return name
    return "nobody"


class Story:
    """The events since the cable was pulled, in seconds."""

    def __init__(self) -> None:
        self.began = time()
        self.events: list[tuple[float, str]] = []

    def tell(self, text: str, moment: float | None = None) -> None:
        """Adds an event, by default of now."""
        self.events.append(((moment or time()) - self.began, text))

    def add_log(self, log: Path, names: dict[str, str]) -> None:
        """Adds the workers that the scheduler registered and removed, by its log."""
        for line in log.read_text().splitlines():
            if found := LOGGED.match(line):
                moment = datetime.strptime(found[1], "%Y-%m-%d %H:%M:%S,%f").timestamp()  # noqa: DTZ007
                if moment > self.began:
                    done = "registers" if found[2].startswith("Reg") else "removes"
                    self.tell(f"the scheduler {done} {names[found[3]]}", moment)

    def show(self) -> None:
        """Prints the events in their order."""
        for moment, text in sorted(self.events):
            print(f"{moment:7.1f} s  {text}")


def cut_in_the_middle(folder: Path, steps: int, seconds: float) -> dict[str, str]:
    """Runs the batch on a cluster, one worker of which is cut off for some seconds.

    Returns:
        The weights of the two runs by name.
    """
    batch, runs = write_batch(folder, steps), folder / "runs"
    network = Network([SCHEDULER, BATCH, *WORKERS])
    names = {address: name for name, address in network.addresses.items()}
    address = f"tcp://{network.addresses[SCHEDULER]}:{PORT}"
    with ExitStack() as stack:
        stack.enter_context(network.built())

        def start(name: str, *command: object) -> subprocess.Popen[bytes]:
            process = network.start(name, *command, log=folder / f"{name}.log")
            stack.callback(process.wait)
            stack.callback(process.terminate)
            return process

        start(SCHEDULER, "dask", "scheduler", "--port", PORT, "--no-dashboard", "--no-show")
        for name in WORKERS:
            options = ("--nthreads", 1, "--no-dashboard", "--local-directory", folder / name)
            start(name, "dask", "worker", address, *options)
        cluster = ("--executor", "dask", "--scheduler", address, "--runs", runs)
        process = start(BATCH, "nnkit", "batch", batch, *cluster)
        while not all(map(step_of, found := list_runs(runs))) or len(found) < 2:
            if process.poll() is not None:
                raise RuntimeError((folder / f"{BATCH}.log").read_text())
            sleep(0.1)
        victim = trainer_of(found[0], network)
        story = Story()
        network.cut(victim)
        story.tell(f"{victim} is cut off; it trains A, {trainer_of(found[1], network)} trains B")
        watch(process, found, network, story, (victim, seconds))
        story.add_log(folder / f"{SCHEDULER}.log", names)
        story.tell(f"the batch ends with exit code {process.returncode}")
        story.show()
    return weights(runs)


def watch(
    process: subprocess.Popen[bytes],
    found: Sequence[RunDirectory],
    network: Network,
    story: Story,
    cut: tuple[str, float],
) -> None:
    """Notes who trains each run until the batch ends, and restores the cable in time."""
    victim, seconds = cut
    restored = False
    trainers = {run.path: trainer_of(run, network) for run in found}
    while process.poll() is None:
        if not restored and time() - story.began >= seconds:
            network.restore(victim)
            story.tell(f"{victim} is connected again")
            restored = True
        for run, name in zip(found, "AB", strict=True):
            now = trainer_of(run, network)
            if now != trainers[run.path]:
                trainers[run.path] = now
                state = "finished" if run.finished else f"at step {step_of(run):,}"
                story.tell(f"{name} is {state}, trained by {now}")
        sleep(0.05)


def main() -> int:
    """Prints what happened; returns 1 if the weights differ from those of the local batch."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=60, help="how long the link is cut")
    parser.add_argument("--steps", type=int, default=150_000, help="steps of each cell")
    options = parser.parse_args()
    with TemporaryDirectory() as name:
        folder = Path(name)
        found = cut_in_the_middle(folder, options.steps, options.seconds)
        alone = folder / "alone"
        local = ("batch", folder / "batch.yaml", "--runs", alone, "--quiet", "--json")
        output = subprocess.run(
            [sys.executable, "-m", "nnkit", *map(str, local)],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        assert len(json.loads(output)["cells"][0]["runs"]) == 2
        same = found == weights(alone)
    print(f"the weights are {'the same as' if same else 'others than'} those of a local batch")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
