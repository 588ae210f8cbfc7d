"""Removal of runs: which may be removed, and in an order that an interruption cannot corrupt."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from nnkit.errors import UsageError
from nnkit.files import remove_torn
from nnkit.runs.directory import RunDirectory
from nnkit.runs.results import final_metrics, rank

RUN_NAME = re.compile(r".+-[0-9a-f]{8}")
AGE = re.compile(r"(\d{1,6}) ?([hdw])")
HOURS = {"h": 1, "d": 24, "w": 7 * 24}


@dataclass(frozen=True, slots=True)
class Removable:
    """A run that may be removed.

    Attributes:
        run: the run.
        state: its state.
        size: bytes of all files in its folder.
        trained_at: when it was trained last, in seconds since 1970.
    """

    run: RunDirectory
    state: str
    size: int
    trained_at: float


def seconds_of(age: str) -> float:
    """Converts an age such as `12h`, `30d` or `8w` to seconds.

    Raises:
        UsageError: the text is not an age.
    """
    found = AGE.fullmatch(age.strip())
    if found is None:
        raise UsageError(f"'{age}' is not an age; write hours, days or weeks, as in 12h, 30d or 8w")
    return 3600.0 * HOURS[found[2]] * int(found[1])


def removable(runs: Iterable[RunDirectory]) -> list[Removable]:
    """The runs that may be removed: folders made by nnkit in which no process is training."""
    return [
        Removable(run, run.state, _size(run.path), run.trained_at)
        for run in runs
        if is_run_folder(run) and not run.training
    ]


def is_run_folder(run: RunDirectory) -> bool:
    """Whether nnkit made the folder, which is stricter than being listed.

    Any folder with a config.yaml is listed as a run. One that nnkit made is also named NAME-HASH,
    and has a folder of checkpoints or a lock file. A symbolic link does not count: what it points
    to may be used elsewhere.
    """
    checkpoints = run.best.parent
    return (
        RUN_NAME.fullmatch(run.path.name) is not None
        and run.config.is_file()
        and (checkpoints.is_dir() or run.lock.is_file())
        and not any(path.is_symlink() for path in (run.path, checkpoints))
    )


def beyond_best(
    runs: Iterable[RunDirectory],
    keep: int,
    metric: str | None,
    higher_is_better: Callable[[str], bool],
) -> list[RunDirectory]:
    """The finished runs that are not among the best of their name; not those without the metric.

    Runs of a name whose values cannot be compared, because they have other data, are ranked apart.

    Args:
        runs: the runs.
        keep: how many runs of each name, and of each data set, are the best.
        metric: the metric; by default the one that the runs of a name monitor.
        higher_is_better: whether higher values of a metric are better.

    Raises:
        UsageError: the runs of a name monitor different metrics, or none.
    """
    by_name = defaultdict(list)
    for run in runs:
        if run.read_summary() is not None:
            by_name[run.name].append(run)
    found: list[RunDirectory] = []
    for name, same in by_name.items():
        if len(same) > keep:
            chosen = metric or _monitored(name, same)
            for results in rank(same, chosen, higher=higher_is_better(chosen)).groups:
                found.extend(result.run for result in results[keep:])
    return found


def _monitored(name: str, runs: Iterable[RunDirectory]) -> str:
    """The metric that all runs of a name monitor."""
    summaries = [run.read_summary() or {} for run in runs]
    monitors = sorted({str(summary.get("monitor")) for summary in summaries})
    if len(monitors) > 1:
        raise UsageError(
            f"the runs named {name} monitor different metrics, {' and '.join(monitors)}; "
            "name one with --metric"
        )
    if not any(monitors[0] in final_metrics(summary) for summary in summaries):
        raise UsageError(
            f"the runs named {name} monitor {monitors[0]}, which does not rank them; "
            "name a metric with --metric"
        )
    return monitors[0]


def remove(run: RunDirectory) -> list[Path]:
    """Removes a run; returns what stays in its folder because nnkit did not write it.

    The summary goes first, because it marks the run as finished, then the checkpoint to resume
    from, and config.yaml last, so that the rest of an interrupted removal is listed as a run that
    has not begun and can be removed again.

    Raises:
        UsageError: a process is training in the folder, or nnkit did not make it.
        OSError: a file cannot be removed.
    """
    if not is_run_folder(run):
        raise UsageError(f"{run.path}: not the folder of a run")
    checkpoints = run.best.parent
    with run.locked():
        run.clear()
        for file in (run.summary, run.last, run.best, run.diverged, run.metrics, run.config):
            remove_torn(file)
        if checkpoints.is_dir() and not any(checkpoints.iterdir()):
            checkpoints.rmdir()
        run.config.unlink()
        run.lock.unlink()
        kept = sorted(run.path.iterdir())
        if not kept:
            run.path.rmdir()
    return kept


def _size(folder: Path) -> int:
    """The bytes of all files in a folder and those below it."""
    return sum(
        (Path(place) / name).lstat().st_size
        for place, _, names in os.walk(folder)
        for name in names
    )
