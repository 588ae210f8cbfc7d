"""The machine on which a benchmark runs."""

from __future__ import annotations

import os
import platform
from pathlib import Path
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


def _processor() -> dict[str, str]:
    """Reads what Linux says about the first processor; nothing elsewhere."""
    information = Path("/proc/cpuinfo")
    if not information.is_file():
        return {}
    first, _, _ = information.read_text().partition("\n\n")
    lines = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in lines}
