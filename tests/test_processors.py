"""Tests of the number of processors: limits of control groups, of both versions."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from pathlib import Path

import pytest

from nnkit import processors
from nnkit.processors import processor_quota, usable_processors, within_quota

# As in a container, on a system with systemd, and with the controllers of version 1.
CONTAINER = "0::/\n"
SLICES = "0::/user.slice/user-7.slice/job.scope\n"
VERSION_1 = "5:memory:/docker/7\n4:cpu,cpuacct:/docker/7\n0::/\n"
V1 = "cpu.cfs_quota_us", "cpu.cfs_period_us"


@pytest.mark.parametrize(
    ("membership", "files", "quota"),
    [
        (CONTAINER, {}, inf),
        (CONTAINER, {"cpu.max": "max 100000\n"}, inf),
        (CONTAINER, {"cpu.max": "250000 100000\n"}, 2.5),
        (CONTAINER, {"cpu.max": "unknown\n"}, inf),
        (SLICES, {"user.slice/user-7.slice/cpu.max": "300000 100000"}, 3),
        (
            SLICES,
            {
                "user.slice/cpu.max": "50000 100000",
                "user.slice/user-7.slice/job.scope/cpu.max": "800000 100000",
                "user.slice/user-8.slice/cpu.max": "10000 100000",
            },
            0.5,
        ),
        (VERSION_1, {f"cpu/{V1[0]}": "-1", f"cpu/{V1[1]}": "100000"}, inf),
        (VERSION_1, {f"cpu/docker/7/{V1[0]}": "400000", f"cpu/docker/7/{V1[1]}": "100000"}, 4),
        (VERSION_1, {f"cpu/{V1[0]}": "150000", f"cpu/{V1[1]}": "100000"}, 1.5),  # in the container
        (VERSION_1, {f"memory/docker/7/{V1[0]}": "1", f"memory/docker/7/{V1[1]}": "100000"}, inf),
        ("", {"cpu.max": "100000 100000"}, inf),
    ],
)
def test_the_least_limit_of_all_groups_around_the_process_counts(
    membership: str, files: Mapping[str, str], quota: float, tmp_path: Path
) -> None:
    own = tmp_path / "membership"
    own.write_text(membership)
    for name, content in files.items():
        path = tmp_path / "groups" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    assert processor_quota(own, tmp_path / "groups") == quota


def test_without_control_groups_there_is_no_limit(tmp_path: Path) -> None:
    assert processor_quota(tmp_path / "absent", tmp_path) == inf


@pytest.mark.parametrize(
    ("quota", "count"), [(inf, 8), (100.0, 8), (2.5, 3), (2.0, 2), (0.1, 1), (0.0, 1)]
)
def test_as_many_processors_are_used_as_the_limit_has_begun(
    quota: float, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processors, "processor_quota", lambda: quota)
    assert within_quota(8) == count


def test_this_process_has_a_processor() -> None:
    assert within_quota(len(usable_processors())) >= 1
