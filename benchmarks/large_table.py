"""A large CSV file: processor time and peak memory to read it, against pandas and polars.

python -m benchmarks.large_table [--rows 300000] [--rounds 3]

The table has 21 columns: floats, whole numbers, words, one with missing values. Each reader runs
in a process of its own, and its imports are not timed; pandas and polars are left out if they are
not installed. `nnkit, again` is the second time, from the cache. The commands are whole processes,
imports included, the first with an empty cache, `nnkit train` up to its first step; `import pandas`
is a process that imports pandas and reads the table. All in turns; medians of the rounds.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
PART = 50_000  # rows written at a time

MEASURED = """
import resource, time
{imports}
began = time.process_time()
{reading}
seconds = time.process_time() - began
print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000)
"""
READ = """
table = read_table(Path({path!r}), Dialect(), NumberFormat())
arrays = [np.asarray(array) for c in table.columns.values() for array in (c.values, c.codes)]
"""
IMPORTS = """
from pathlib import Path
import numpy as np
from nnkit.data.tables.dialect import Dialect
from nnkit.data.tables.number_format import NumberFormat
from nnkit.data.tables.{module} import {function} as read_table
"""
READERS = {
    "nnkit": (IMPORTS.format(module="table_reader", function="read_table"), READ),
    "nnkit, first": (IMPORTS.format(module="table_cache", function="cached_table"), READ),
    "nnkit, again": (IMPORTS.format(module="table_cache", function="cached_table"), READ),
    "pandas": ("import pandas", "table = pandas.read_csv({path!r})"),
    "polars": ("import polars", "table = polars.read_csv({path!r})"),
}
COMMANDS = {
    "nnkit init": ["init", "{path}", "-o", "{config}"],
    "nnkit init, again": ["init", "{path}", "-o", "{config}"],
    "nnkit data check": ["data", "check", "{config}"],
    "nnkit train": ["train", "{config}", "--dry-run"],
}


def main() -> None:
    """Prints a row for each reader, then for each command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "large.csv"
        # In another process, whose peak memory those that this one starts would inherit.
        writer = get_context("spawn").Process(target=write_table, args=(path, options.rows))
        writer.start()
        writer.join()
        print(f"{options.rows:,} rows, 21 columns, {path.stat().st_size / 1e6:.0f} MB")
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": folder}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # modules are compiled once, as pandas is
        measured: dict[str, list[tuple[float, float]]] = {}
        for _ in range(options.rounds):  # in turns, so that all see the same machine
            for name, pair in one_round(path, environment):
                measured.setdefault(name, []).append(pair)
        width = max(map(len, measured)) + 2
        print(f"{'':{width}}{'s':>6}{'peak MB':>10}")
        for name, pairs in measured.items():
            seconds, memory = (median(values) for values in zip(*pairs, strict=True))
            print(f"{name:{width}}{seconds:6.2f}{memory:10.0f}")


def one_round(path: Path, environment: dict[str, str]) -> Iterator[tuple[str, tuple[float, float]]]:
    """Measures every reader and every command once; yields its name, seconds and megabytes."""
    for name, parts in READERS.items():
        if name == "nnkit, first":
            empty_cache(path)
        found = measure(parts, path, environment)
        if found is not None:
            yield name, found
    imports, reading = READERS["pandas"]
    script = f"{imports}\n{reading.format(path=str(path))}"
    whole = whole_process([sys.executable, "-c", script], path, environment)
    if whole is not None:
        yield "import pandas", whole
    empty_cache(path)
    for name, arguments in COMMANDS.items():
        config = path.with_suffix(".yaml")
        if arguments[0] == "init":
            config.unlink(missing_ok=True)
        given = [argument.format(path=path, config=config) for argument in arguments]
        found = whole_process([sys.executable, "-m", "nnkit", *given], path, environment)
        assert found is not None, name
        yield name, found


def empty_cache(path: Path) -> None:
    """Removes the parsed tables."""
    shutil.rmtree(path.parent / "nnkit" / "tables", ignore_errors=True)


def write_table(path: Path, rows: int) -> None:
    """Writes a table of random cells."""
    dice = np.random.default_rng(0)
    words = np.array([f"category {i}" for i in range(40)])
    names = [f"x{i}" for i in range(11)] + [f"k{i}" for i in range(5)]
    names += ["w0", "w1", "gaps", "flag", "y"]
    with path.open("w", encoding="utf-8") as file:
        file.write(",".join(names) + "\n")
        for start in range(0, rows, PART):
            count = min(PART, rows - start)
            columns = [np.char.mod("%.5f", dice.normal(0, 100, count)) for _ in range(11)]
            columns += [dice.integers(0, 10 ** (i + 2), count).astype(str) for i in range(5)]
            columns += [dice.choice(words, count) for _ in range(2)]
            gaps = np.char.mod("%.6f", dice.random(count))
            columns.append(np.where(dice.random(count) < 0.1, "", gaps))
            columns.append(dice.choice(["yes", "no"], count))
            columns.append(np.char.mod("%.4f", dice.normal(0, 1000, count)))
            file.writelines(",".join(row) + "\n" for row in zip(*columns, strict=True))


def measure(
    parts: tuple[str, str], path: Path, environment: dict[str, str]
) -> tuple[float, float] | None:
    """Seconds and peak megabytes of a reader; None if its library is not installed."""
    imports, reading = parts
    script = MEASURED.format(imports=imports, reading=reading.format(path=str(path)))
    ended = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    if "ModuleNotFoundError" in ended.stderr:
        return None
    seconds, memory = map(float, ended.stdout.split())
    return seconds, memory


def whole_process(
    command: list[str], path: Path, environment: dict[str, str]
) -> tuple[float, float] | None:
    """Processor seconds and peak megabytes of a process; None if it fails."""
    process = subprocess.Popen(
        command,
        cwd=path.parent,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        return None
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1000


if __name__ == "__main__":
    main()
