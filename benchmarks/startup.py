"""Measures the startup time and installed size of `nnkit`: `python -m benchmarks.startup`."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

ROOT = Path(__file__).resolve().parents[1]
XOR, IRIS = "configs/xor.yaml", "configs/iris-mlp.yaml"
PICTURE = "data/pictures/7.png"

TYPER_PROGRAM = '''
import typer

app = typer.Typer(help="Two commands, as the tutorial of Typer has them.")


@app.command()
def hello(name: str, formal: bool = False) -> None:
    """Say hello."""


@app.command()
def goodbye(name: str, formal: bool = False) -> None:
    """Say goodbye."""


app()
'''

# `nnkit train …`, exiting after the first step.
FIRST_STEP = """
import os, sys
import nnkit
from nnkit.cli.app import main

def train(config, **options):
    from nnkit.training.run import train

    class FirstStep(nnkit.Listener):
        def stepped(self, step):
            os._exit(0)

    return train(config, **options | {"listeners": [FirstStep()]})

nnkit.train = train
sys.argv = ["nnkit", "train", *sys.argv[1:]]
main()
"""

# The baseline: importing the libraries that nnkit needs for training.
LIBRARIES = "import numpy, pydantic, typer"


@dataclass(frozen=True, slots=True)
class Seconds:
    """The run time of a program: wall-clock time, and CPU time in user and system mode."""

    wall: float
    cpu: float


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.startup", description=__doc__)
    parser.add_argument("--runs", type=int, default=15, help="runs per program; default 15")
    parser.add_argument("--size", action="store_true", help="also measure the installed size")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        print_table(measured(programs_in(Path(folder)), options.runs))
    if options.size:
        print(f"{'installed, dependencies included':44} {installed_bytes() / 1e6:5.0f} MB")


def programs_in(folder: Path) -> dict[str, Sequence[str]]:
    """Returns the commands to time by name, the baseline first.

    Args:
        folder: an empty folder for their files and output.
    """
    python, nnkit = sys.executable, str(Path(sysconfig.get_path("scripts")) / "nnkit")
    program, script, runs = folder / "program.py", folder / "first_step.py", str(folder / "runs")
    program.write_text(TYPER_PROGRAM)
    script.write_text(FIRST_STEP)
    one_step = ("--set", "training={steps: 1, batch_size: 16}", "--restart", "--runs", runs)
    return {
        f'python -c "{LIBRARIES}"': (python, "-c", LIBRARIES),
        "python -c pass": (python, "-c", "pass"),
        "a Typer program of two commands, --help": (python, str(program), "--help"),
        "nnkit --help": (nnkit, "--help"),
        f"nnkit config validate {XOR}": (nnkit, "config", "validate", XOR),
        f"nnkit predict {PICTURE}": (nnkit, "predict", PICTURE),
        f"nnkit train {XOR}, first step": (python, str(script), XOR, "--runs", runs),
        f"nnkit train {IRIS}, first step": (python, str(script), IRIS, "--runs", runs),
        f"nnkit train {IRIS}, all of one step": (nnkit, "train", IRIS, "--quiet", *one_step),
    }


def measured(programs: Mapping[str, Sequence[str]], runs: int) -> dict[str, list[Seconds]]:
    """Measures the time of each program, in turns so that all run under the same conditions."""
    taken: dict[str, list[Seconds]] = {name: [] for name in programs}
    for command in programs.values():
        seconds_of(command)  # the first run only fills caches
    for _ in range(runs):
        for name, command in programs.items():
            taken[name].append(seconds_of(command))
    return taken


def seconds_of(command: Sequence[str]) -> Seconds:
    """Runs a command and returns its times.

    Bytecode caching is enabled, because packages that pip installs are compiled, too.
    """
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    used, began = getrusage(RUSAGE_CHILDREN), perf_counter()
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    wall, now = perf_counter() - began, getrusage(RUSAGE_CHILDREN)
    return Seconds(wall, now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime)


def print_table(taken: Mapping[str, Sequence[Seconds]]) -> None:
    """Prints median times in milliseconds, and median ratios to the baseline in the same turn."""
    yardstick, *_ = taken.values()
    width = max(map(len, taken))
    print(f"{'':{width}} {'wall':>8} {'CPU':>8} {'wall':>7} {'CPU':>7}")
    for name, runs in taken.items():
        pairs = list(zip(runs, yardstick, strict=True))
        wall, cpu = (1000 * median(getattr(run, kind) for run in runs) for kind in ("wall", "cpu"))
        by_wall = median(run.wall / other.wall for run, other in pairs)
        by_cpu = median(run.cpu / other.cpu for run, other in pairs)
        print(f"{name:{width}} {wall:5.0f} ms {cpu:5.0f} ms {by_wall:6.2f}× {by_cpu:6.2f}×")


def installed_bytes() -> int:
    """Returns the number of bytes that `pip install .` adds to a new environment."""
    with TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        before = folder_bytes(Path(folder))
        pip = (str(Path(folder) / "bin" / "python"), "-m", "pip", "install", "--quiet", str(ROOT))
        subprocess.run(pip, cwd=ROOT, check=True)
        return folder_bytes(Path(folder)) - before


def folder_bytes(folder: Path) -> int:
    """Returns the total size of the files in a folder."""
    return sum(
        (Path(parent) / name).lstat().st_size
        for parent, _, names in os.walk(folder)
        for name in names
    )


if __name__ == "__main__":
    main()
