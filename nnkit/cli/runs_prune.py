"""`nnkit runs prune`: remove runs that are no longer needed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Annotated, Any

from nnkit.cli.options import JsonOption, RunsOption, option, switch
from nnkit.cli.output import print_json, say, show_bytes, table

if TYPE_CHECKING:
    from nnkit.runs.pruning import Removable


KeepBestOption = Annotated[
    int | None,
    option("--keep-best", "N", "Remove finished runs, except for the N best of each name.", min=1),
]
BestMetricOption = Annotated[
    str | None,
    option(
        "--metric", "NAME", "What is best, such as test.accuracy; default: the monitored metric."
    ),
]
OlderThanOption = Annotated[
    str | None,
    option(
        "--older-than", "AGE", "Remove runs of any state last trained that long ago: 12h, 30d, 8w."
    ),
]
YesOption = Annotated[bool, switch("--yes -y", "Do not ask.")]
DryRunOption = Annotated[bool, switch("--dry-run", "List what would be removed; remove nothing.")]


def prune(
    keep_best: KeepBestOption = None,
    metric: BestMetricOption = None,
    older_than: OlderThanOption = None,
    yes: YesOption = False,
    dry_run: DryRunOption = False,
    runs: RunsOption = Path("runs"),
    as_json: JsonOption = False,
) -> None:
    """Remove runs: by default those that are not finished.

    These are interrupted, diverged or have not begun. --keep-best or --older-than select other
    runs instead, and together only those that both select. With --keep-best, runs without the
    metric are kept, and runs of one name with other data are ranked apart.

    Lists the runs with their sizes and asks before removing them; without a terminal, --yes is
    needed. A run in which a process is training is never removed, nor a folder that nnkit did not
    make, nor files in a run's folder that nnkit did not write.
    """
    from nnkit.errors import UsageError
    from nnkit.metrics import check_figure
    from nnkit.runs.pruning import seconds_of

    if metric is not None and keep_best is None:
        raise UsageError("--metric needs --keep-best")
    if yes and dry_run:
        raise UsageError("--yes and --dry-run exclude each other; use one of them")
    if metric is not None:
        check_figure(metric)
    before = None if older_than is None else time() - seconds_of(older_than)
    found = _selected(runs, keep_best, metric, before)
    if found and not as_json:
        print(_listed(found), flush=True)
    agreed = not dry_run and bool(found) and (yes or _confirmed(len(found), as_json))
    removed = [one for one in found if _remove(one)] if agreed else []
    if as_json:
        selected = [_record(one, removed=one in removed) for one in found]
        print_json({"runs": selected, "bytes": sum(one.size for one in found)})
    elif not found:
        print(f"nothing to remove in {runs}/")
    elif not removed:
        say("nothing was removed")
    else:
        size = show_bytes(sum(one.size for one in removed))
        say(f"removed {len(removed):,} run{'s' * (len(removed) > 1)}, {size}")


def _selected(
    runs: Path, keep_best: int | None, metric: str | None, before: float | None
) -> list[Removable]:
    """The runs to remove."""
    from nnkit.metrics import higher_is_better
    from nnkit.runs.directory import list_runs
    from nnkit.runs.pruning import beyond_best, removable

    listed = list_runs(runs)
    found = removable(listed)
    if keep_best is not None:
        ranked = {run.path for run in beyond_best(listed, keep_best, metric, higher_is_better)}
        found = [one for one in found if one.run.path in ranked]
    elif before is None:
        found = [one for one in found if one.state != "finished"]
    if before is not None:
        found = [one for one in found if one.trained_at < before]
    return found


def _listed(found: Sequence[Removable]) -> str:
    rows = [
        (one.run.path.name, one.state, f"{_date(one):%Y-%m-%d %H:%M}", show_bytes(one.size))
        for one in found
    ]
    total = ("together", "", "", show_bytes(sum(one.size for one in found)))
    return table(("run", "state", "last trained", "size"), [*rows, *[total] * (len(rows) > 1)])


def _date(one: Removable) -> datetime:
    return datetime.fromtimestamp(one.trained_at, UTC).astimezone()


def _confirmed(count: int, as_json: bool) -> bool:
    """Asks whether to remove the runs.

    Raises:
        UsageError: nobody can be asked.
    """
    from nnkit.errors import UsageError

    if as_json or not sys.stdin.isatty():
        raise UsageError(
            "nothing was removed: there is no terminal to ask for confirmation; repeat the command "
            "with --yes to remove these runs"
        )
    which = "this run" if count == 1 else f"these {count:,} runs"
    print(f"remove {which}? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _remove(one: Removable) -> bool:
    """Removes a run, unless training began in it since it was listed."""
    from nnkit.errors import UsageError
    from nnkit.runs.pruning import remove

    try:
        kept = remove(one.run)
    except UsageError as error:
        say(f"{error}; left as it is")
        return False
    if kept:
        names = ", ".join(path.name for path in kept)
        say(f"{one.run.path}: kept what nnkit did not write: {names}")
    return True


def _record(one: Removable, *, removed: bool) -> dict[str, Any]:
    return {
        "run": str(one.run.path),
        "state": one.state,
        "bytes": one.size,
        "trained_at": _date(one).isoformat(timespec="seconds"),
        "removed": removed,
    }
