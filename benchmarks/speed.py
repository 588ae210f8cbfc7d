"""Compares the speed of nnkit with other libraries: `python -m benchmarks.speed`."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from benchmarks.contenders import CONTENDERS, NNKIT, Contender
from benchmarks.machine import busy_cores, machine
from benchmarks.measurement import MOST_IDLE, Method, Report, measure
from benchmarks.peak import measured_peaks
from benchmarks.peers.networks import ROWS
from benchmarks.report import markdown
from benchmarks.saved_settings import SavedSettings, SavedSettingsError
from benchmarks.tasks import JOBS, Task, tasks_of
from benchmarks.worker import ROOT, WorkerError, say

RESULTS = Path(__file__).parent / "results"
SETTINGS = "settings.json"
WHOLE = {"rounds": 7, "seconds": 0.5, "minutes": 28.0}
SHORT = {"rounds": 3, "seconds": 0.2, "minutes": 7.0}
LEAST_SECONDS = 5.0  # for a task, however late it is


def main() -> None:
    options = _options()
    began = perf_counter()
    contenders = installed([each for each in CONTENDERS if each.name in options.only])
    tasks = ordered([task for name in options.rows for task in tasks_of(ROWS[name], options.jobs)])
    busy = busy_cores()
    quiet = busy <= MOST_IDLE
    if not quiet:
        say("warning: other programs are running; results vary, and no settings are kept")
    here = machine()
    saved = SavedSettings(options.output / SETTINGS, here, quiet, fresh=options.search)
    say(
        f"tasks: {len(tasks)}; expected to take {options.minutes:g} minutes, "
        f"{60 * options.minutes / len(tasks):.0f} s each: settings are tried while there is time"
    )
    report: Report = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": here,
        "rounds": options.rounds,
        "seconds": options.seconds,
        "busy_before": busy,
        "versions": {},
        "peaks": measured_peaks(),
        "tasks": [],
    }
    method = Method(options.rounds, options.seconds, saved)
    with TemporaryDirectory(prefix="nnkit-bench-") as name:
        root = Path(name)
        for number, task in enumerate(tasks):
            folder = material(task, root)
            left = 60 * options.minutes - (perf_counter() - began)
            share = max(LEAST_SECONDS, left / (len(tasks) - number))
            able = [c for c in contenders if c.settings(task.row, task.job, task.batch)]
            if not able:
                continue
            say(f"{task}: {number + 1} of {len(tasks)}, {share:.0f} s")
            found = measure(task, able, folder, method, share)
            report["versions"] |= found.pop("versions")
            report["tasks"].append(found)
            report["elapsed_seconds"] = perf_counter() - began
            write(report, options.output)
    for threads, peak in measured_peaks().items():
        report["peaks"][threads] = max(peak, report["peaks"][threads])
    report["elapsed_seconds"] = perf_counter() - began
    write(report, options.output)
    say(f"written: {options.output / 'speed.md'} and speed.json, in {_minutes(began)} minutes")
    if any(NNKIT not in (each["name"] for each in task["contenders"]) for task in report["tasks"]):
        sys.exit("error: nnkit failed, or was left out; see above")


def ordered(tasks: Sequence[Task]) -> list[Task]:
    """Returns the tasks, those with the slowest steps first; the others share what time is left."""
    return sorted(tasks, key=lambda task: -task.row.operations("training"))


def installed(contenders: Sequence[Contender]) -> list[Contender]:
    """Returns the contenders whose libraries are installed; says which are not."""
    found = []
    for contender in contenders:
        try:
            _ = contender.versions
        except PackageNotFoundError as error:
            say(f"{contender.title} is left out: {error}")
        else:
            found.append(contender)
    return found


def material(task: Task, root: Path) -> Path:
    """Returns the folder with the data and weights of a task's row, written if need be."""
    folder = root / task.row.name
    if not folder.exists():
        folder.mkdir()
        command = [sys.executable, "-m", "benchmarks.material", task.row.name, str(folder)]
        if subprocess.run(command, cwd=ROOT, check=False).returncode:
            sys.exit(1)  # the error has been printed
    return folder


def write(report: Report, folder: Path) -> None:
    """Writes the results so far, so that they survive an interruption."""
    folder.mkdir(parents=True, exist_ok=True)
    places = {name: number for number, name in enumerate([*ROWS, *JOBS])}
    report["tasks"].sort(key=lambda task: (places[task["network"]], places[task["job"]]))
    (folder / "speed.json").write_text(json.dumps(report, indent=1) + "\n")
    explanation = os.path.relpath(Path(__file__).parent / "README.md", folder)
    (folder / "speed.md").write_text(markdown(report, explanation))


def _minutes(began: float) -> str:
    return f"{(perf_counter() - began) / 60:.1f}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__)
    names = [contender.name for contender in CONTENDERS]
    add = parser.add_argument
    add("--short", action="store_true", help="3 rounds of 0.2 s in 9 minutes")
    add("--rounds", type=int, help="portions of each contender; default 7")
    add("--seconds", type=float, help="length of a portion; default 0.5")
    add("--minutes", type=float, help="what all may take, within which settings are tried; 28")
    add("--search", action="store_true", help="try all settings again, also those known")
    add("--rows", nargs="+", choices=ROWS, default=[*ROWS], metavar="ROW", help=", ".join(ROWS))
    add("--jobs", nargs="+", choices=JOBS, default=JOBS, metavar="JOB", help=" or ".join(JOBS))
    add("--only", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names))
    add("--output", type=Path, default=RESULTS, metavar="FOLDER", help="for all files")
    options = parser.parse_args()
    for name, value in (SHORT if options.short else WHOLE).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    return options


if __name__ == "__main__":
    # Ends the workers too; a shell's background process would otherwise ignore Ctrl-C.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        main()
    except KeyboardInterrupt:
        say("interrupted")
        sys.exit(130)
    except SavedSettingsError as error:
        sys.exit(f"error: {error}")
    except WorkerError as error:
        sys.exit(f"error: a worker ended: {error}")
