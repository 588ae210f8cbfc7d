"""The machine on which a benchmark runs."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from time import sleep
from typing import Any

VECTORS = {"avx512f": "AVX-512", "avx2": "AVX2"}  # flags in /proc/cpuinfo, the widest first


def machine() -> dict[str, Any]:
    """Describes the machine."""
    found = _processor()
    flags = found.get("flags", "").split()
    return {
        "cpu": found.get("model name") or platform.processor() or platform.machine(),
        "vectors": next((name for flag, name in VECTORS.items() if flag in flags), ""),
        "cores": os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": platform.platform(),
    }


def busy_cores(seconds: float = 1.0) -> float:
    """Returns how many cores other programs use: on Linux now, elsewhere in the last minute."""
    if not Path("/proc/stat").is_file():
        return os.getloadavg()[0]
    before = _times()
    sleep(seconds)
    passed = [now - then for now, then in zip(_times(), before, strict=True)]
    idle = (
        passed[3] + passed[4]
    )  # the fourth is idle time, the fifth idle time that waits for disks
    return (os.cpu_count() or 1) * (1 - idle / max(sum(passed), 1))


def _times() -> list[int]:
    """Reads how much time all cores have spent on each kind of work, in ticks."""
    _, *fields = Path("/proc/stat").read_text().partition("\n")[0].split()
    return [int(field) for field in fields[:8]]  # the others are parts of these


def _processor() -> dict[str, str]:
    """Reads what Linux says about the first processor; nothing elsewhere."""
    information = Path("/proc/cpuinfo")
    if not information.is_file():
        return {}
    first, _, _ = information.read_text().partition("\n\n")
    lines = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in lines}
