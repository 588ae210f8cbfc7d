"""The processors that this process may use: its affinity, and the limits of control groups.

A container that is limited to two processors still sees all those of its machine. With a thread for
each of them, it would be stopped most of the time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from math import ceil, inf
from pathlib import Path, PurePosixPath

MEMBERSHIP = Path("/proc/self/cgroup")  # the control groups of this process, on Linux
GROUPS = Path("/sys/fs/cgroup")


def usable_processors() -> frozenset[int]:
    """The numbers of the processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return frozenset(os.sched_getaffinity(0))
    return frozenset(range(os.cpu_count() or 1))


def within_quota(processors: int) -> int:
    """The number of processors that control groups let run at once, of a number; at least one."""
    return max(1, ceil(min(processor_quota(), processors)))


def processor_quota(membership: Path = MEMBERSHIP, groups: Path = GROUPS) -> float:
    """The seconds of processor time a second that control groups allow; infinite without a limit.

    Linux documentation, admin-guide/cgroup-v2.rst, "CPU Interface Files", and
    scheduler/sched-bwc.rst for version 1.

    Args:
        membership: the file that names the control groups of the process.
        groups: the folder where control groups are mounted.
    """
    return min(map(_quota, _folders(membership, groups)), default=inf)


def _folders(membership: Path, groups: Path) -> Iterator[Path]:
    """Yields the folders of the groups that may limit processor time, and of those around them."""
    with suppress(OSError, ValueError):
        for line in _text(membership).splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers and "cpu" not in controllers.split(","):
                continue
            mounted = groups / "cpu" if controllers else groups  # of versions 1 and 2
            group = PurePosixPath(path)
            for each in (group, *group.parents):
                yield mounted / each.relative_to("/")


def _quota(folder: Path) -> float:
    """The limit of a control group; infinite if it has none, or is not visible from here."""
    with suppress(OSError, ValueError):
        quota, period = map(float, _text(folder / "cpu.max").replace("max", "inf").split())
        return quota / period
    with suppress(OSError, ValueError):
        quota, period = (
            float(_text(folder / f"cpu.cfs_{name}_us")) for name in ("quota", "period")
        )
        return quota / period if quota > 0 else inf
    return inf


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
