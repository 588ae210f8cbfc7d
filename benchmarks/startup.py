"""How long `nnkit` takes to start, and how large it is: `python -m benchmarks.startup`."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import time

ROOT = Path(__file__).resolve().parents[1]
CONFIG = "configs/iris-mlp.yaml"

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

# All that the command imports, then the same training; a listener notes the time of the first step.
FIRST_STEP = """
import os, sys, time
import nnkit.cli.app
import nnkit

class FirstStep(nnkit.Listener):
    def stepped(self, step):
        print(time.time(), flush=True)
        os._exit(0)

nnkit.train(nnkit.load_config(sys.argv[1]), runs=sys.argv[2], listeners=[FirstStep()])
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.startup", description=__doc__)
    parser.add_argument("--runs", type=int, default=15, help="of each program; 15")
    parser.add_argument("--size", action="store_true", help="also install into a new environment")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        programs = timed_programs(Path(folder))
        seconds: dict[str, list[float]] = {name: [] for name in programs}
        for turn in range(options.runs + 1):
            for name, run in programs.items():
                taken = run()
                if turn:  # the first only fills caches
                    seconds[name].append(taken)
        print(f"{'':44} {'median':>8} {'lowest':>8}")
        for name, found in seconds.items():
            print(f"{name:44} {1000 * median(found):5.0f} ms {1000 * min(found):5.0f} ms")
    if options.size:
        print(f"{'installed, dependencies included':44} {installed_bytes() / 1e6:5.0f} MB")


def timed_programs(folder: Path) -> dict[str, Callable[[], float]]:
    """What is timed, by name; each returns the seconds it took."""
    nnkit = str(Path(sysconfig.get_path("scripts")) / "nnkit")
    program, script, runs = folder / "program.py", folder / "first_step.py", folder / "runs"
    program.write_text(TYPER_PROGRAM)
    script.write_text(FIRST_STEP)
    one_step = ("--set", "training={steps: 1, batch_size: 16}", "--restart", "--runs", str(runs))
    python = sys.executable
    return {
        "python -c pass": lambda: until_exit(python, "-c", "pass"),
        "a Typer program of two commands, --help": lambda: until_exit(
            python, str(program), "--help"
        ),
        "nnkit --help": lambda: until_exit(nnkit, "--help"),
        f"to the first step of {CONFIG}": lambda: until_first_line(
            python, str(script), CONFIG, str(runs)
        ),
        "nnkit train of one step, to its exit": lambda: until_exit(
            nnkit, "train", CONFIG, "--quiet", *one_step
        ),
    }


def until_exit(*command: str) -> float:
    """Seconds from before a program's start to its exit."""
    began = time()
    _run(command)
    return time() - began


def until_first_line(*command: str) -> float:
    """Seconds from before a program's start to the time that it prints."""
    began = time()
    return float(_run(command)) - began


def _run(command: Sequence[str]) -> str:
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def installed_bytes() -> int:
    """What `pip install .` adds to a new environment."""
    with TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        before = folder_bytes(Path(folder))
        pip = (str(Path(folder) / "bin" / "python"), "-m", "pip", "install", "--quiet", str(ROOT))
        _run(pip)
        return folder_bytes(Path(folder)) - before


def folder_bytes(folder: Path) -> int:
    """The sum of its files' sizes."""
    return sum(
        (Path(parent) / name).lstat().st_size
        for parent, _, names in os.walk(folder)
        for name in names
    )


if __name__ == "__main__":
    main()
